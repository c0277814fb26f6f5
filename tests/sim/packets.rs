use fulmar::codec::{self, Packet};
use fulmar::types::Protocol;

/// Takes the first whole packet off a stream. What the codec refuses is a failure of the run:
/// neither side sends anything illegal.
pub fn next_packet(stream: &mut Vec<u8>) -> Option<Vec<u8>> {
    let frame = codec::frame(stream, usize::MAX).expect("a legal frame");
    let len = frame?.len;
    Some(stream.drain(..len).collect())
}

/// The packet in bytes that [`next_packet`] gave.
pub fn decoded(bytes: &[u8], protocol: Protocol) -> Packet<'_> {
    let frame = codec::frame(bytes, usize::MAX).expect("a legal frame").expect("a whole one");
    codec::decode(frame, protocol).unwrap_or_else(|error| panic!("illegal packet: {error}"))
}

pub fn encoded(packet: &Packet<'_>, protocol: Protocol) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(packet, protocol, &mut bytes);
    bytes
}

/// Tells one message from all others, wills included: its number stands in its payload.
/// An empty payload clears a retained message and has the number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl Key {
    pub const CLEARING: Self = Self(0);

    /// A payload that carries the number, with `padding` bytes behind it.
    pub fn payload(self, padding: usize) -> Vec<u8> {
        let mut payload = format!("{}:", self.0).into_bytes();
        payload.resize(payload.len() + padding, b'.');
        payload
    }

    pub fn of(payload: &[u8]) -> Self {
        if payload.is_empty() {
            return Self::CLEARING;
        }
        let end = payload.iter().position(|&byte| byte == b':').expect("a payload of the run");
        let digits = std::str::from_utf8(&payload[..end]).expect("digits");
        let padding = &payload[end + 1..];
        assert!(padding.iter().all(|&byte| byte == b'.'), "a payload was damaged");
        Self(digits.parse().expect("a number"))
    }
}
