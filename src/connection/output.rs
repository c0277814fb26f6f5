use crate::types::Message;

/// Bytes for the socket, in order: what was encoded, and large payloads that are shared with
/// other connections instead of copied.
#[derive(Debug, Default)]
pub struct Output {
    /// All that was encoded or copied.
    pub bytes: Vec<u8>,
    /// Payloads to be sent where so many of `bytes` have been sent; ascending.
    pub bodies: Vec<(usize, Message)>,
}

/// Payloads of this many bytes and more are shared: below it a copy is cheaper than a slice more
/// for the kernel to gather.
pub const SHARED_BODY_MIN: usize = 2048;

impl Output {
    /// How many bytes there are to send, shared ones included.
    pub fn len(&self) -> usize {
        let shared: usize = self.bodies.iter().map(|(_, message)| message.payload().len()).sum();
        self.bytes.len() + shared
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.bodies.is_empty()
    }

    /// What there is to send behind the first `skip` bytes, piece by piece, for a gathering write.
    pub fn chunks(&self, skip: usize) -> impl Iterator<Item = &[u8]> {
        let mut skip = skip;
        self.pieces().filter_map(move |piece| {
            let passed = skip.min(piece.len());
            skip -= passed;
            (passed < piece.len()).then(|| &piece[passed..])
        })
    }

    /// Forgets everything and keeps the room for more.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bodies.clear();
    }

    pub(super) fn push_payload(&mut self, message: &Message) {
        if message.payload().len() < SHARED_BODY_MIN {
            self.bytes.extend_from_slice(message.payload());
        } else {
            self.bodies.push((self.bytes.len(), message.clone()));
        }
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.bodies.iter().map(|(at, _)| *at));
        let ends = self.bodies.iter().map(|(at, _)| *at).chain([self.bytes.len()]);
        let payloads = self.bodies.iter().map(|(_, message)| message.payload()).chain([&[][..]]);
        starts
            .zip(ends)
            .zip(payloads)
            .flat_map(|((start, end), payload)| [&self.bytes[start..end], payload])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::MessageHead;

    #[test]
    fn a_payload_of_2_kib_is_shared_and_one_byte_less_is_copied() {
        let mut output = Output::default();

        output.push_payload(&message(SHARED_BODY_MIN - 1));
        assert_eq!((output.bytes.len(), output.bodies.len()), (SHARED_BODY_MIN - 1, 0));

        output.push_payload(&message(SHARED_BODY_MIN));
        assert_eq!((output.bytes.len(), output.bodies.len()), (SHARED_BODY_MIN - 1, 1));
        assert_eq!(output.len(), 2 * SHARED_BODY_MIN - 1);
    }

    #[test]
    fn a_write_can_go_on_behind_any_byte() {
        let mut output = Output::default();
        output.bytes.extend(b"ab");
        output.push_payload(&message(SHARED_BODY_MIN));
        output.push_payload(&message(SHARED_BODY_MIN));
        output.bytes.extend(b"cd");
        let whole: Vec<u8> = output.chunks(0).flatten().copied().collect();

        assert_eq!(whole.len(), output.len());
        assert!(whole.starts_with(b"abxx") && whole.ends_with(b"xxcd"));
        for skip in 0..=whole.len() {
            let rest: Vec<u8> = output.chunks(skip).flatten().copied().collect();
            assert_eq!(rest, whole[skip..], "behind byte {skip}");
        }
    }

    fn message(payload_bytes: usize) -> Message {
        Message::new(MessageHead::default(), "t", &[], &vec![b'x'; payload_bytes])
    }
}
