use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::packets::packet_of_any_version;
use super::{VERSIONS, encoded, parsed};

proptest! {
    #[test]
    fn a_part_of_a_packet_needs_more_bytes((protocol, packet) in packet_of_any_version()) {
        let bytes = encoded(&packet, protocol);
        for len in 0..bytes.len() {
            prop_assert_eq!(parsed(&bytes[..len], protocol), Ok(None), "{} bytes", len);
        }
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in vec(any::<u8>(), 0..300)) {
        for protocol in VERSIONS {
            let _ = parsed(&bytes, protocol);
        }
    }

    #[test]
    fn any_body_gets_an_answer(first in any::<u8>(), body in vec(any::<u8>(), 0..300)) {
        for protocol in VERSIONS {
            let _ = parsed(&framed(first, &body), protocol);
        }
    }

    #[test]
    fn any_change_to_a_packet_gets_an_answer(
        (protocol, packet) in packet_of_any_version(),
        change in mutations(),
    ) {
        let bytes = change.apply(&encoded(&packet, protocol));
        for protocol in VERSIONS {
            let _ = parsed(&bytes, protocol);
        }
    }
}

/// Changes to the bytes of a packet. Its remaining length is kept true, so that what is inside
/// gets looked at.
#[derive(Debug, Clone)]
pub struct Mutations(Vec<Mutation>);

#[derive(Debug, Clone)]
enum Mutation {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    First(u8),
}

pub fn mutations() -> impl Strategy<Value = Mutations> {
    let small = prop_oneof![any::<u8>(), 0..4u8];
    let one = prop_oneof![
        4 => (any::<Index>(), small).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        4 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        2 => any::<Index>().prop_map(Mutation::Remove),
        1 => any::<Index>().prop_map(Mutation::Cut),
        1 => any::<u8>().prop_map(Mutation::First),
    ];
    vec(one, 1..4).prop_map(Mutations)
}

impl Mutations {
    pub fn apply(&self, packet: &[u8]) -> Vec<u8> {
        let header_len = 1 + packet[1..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let mut first = packet[0];
        let mut body = packet[header_len..].to_vec();
        for mutation in &self.0 {
            mutation.apply(&mut first, &mut body);
        }
        framed(first, &body)
    }
}

impl Mutation {
    fn apply(&self, first: &mut u8, body: &mut Vec<u8>) {
        match self {
            Self::First(byte) => *first = *byte,
            Self::Insert(at, byte) => body.insert(at.index(body.len() + 1), *byte),
            _ if body.is_empty() => {}
            Self::Set(at, byte) => *at.get_mut(body) = *byte,
            Self::Flip(at, bit) => *at.get_mut(body) ^= 1 << bit,
            Self::Remove(at) => drop(body.remove(at.index(body.len()))),
            Self::Cut(at) => body.truncate(at.index(body.len())),
        }
    }
}

/// `body` with the first byte and the remaining length in front of it.
pub fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut len = body.len();
    while len >= 0x80 {
        packet.push(len as u8 | 0x80);
        len >>= 7;
    }
    packet.push(len as u8);
    packet.extend_from_slice(body);
    packet
}
