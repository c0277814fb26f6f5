//! Packets as bytes, legal or not.

/// A packet: its first byte, the remaining length, and `parts` one behind the other.
pub fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![first];
    let mut left = body.len();
    while left > 0x7f {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes.extend(body);
    bytes
}

/// Two bytes of length and `text`, whatever that is: a string or binary data.
pub fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let len = u16::try_from(text.len()).expect("it fits a string");
    [&len.to_be_bytes()[..], text].concat()
}

/// CONNECT of 5.0 without keep alive and properties.
pub fn connect_v5(flags: u8, payload: &[&[u8]]) -> Vec<u8> {
    packet(0x10, &[b"\0\x04MQTT\x05", &[flags], b"\0\0", b"\0", &payload.concat()])
}
