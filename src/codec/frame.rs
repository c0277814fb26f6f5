use super::DecodeError;

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

/// The packet at the start of `bytes`.
///
/// `Ok(None)` while more bytes are needed. A first byte that no packet has, a remaining length of
/// more than four bytes and a packet of more than `limit` bytes are errors as soon as they can be
/// seen, however few bytes have come.
pub fn frame(bytes: &[u8], limit: usize) -> Result<Option<Frame<'_>>, DecodeError> {
    todo!()
}
