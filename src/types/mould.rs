use super::spent::Spent;
use super::{Message, MessageHead};

/// What messages are cast in that differ in their payload alone: the rest is put together once for all
/// of them.
#[derive(Debug, Default)]
pub struct Mould {
    /// What is the same in all of them, and behind it whatever the last one had.
    bytes: Vec<u8>,
    common: usize,
    spent: Spent,
}

/// A payload of up to so many bytes is copied twice: that takes less than the care for memory that is
/// to be filled in place.
const COPIED_TWICE_MAX: usize = 2048;

impl Mould {
    /// From now on messages have these parts, as [`Message::new`] takes them.
    pub fn set(&mut self, head: MessageHead, topic: &str, properties: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&Message::fixed(head, topic, properties));
        self.bytes.extend_from_slice(topic.as_bytes());
        self.bytes.extend_from_slice(properties);
        self.common = self.bytes.len();
    }

    /// A message with this payload. [`Self::set`] has to come first.
    #[inline]
    pub fn cast(&mut self, payload: &[u8]) -> Message {
        debug_assert!(self.common > 0, "set first");
        if let Some(spent) = self.spent.take(self.common + payload.len()) {
            return Message::filled(spent, [&self.bytes[..self.common], payload]);
        }
        if payload.len() > COPIED_TWICE_MAX {
            return Message::joined([&self.bytes[..self.common], payload]);
        }
        self.bytes.truncate(self.common);
        self.bytes.extend_from_slice(payload);
        Message::copied(&self.bytes)
    }

    /// If nobody else has this message, its memory is for one to come.
    #[inline]
    pub fn reclaim(&mut self, message: Message) {
        self.spent.keep(message.into_shared());
    }

    /// Keeps room for at most so many bytes of what messages have in common.
    pub fn shrink_to(&mut self, bytes: usize) {
        if self.bytes.capacity() > bytes {
            (self.bytes, self.common) = (Vec::new(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{QoS, Timestamp};

    #[test]
    fn messages_are_as_they_would_be_one_by_one() {
        let head =
            MessageHead { qos: QoS::ExactlyOnce, retain: true, expires_at: Some(Timestamp(7)) };
        let long = vec![b'x'; COPIED_TWICE_MAX + 1];
        let mut mould = Mould::default();
        for (head, topic, properties) in
            [(head, "a/b", &[1, 1][..]), (MessageHead::default(), "a", &[])]
        {
            mould.set(head, topic, properties);
            for payload in [b"", &b"payload"[..], b"p", &long, &long[1..], b"again"] {
                assert_eq!(mould.cast(payload), Message::new(head, topic, properties, payload));
            }
        }
    }

    #[test]
    fn memory_that_is_used_again_holds_the_new_message_alone() {
        let mut mould = Mould::default();
        mould.set(MessageHead::default(), "topic", &[]);
        let kept = mould.cast(b"somebody has it");
        mould.reclaim(kept.clone());
        let spent = mould.cast(b"nobody else has");
        let place = spent.as_bytes().as_ptr();
        mould.reclaim(spent);

        mould.set(MessageHead::default(), "t", &[]);
        let again = mould.cast(b"of the same length.");

        let head = MessageHead::default();
        assert_eq!(again.as_bytes().as_ptr(), place);
        assert_eq!(again, Message::new(head, "t", &[], b"of the same length."));
        assert_eq!(kept, Message::new(head, "topic", &[], b"somebody has it"));
    }

    #[test]
    fn room_for_more_than_is_to_be_kept_is_given_back() {
        let mut mould = Mould::default();
        mould.set(MessageHead::default(), &"t".repeat(1000), &[]);
        mould.shrink_to(4096);
        assert!(mould.bytes.capacity() >= 1000);

        mould.shrink_to(999);

        assert_eq!(mould.bytes.capacity(), 0);
    }
}
