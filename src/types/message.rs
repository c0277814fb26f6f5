use std::fmt;
use std::sync::Arc;

use super::{QoS, Timestamp};

/// One application message in one shared allocation: every queue that holds it holds a pointer.
///
/// The bytes are also what a store keeps, so the layout is a file format:
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 1 | bits 0-1 QoS, bit 2 RETAIN |
/// | 1 | 4 | length of the properties, big-endian |
/// | 5 | 8 | when it expires, milliseconds, big-endian; all ones for never |
/// | 13 | 2 | length of the topic, big-endian |
/// | 15 | … | topic, properties, payload |
///
/// The properties are those that pass through the broker unaltered, as a sequence of encoded MQTT 5
/// properties without a length in front: payload format indicator, content type, response topic,
/// correlation data and user properties, in the publisher's order (`[MQTT-3.3.2-17]`). A message without
/// any ends as the packet does that most clients get: topic name and payload, side by side.
#[derive(Clone, PartialEq, Eq)]
pub struct Message(Arc<[u8]>);

/// What a message is sent with, besides topic, properties and payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageHead {
    /// The QoS it was published with.
    pub qos: QoS,
    /// The RETAIN flag it was published with.
    pub retain: bool,
    /// When it is too old to be sent; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl MessageHead {
    /// When a message that was published at `published` is too old, by its expiry interval in
    /// seconds.
    ///
    /// An interval of 0 would be over before anybody can be sent the message; it counts as 1.
    pub fn expiry(published: Timestamp, interval_secs: Option<u32>) -> Option<Timestamp> {
        interval_secs.map(|secs| published.plus_secs(u64::from(secs.max(1))))
    }
}

const PROPERTIES_LEN: usize = 1;
const EXPIRES_AT: usize = 5;
const TOPIC_LEN: usize = 13;
const FIXED: usize = 15;
const RETAIN: u8 = 0b100;

impl Message {
    /// Copies the parts into one allocation.
    ///
    /// `topic` is a valid topic name (at most 65,535 bytes); `properties` are encoded as above.
    pub fn new(head: MessageHead, topic: &str, properties: &[u8], payload: &[u8]) -> Self {
        Self::joined([&Self::fixed(head, topic, properties), topic.as_bytes(), properties, payload])
    }

    /// What stands in front of topic and properties.
    pub(super) fn fixed(head: MessageHead, topic: &str, properties: &[u8]) -> [u8; FIXED] {
        let topic_len = u16::try_from(topic.len()).expect("a topic name fits a string");
        let properties_len = u32::try_from(properties.len()).expect("properties fit a packet");
        let expires_at = head.expires_at.unwrap_or(Timestamp::NEVER).0;
        let mut fixed = [0; FIXED];
        fixed[0] = head.qos.bits() | if head.retain { RETAIN } else { 0 };
        fixed[PROPERTIES_LEN..EXPIRES_AT].copy_from_slice(&properties_len.to_be_bytes());
        fixed[EXPIRES_AT..TOPIC_LEN].copy_from_slice(&expires_at.to_be_bytes());
        fixed[TOPIC_LEN..FIXED].copy_from_slice(&topic_len.to_be_bytes());
        fixed
    }

    /// A message in the layout above, in parts.
    pub(super) fn joined<const N: usize>(parts: [&[u8]; N]) -> Self {
        let total = parts.iter().map(|part| part.len()).sum();
        Self::filled(std::iter::repeat_n(0, total).collect(), parts)
    }

    /// The same in memory of just that length that nobody else has.
    #[inline]
    pub(super) fn filled<const N: usize>(mut memory: Arc<[u8]>, parts: [&[u8]; N]) -> Self {
        let mut rest = Arc::get_mut(&mut memory).expect("nobody else has it");
        for part in parts {
            let (place, behind) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = behind;
        }
        assert!(rest.is_empty(), "memory of just that length");
        Self(memory)
    }

