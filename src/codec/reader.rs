use super::DecodeError;
use crate::types::{PacketId, topic};

/// Walks the fields of a packet. Every step fails where the bytes end before the field does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

const CUT_OFF: DecodeError = DecodeError::malformed("a field runs past the end of the packet");

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Ends a packet that has no payload of unknown length.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.rest {
            [] => Ok(()),
            _ => Err(DecodeError::malformed("bytes are left behind the last field")),
        }
    }

    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn varint(&mut self) -> Result<u32, DecodeError> {
        let (value, width) = varint(self.rest)?.ok_or(CUT_OFF)?;
        self.rest = &self.rest[width..];
        Ok(value)
    }

    /// Binary data, section 1.5.6: two bytes of length and that many bytes.
    pub fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A UTF-8 encoded string without NUL (`[MQTT-1.5.4-1]`, `[MQTT-1.5.4-2]`).
    ///
    /// Control characters and non-characters pass: the standard leaves them to the receiver, and
    /// they harm nobody here. A byte order mark is a character like any other (`[MQTT-1.5.4-3]`).
    pub fn string(&mut self) -> Result<&'a str, DecodeError> {
        let text = self.utf8()?;
        if text.as_bytes().contains(&0) {
            return Err(DecodeError::malformed("a string contains NUL"));
        }
        Ok(text)
    }

    /// A packet identifier (`[MQTT-2.2.1-3]`).
    pub fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.u16()?).ok_or(DecodeError::protocol("the packet identifier is zero"))
    }

    fn utf8(&mut self) -> Result<&'a str, DecodeError> {
        utf8(self.binary()?)
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    str::from_utf8(bytes).map_err(|_| DecodeError::malformed("a string is not well-formed UTF-8"))
}

/// A topic name (`[MQTT-3.3.2-2]`), or nothing.
pub(super) fn topic_name(bytes: &[u8]) -> Result<&str, DecodeError> {
    let name = utf8(bytes)?;
    if name.is_empty() || topic::is_valid_name(name) {
        return Ok(name);
    }
    Err(match name.as_bytes().contains(&0) {
        true => DecodeError::malformed("a topic name contains NUL"),
        false => DecodeError::protocol("a topic name contains a wildcard"),
    })
}

/// The variable byte integer at the start of `bytes` and how many bytes it takes; `None` while
/// more are needed. Only the shortest form counts (`[MQTT-1.5.5-1]`).
pub(super) fn varint(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    match padded_varint(bytes)? {
        Some((_, width)) if width > 1 && bytes[width - 1] == 0 => {
            Err(DecodeError::malformed("a variable byte integer is longer than needed"))
        }
        read => Ok(read),
    }
}

/// As [`varint`], with any number of zeros in front of the number.
pub(super) fn padded_varint(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((value, at + 1)));
        }
    }
    match bytes.len() {
        0..4 => Ok(None),
        _ => Err(DecodeError::malformed("a variable byte integer has more than four bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ReasonCode;

    #[test]
    fn variable_byte_integers_have_one_form_each() {
        for (bytes, value) in [
            (&[0x00][..], 0),
            (&[0x7f], 127),
            (&[0x80, 0x01], 128),
            (&[0xff, 0x7f], 16_383),
            (&[0x80, 0x80, 0x01], 16_384),
            (&[0xff, 0xff, 0x7f], 2_097_151),
            (&[0x80, 0x80, 0x80, 0x01], 2_097_152),
            (&[0xff, 0xff, 0xff, 0x7f], 268_435_455),
        ] {
            assert_eq!(varint(bytes), Ok(Some((value, bytes.len()))));
        }
        for unfinished in [&[][..], &[0x80], &[0xff, 0xff, 0xff]] {
            assert_eq!(varint(unfinished), Ok(None));
        }
        for wrong in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(varint(wrong).map_err(|e| e.reason), Err(ReasonCode::MalformedPacket));
        }
    }

    #[test]
    fn strings_are_strict_utf8_without_nul() {
        let read = |bytes| Reader::new(bytes).string().map_err(|error| error.what);
        assert_eq!(read(b"\0\x05a\xf0\xaa\x9b\x94"), Ok("a\u{2a6d4}"));
        assert_eq!(read(b"\0\x03\xef\xbb\xbf"), Ok("\u{feff}"));
        assert_eq!(read(b"\0\x04\x01\xef\xbf\xbf"), Ok("\u{1}\u{ffff}"));
        assert_eq!(read(b"\0\x01\0"), Err("a string contains NUL"));
        for wrong in [b"\0\x03\xed\xa0\x80", b"\0\x03\xe0\x80\x80", b"\0\x03abc"] {
            let expected = wrong.ends_with(b"abc");
            assert_eq!(read(wrong).is_ok(), expected);
        }
        assert!(read(b"\0\x02a").is_err());
        assert!(read(b"\0").is_err());
    }
}
