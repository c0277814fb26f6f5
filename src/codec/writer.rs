//! Fields of a packet, appended to a buffer. None of them writes a length that is not true:
//! what cannot be said in a field is either cut (text for people) or a broken promise of ours.

use crate::types::{PacketId, QoS, SubscriptionId};

/// The largest variable byte integer, section 1.5.5.
pub(super) const VARINT_MAX: usize = 268_435_455;

/// Bytes that `value` takes as a variable byte integer.
pub(super) const fn varint_len(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Panics if `value` is above [`VARINT_MAX`].
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    assert!(value <= VARINT_MAX, "a length or identifier fits four bytes of seven bits");
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends what `body` appends, with its length in front as a variable byte integer.
pub(super) fn put_with_length(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(0);
    body(out);
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len as u8;
    } else {
        let mut prefix = Vec::with_capacity(4);
        put_varint(&mut prefix, len);
        out.splice(start..=start, prefix);
    }
}

pub(super) fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(value.into());
}

pub(super) fn put_qos(out: &mut Vec<u8>, value: QoS) {
    out.push(value.bits());
}

pub(super) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_packet_id(out: &mut Vec<u8>, id: PacketId) {
    put_u16(out, id.get());
}

pub(super) fn put_subscription_id(out: &mut Vec<u8>, id: SubscriptionId) {
    put_varint(out, id.get() as usize);
}

/// Panics if `bytes` are more than 65,535.
pub(super) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).expect("binary data and strings fit 65,535 bytes");
    put_u16(out, len);
    out.extend_from_slice(bytes);
}

/// A string that means something to programs: panics if it is longer than 65,535 bytes.
pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    put_binary(out, text.as_bytes());
}

/// A string that may be cut: whole characters, as many as fit 65,535 bytes.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    put_string(out, &text[..end]);
}

pub(super) fn put_pair(out: &mut Vec<u8>, (name, value): (&str, &str)) {
    put_text(out, name);
    put_text(out, value);
}

#[cfg(test)]
mod tests {
    use super::super::reader::varint;
    use super::*;

    #[test]
    fn variable_byte_integers_come_back() {
        for value in [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, VARINT_MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value));
            assert_eq!(varint(&out), Ok(Some((value as u32, out.len()))));
        }
    }

    #[test]
    fn a_length_is_put_in_front_whatever_it_takes() {
        for len in [0, 1, 127, 128, 16_384] {
            let mut out = vec![0xaa];
            put_with_length(&mut out, |out| out.resize(out.len() + len, 0xbb));
            let (value, width) = varint(&out[1..]).expect("legal").expect("whole");
            assert_eq!(value as usize, len);
            assert_eq!(out.len(), 1 + width + len);
            assert!(out[1 + width..].iter().all(|&byte| byte == 0xbb));
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        let text = format!("{}é", "a".repeat(65_534));
        let mut out = Vec::new();
        put_text(&mut out, &text);
        assert_eq!(out[..2], [0xff, 0xfe]);
        assert_eq!(&out[2..], "a".repeat(65_534).as_bytes());

        out.clear();
        put_text(&mut out, &"b".repeat(65_535));
        assert_eq!(out[..2], [0xff, 0xff]);
        assert_eq!(out.len(), 2 + 65_535);
    }
}
