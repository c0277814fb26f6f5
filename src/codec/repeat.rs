use super::Frame;
use crate::types::{PacketId, QoS};

/// How a PUBLISH begins. Another one of the same connection that begins so differs from it in its packet
/// id and payload alone: what was found out about the first holds for both.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    first: u8,
    /// The topic name with its length.
    topic: &'a [u8],
    has_id: bool,
    /// The section of properties, from 5.0 on.
    properties: &'a [u8],
}

impl<'a> Beginning<'a> {
    /// That of a valid PUBLISH with a payload of so many bytes.
    pub fn of(frame: Frame<'a>, qos: QoS, payload_len: usize) -> Option<Self> {
        let name_len = u16::from_be_bytes(*frame.body.first_chunk()?);
        let (topic, rest) = frame.body.split_at_checked(2 + usize::from(name_len))?;
        let has_id = qos > QoS::AtMostOnce;
        let rest = if has_id { rest.get(2..)? } else { rest };
        let properties = rest.get(..rest.len().checked_sub(payload_len)?)?;
        Some(Self { first: frame.first, topic, has_id, properties })
    }

    /// Packet id and payload of `frame` if it begins so.
    #[inline]
    pub fn rest_of<'b>(&self, frame: Frame<'b>) -> Option<(Option<PacketId>, &'b [u8])> {
        if frame.first != self.first {
            return None;
        }
        let rest = frame.body.strip_prefix(self.topic)?;
        if !self.has_id {
            return Some((None, rest.strip_prefix(self.properties)?));
        }
        let (id, rest) = rest.split_first_chunk()?;
        let id = PacketId::new(u16::from_be_bytes(*id))?;
        Some((Some(id), rest.strip_prefix(self.properties)?))
    }
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

        let qos_0 = [&[0x30, 6, 0, 1, b't'][..], b"abc"].concat();
        let empty = [0x30, 3, 0, 1, b't'];
        assert_eq!(rest(&qos_0, &empty, V311), Some((None, &b""[..])));
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
        ] {
            let header = [&[other[0], (other.len() - 2) as u8][..], &other[2..]].concat();
            assert_eq!(rest(&first, &header, V311), None, "{other:?}");
        }
        let v5 = [0x30, 5, 0, 1, b't', 0, b'x'];
        let with_properties = [0x30, 9, 0, 1, b't', 4, 3, 0, 1, b'c', b'x'];
        assert_eq!(rest(&v5, &with_properties, Protocol::V5), None);
        assert_eq!(rest(&with_properties, &v5, Protocol::V5), None);
    }

    fn rest<'a>(
        first: &[u8],
        second: &'a [u8],
        protocol: Protocol,
    ) -> Option<(Option<PacketId>, &'a [u8])> {
        let first = whole(first);
        let mut last = LastTopic::default();
        let publish = Publish::decode(first, protocol, &mut last).expect("valid");
        let beginning =
            Beginning::of(first, publish.qos, publish.payload.len()).expect("a PUBLISH");
        beginning.rest_of(whole(second))
    }

    fn whole(bytes: &[u8]) -> Frame<'_> {
        frame(bytes, 100).expect("legal").expect("whole")
    }
}
