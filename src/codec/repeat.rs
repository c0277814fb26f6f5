use super::Frame;
use super::publish::{DUP, QOS};
use crate::types::PacketId;

/// How a PUBLISH begins. Another one of the same connection that begins so, with no PUBLISH of another
/// beginning between them, differs from it in its packet id and payload alone: what was found out about
/// the first holds for both.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    first: u8,
    /// The topic name with its length.
    topic: &'a [u8],
    /// The section of properties, from 5.0 on.
    properties: &'a [u8],
}

/// What a PUBLISH has that another one that begins as it does has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike<'a> {
    /// For QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// Any bytes.
    pub payload: &'a [u8],
    /// Bytes of the whole packet, header included.
    pub len: usize,
}

impl<'a> Beginning<'a> {
    /// That of a valid PUBLISH with a payload of so many bytes.
    pub fn of(frame: Frame<'a>, payload_len: usize) -> Option<Self> {
        let name_len = u16::from_be_bytes(*frame.body.first_chunk()?);
        let (topic, rest) = frame.body.split_at_checked(2 + usize::from(name_len))?;
        let rest = if has_id(frame.first) { rest.get(2..)? } else { rest };
        let properties = rest.get(..rest.len().checked_sub(payload_len)?)?;
        Some(Self { first: frame.first, topic, properties })
    }

    /// The packet at the start of `bytes`, if it is whole, begins so and has at most `limit` bytes. A
    /// remaining length of more than two bytes, or of more than it needs, is left to [`super::frame`].
    #[inline]
    pub fn next<'b>(&self, bytes: &'b [u8], limit: usize) -> Option<Alike<'b>> {
        let (start, remaining) = match *bytes {
            [first, low @ 0..0x80, ..] if first == self.first => (2, usize::from(low)),
            [first, low, high @ 1..0x80, ..] if first == self.first => {
                (3, usize::from(low & 0x7f) | usize::from(high) << 7)
            }
            _ => return None,
        };
        let len = start + remaining;
        let rest = bytes.get(start..len)?.strip_prefix(self.topic)?;
        let (packet_id, rest) = match has_id(self.first) {
            false => (None, rest),
            true => {
                let (id, rest) = rest.split_first_chunk()?;
                (Some(PacketId::new(u16::from_be_bytes(*id))?), rest)
            }
        };
        let payload = rest.strip_prefix(self.properties)?;
        (len <= limit).then_some(Alike { packet_id, payload, len })
    }

    /// Whether the packets that begin so have the DUP flag.
    pub fn is_dup(&self) -> bool {
        self.first & DUP != 0
    }
}

/// Whether the PUBLISH with this first byte has a packet id: those of QoS 1 and 2 (`[MQTT-2.2.1-2]`).
#[inline]
fn has_id(first: u8) -> bool {
    first & QOS != 0
}

#[cfg(test)]
mod tests {
    use super::super::{LastTopic, Publish, frame};
    use super::*;
    use crate::types::Protocol;

    const V311: Protocol = Protocol::V311;

    #[test]
    fn packets_that_begin_alike_differ_in_id_and_payload() {
        // Topic `t`, packet id 7, a content type or nothing, payload `abc` and `defg`.
        let v311 = [&[0x32, 8, 0, 1, b't', 0, 7][..], b"abc"].concat();
        let other = [&[0x32, 9, 0, 1, b't', 1, 8][..], b"defg"].concat();
        assert_eq!(rest(&v311, &other, V311), Some((PacketId::new(0x0108), &b"defg"[..])));

        let v5 = [&[0x32, 13, 0, 1, b't', 0, 7, 4, 3, 0, 1, b'c'][..], b"abc"].concat();
        let other = [&[0x32, 14, 0, 1, b't', 0, 9, 4, 3, 0, 1, b'c'][..], b"defg"].concat();
        assert_eq!(rest(&v5, &other, Protocol::V5), Some((PacketId::new(9), &b"defg"[..])));

        let empty = [0x30, 3, 0, 1, b't'];
        assert_eq!(rest(QOS_0, &empty, V311), Some((None, &b""[..])));
        let long = [&[0x30, 0x83, 0x02, 0, 1, b't'][..], &[b'x'; 256]].concat();
        assert_eq!(rest(QOS_0, &long, V311), Some((None, &[b'x'; 256][..])));
    }

    #[test]
    fn packets_that_begin_otherwise_are_told_apart() {
        let first = [0x32, 6, 0, 1, b't', 0, 7, b'x'];
        for other in [
            &[0x33, 6, 0, 1, b't', 0, 8, b'x'][..],
            &[0x3a, 6, 0, 1, b't', 0, 8, b'x'],
            &[0x30, 6, 0, 1, b't', 0, 8, b'x'],
            &[0x32, 6, 0, 1, b'u', 0, 8, b'x'],
            &[0x32, 7, 0, 2, b't', b't', 0, 8, b'x'],
            &[0x32, 5, 0, 1, b't', 0, 0],
            &[0x32, 4, 0, 1, b't', 0],
            &[0x32, 3, 0, 1, b't'],
            &[0x32, 1, 0],
            &[0x32],
            &[],
        ] {
            assert_eq!(rest(&first, other, V311), None, "{other:?}");
        }
        let v5 = [0x30, 5, 0, 1, b't', 0, b'x'];
        let with_properties = [0x30, 9, 0, 1, b't', 4, 3, 0, 1, b'c', b'x'];
        assert_eq!(rest(&v5, &with_properties, Protocol::V5), None);
        assert_eq!(rest(&with_properties, &v5, Protocol::V5), None);
    }

    #[test]
    fn only_whole_packets_within_the_limit_are_taken_and_only_in_their_shortest_form() {
        let beginning = beginning(QOS_0, V311);
        let next = |bytes, limit| beginning.next(bytes, limit).map(|alike: Alike<'_>| alike.len);

        let followed = [QOS_0, &[0xc0, 0]].concat();
        assert_eq!(next(&followed, QOS_0.len()), Some(QOS_0.len()));
        assert_eq!(next(&followed, QOS_0.len() - 1), None);
        for cut in 0..QOS_0.len() {
            assert_eq!(next(&QOS_0[..cut], 100), None, "{cut} bytes");
        }
        let padded = [&[0x30, 0x86, 0][..], &QOS_0[2..]].concat();
        assert_eq!(next(&padded, 100), None);
    }

    const QOS_0: &[u8] = &[0x30, 6, 0, 1, b't', b'a', b'b', b'c'];

    /// What the second packet has that is not as in the first.
    fn rest<'a>(
        first: &[u8],
        second: &'a [u8],
        protocol: Protocol,
    ) -> Option<(Option<PacketId>, &'a [u8])> {
        let alike = beginning(first, protocol).next(second, 1000)?;
        assert_eq!(alike.len, second.len());
        Some((alike.packet_id, alike.payload))
    }

    fn beginning(bytes: &[u8], protocol: Protocol) -> Beginning<'_> {
        let whole = frame(bytes, 100).expect("legal").expect("whole");
        let mut last = LastTopic::default();
        let publish = Publish::decode(whole, protocol, &mut last).expect("valid");
        Beginning::of(whole, publish.payload.len()).expect("a PUBLISH")
    }
}