    /// A message in the layout above, whole.
    #[inline]
    pub(super) fn copied(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// What it is held in.
    pub(super) fn into_shared(self) -> Arc<[u8]> {
        self.0
    }

    /// A message from bytes that [`Self::as_bytes`] gave; `None` if they cannot be such.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < FIXED || bytes[0] & !0b111 != 0 {
            return None;
        }
        let message = Self(bytes.into());
        QoS::from_bits(bytes[0] & 0b11)?;
        let topic_end = FIXED.checked_add(message.topic_len())?;
        let properties_end = topic_end.checked_add(message.properties_len())?;
        let topic = std::str::from_utf8(bytes.get(FIXED..topic_end)?).ok()?;
        (properties_end <= bytes.len() && super::topic::is_valid_name(topic)).then_some(message)
    }

    /// The whole message in the layout above.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What it counts against a limit in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a message has at least a topic.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The QoS it was published with.
    pub fn qos(&self) -> QoS {
        QoS::from_bits(self.0[0] & 0b11).expect("checked when the message was made")
    }

    /// The RETAIN flag it was published with.
    pub fn retain(&self) -> bool {
        self.0[0] & RETAIN != 0
    }

    /// When it is too old to be sent; `None` for never.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let at = Timestamp(u64::from_be_bytes(self.field(EXPIRES_AT)));
        (at != Timestamp::NEVER).then_some(at)
    }

    /// Whether it is too old to be sent at `now` (`[MQTT-3.3.2-5]`).
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// Whether routing has the same to say of it as of `other`: topic, QoS and RETAIN are the same.
    #[inline]
    pub fn goes_as(&self, other: &Self) -> bool {
        let name = TOPIC_LEN..FIXED + other.topic_len();
        self.0[0] == other.0[0] && self.0.get(name.clone()) == other.0.get(name)
    }

    /// The topic name.
    pub fn topic(&self) -> &str {
        std::str::from_utf8(self.topic_bytes()).expect("checked when the message was made")
    }

    /// The topic name as bytes: spares the UTF-8 check of [`Self::topic`].
    #[inline]
    pub fn topic_bytes(&self) -> &[u8] {
        &self.0[FIXED..FIXED + self.topic_len()]
    }

    /// The encoded properties, see above.
    pub fn properties(&self) -> &[u8] {
        let start = FIXED + self.topic_len();
        &self.0[start..start + self.properties_len()]
    }

    /// The payload.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        &self.0[FIXED + self.topic_len() + self.properties_len()..]
    }

    /// Bytes of the payload.
    #[inline]
    pub fn payload_len(&self) -> usize {
        self.0.len() - FIXED - self.topic_len() - self.properties_len()
    }

    /// What follows the fixed header of a PUBLISH of QoS 0 before MQTT 5: the topic name with its length
    /// in front, and the payload. `None` where properties stand between them.
    pub fn plain_body(&self) -> Option<&[u8]> {
        (self.properties_len() == 0).then(|| &self.0[TOPIC_LEN..])
    }

    /// The same message with another head.
    pub fn with_head(&self, head: MessageHead) -> Self {
        Self::new(head, self.topic(), self.properties(), self.payload())
    }

    /// The head it has.
    pub fn head(&self) -> MessageHead {
        MessageHead { qos: self.qos(), retain: self.retain(), expires_at: self.expires_at() }
    }

    fn topic_len(&self) -> usize {
        usize::from(u16::from_be_bytes(self.field(TOPIC_LEN)))
    }

    fn properties_len(&self) -> usize {
        u32::from_be_bytes(self.field(PROPERTIES_LEN)) as usize
    }

    #[inline]
    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("the fixed part is always there")
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("head", &self.head())
            .field("topic", &self.topic())
            .field("payload_bytes", &self.payload().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_went_in() {
        let head =
            MessageHead { qos: QoS::ExactlyOnce, retain: true, expires_at: Some(Timestamp(7)) };
        let message = Message::new(head, "a/b", &[1, 0], b"hello");

        assert_eq!(message.head(), head);
        assert_eq!(message.topic(), "a/b");
        assert_eq!(message.properties(), [1, 0]);
        assert_eq!(message.payload(), b"hello");
        assert_eq!(Message::from_bytes(message.as_bytes()), Some(message));
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        let message = Message::new(MessageHead::default(), "topic", &[], b"");
        let bytes = message.as_bytes();
        for cut in 0..bytes.len() {
            assert_eq!(Message::from_bytes(&bytes[..cut]), None, "cut at {cut}");
        }
        let mut qos_3 = bytes.to_vec();
        qos_3[0] = 3;
        assert_eq!(Message::from_bytes(&qos_3), None);
    }

    #[test]
    fn messages_of_one_topic_qos_and_retain_go_alike() {
        let message = |qos, retain, topic, payload: &[u8]| {
            Message::new(MessageHead { qos, retain, expires_at: None }, topic, &[], payload)
        };
        let first = message(QoS::AtLeastOnce, false, "a/b", b"c");
        assert!(message(QoS::AtLeastOnce, false, "a/b", b"other").goes_as(&first));
        assert!(message(QoS::AtLeastOnce, false, "a/b", b"").goes_as(&first));
        for other in [
            message(QoS::AtMostOnce, false, "a/b", b"c"),
            message(QoS::AtLeastOnce, true, "a/b", b"c"),
            message(QoS::AtLeastOnce, false, "a/c", b"c"),
            message(QoS::AtLeastOnce, false, "a/bc", b""),
            message(QoS::AtLeastOnce, false, "a", b"/bc"),
        ] {
            assert!(!other.goes_as(&first) && !first.goes_as(&other), "{other:?}");
        }
    }

    #[test]
    fn a_message_has_a_second_to_be_delivered_in_at_least() {
        let expiry = |secs| MessageHead::expiry(Timestamp(5), Some(secs));
        assert_eq!(expiry(0), Some(Timestamp(1005)));
        assert_eq!(expiry(1), Some(Timestamp(1005)));
        assert_eq!(expiry(2), Some(Timestamp(2005)));
        assert_eq!(MessageHead::expiry(Timestamp(5), None), None);
    }

    #[test]
    fn a_message_expires_at_its_moment() {
        let head = MessageHead { expires_at: Some(Timestamp(1000)), ..MessageHead::default() };
        let message = Message::new(head, "t", &[], b"");
        assert!(!message.is_expired(Timestamp(999)));
        assert!(message.is_expired(Timestamp(1000)));
    }
}
