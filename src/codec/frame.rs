use super::publish::DUP;
use super::reader::{padded_varint, varint};
use super::{DecodeError, packet_type};
use crate::types::ReasonCode;

/// One whole packet as bytes: its first byte, and all that follows the remaining length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Packet type and flags; checked against section 2.1.3.
    pub first: u8,
    /// What the remaining length counts.
    pub body: &'a [u8],
    /// Bytes of the whole packet, header included.
    pub len: usize,
}

impl Frame<'_> {
    /// Whether it is a PUBLISH.
    pub fn is_publish(&self) -> bool {
        self.first >> 4 == packet_type::PUBLISH
    }
}

/// The packet at the start of `bytes`.
///
/// `Ok(None)` while more bytes are needed. A first byte that no packet has (`[MQTT-2.1.3-1]`), a
/// remaining length in more bytes than it needs (`[MQTT-1.5.5-1]`) and a packet of more than `limit`
/// bytes, header included, are errors as soon as they can be seen, however few bytes have come.
#[inline]
pub fn frame(bytes: &[u8], limit: usize) -> Result<Option<Frame<'_>>, DecodeError> {
    frame_with(check_first, varint, bytes, limit)
}

/// The same before 5.0, where nothing forbids a remaining length in more bytes than it needs, and
/// small devices write it so.
#[inline]
pub fn frame_v311(bytes: &[u8], limit: usize) -> Result<Option<Frame<'_>>, DecodeError> {
    frame_with(check_first, padded_varint, bytes, limit)
}

/// As [`frame_v311`] in MQTT 3.1, where flags that a packet type has no use for mean nothing: a SUBSCRIBE
/// that is sent again has DUP there.
pub fn frame_v31(bytes: &[u8], limit: usize) -> Result<Option<Frame<'_>>, DecodeError> {
    frame_with(check_first_v31, padded_varint, bytes, limit)
}

#[inline]
fn frame_with(
    check_first: impl FnOnce(u8) -> Result<(), DecodeError>,
    varint: impl FnOnce(&[u8]) -> Result<Option<(u32, usize)>, DecodeError>,
    bytes: &[u8],
    limit: usize,
) -> Result<Option<Frame<'_>>, DecodeError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    check_first(first)?;
    let Some((remaining, width)) = varint(rest)? else { return Ok(None) };
    let start = 1 + width;
    let len = start + remaining as usize;
    if len > limit {
        let what = "the packet is larger than the maximum packet size";
        return Err(DecodeError { reason: ReasonCode::PacketTooLarge, what });
    }
    Ok(bytes.get(start..len).map(|body| Frame { first, body, len }))
}

/// Tables 2-1 and 2-2: the packet types and the flags that each of them has.
#[inline]
fn check_first(first: u8) -> Result<(), DecodeError> {
    use packet_type::{PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE};
    let flags = first & 0x0f;
    match first >> 4 {
        0 => Err(DecodeError::malformed("packet type 0 is reserved")),
        PUBLISH => check_publish_flags(flags),
        PUBREL | SUBSCRIBE | UNSUBSCRIBE if flags == 0b0010 => Ok(()),
        PUBREL | SUBSCRIBE | UNSUBSCRIBE => Err(RESERVED_FLAGS),
        _ if flags == 0 => Ok(()),
        _ => Err(RESERVED_FLAGS),
    }
}

fn check_first_v31(first: u8) -> Result<(), DecodeError> {
    match first >> 4 {
        0 | packet_type::PUBLISH => check_first(first),
        _ => Ok(()),
    }
}

const RESERVED_FLAGS: DecodeError = DecodeError::malformed(
    "reserved flags in the fixed header are not as the packet type has them",
);

/// `[MQTT-3.3.1-2]` and `[MQTT-3.3.1-4]`.
#[inline]
fn check_publish_flags(flags: u8) -> Result<(), DecodeError> {
    match (flags & DUP != 0, flags >> 1 & 0b11) {
        (_, 3) => Err(DecodeError::malformed("PUBLISH has QoS 3")),
        (true, 0) => Err(DecodeError::malformed("PUBLISH has DUP with QoS 0")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_whole_or_more_bytes_are_needed() {
        let bytes = [0x30, 3, 0, 1, b'a', 0xc0, 0];
        for len in 0..5 {
            assert_eq!(frame(&bytes[..len], 100), Ok(None));
        }
        let first = frame(&bytes, 100).expect("legal").expect("whole");
        assert_eq!(first, Frame { first: 0x30, body: &[0, 1, b'a'], len: 5 });
        let second = frame(&bytes[first.len..], 100).expect("legal").expect("whole");
        assert_eq!(second, Frame { first: 0xc0, body: &[], len: 2 });
    }

    #[test]
    fn one_byte_tells_whether_any_packet_can_start_with_it() {
        let legal: Vec<u8> = (0..=255).filter(|&first| frame(&[first], 100).is_ok()).collect();
        assert_eq!(
            legal,
            [
                0x10, 0x20, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3a, 0x3b, 0x3c, 0x3d, 0x40, 0x50,
                0x62, 0x70, 0x82, 0x90, 0xa2, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0
            ]
        );
    }

    #[test]
    fn only_publish_has_flags_that_can_be_wrong_in_3_1() {
        let illegal: Vec<u8> = (0..=255).filter(|&it| frame_v31(&[it], 100).is_err()).collect();
        let publish = [0x36, 0x37, 0x38, 0x39, 0x3e, 0x3f];
        assert_eq!(illegal, [&(0x00..=0x0f).collect::<Vec<u8>>()[..], &publish].concat());
    }

    #[test]
    fn before_5_0_a_length_may_be_written_long() {
        for bytes in [&[0xc0, 0x80, 0][..], &[0xc0, 0x80, 0x80, 0x80, 0]] {
            let error = frame(bytes, 100).expect_err("not the shortest form");
            assert_eq!(error.reason, ReasonCode::MalformedPacket);
            let whole = Ok(Some(Frame { first: 0xc0, body: &[], len: bytes.len() }));
            assert_eq!(frame_v311(bytes, 100), whole);
            assert_eq!(frame_v31(bytes, 100), whole);
        }
        assert!(frame_v311(&[0xc0, 0x80, 0x80, 0x80, 0x80, 0], 100).is_err());
    }

    #[test]
    fn the_limit_counts_the_whole_packet_and_needs_only_its_length() {
        assert_eq!(frame(&[0x30, 8], 10), Ok(None));
        let error = frame(&[0x30, 9], 10).expect_err("11 bytes");
        assert_eq!(error.reason, ReasonCode::PacketTooLarge);
        assert_eq!(frame(&[0x30, 0xff, 0xff, 0xff], 10), Ok(None));
        let error = frame(&[0x30, 0xff, 0xff, 0xff, 0x7f], 268_435_459).expect_err("one too many");
        assert_eq!(error.reason, ReasonCode::PacketTooLarge);
        assert_eq!(frame(&[0x30, 0xff, 0xff, 0xff, 0x7f], 268_435_460), Ok(None));
    }
}
