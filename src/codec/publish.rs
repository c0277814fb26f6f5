use std::borrow::Cow;

use super::passed_on::PassedOn;
use super::property::{PUBLISH, Property, Section, put_each};
use super::reader::{Reader, topic_name};
use super::writer::{put_binary, put_packet_id, put_varint, varint_len};
use super::{DecodeError, Frame, LastTopic, packet_type};
use crate::types::{PacketId, Protocol, QoS, SubscriptionId, SubscriptionIds};

/// PUBLISH, section 3.3.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish<'a> {
    /// Sent before.
    pub dup: bool,
    /// 0, 1 or 2.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Valid, or empty where an alias stands for it.
    pub topic: &'a str,
    /// For QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// 5.0 only.
    pub properties: PublishProperties<'a>,
    /// Any bytes.
    pub payload: &'a [u8],
}

/// The properties of a PUBLISH, those apart that the server acts upon.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PublishProperties<'a> {
    /// Seconds.
    pub message_expiry_secs: Option<u32>,
    /// As sent: 0 and what passes the receiver's maximum are for the receiver to refuse.
    pub topic_alias: Option<u16>,
    /// Only from a server (`[MQTT-3.3.4-6]`): the connection refuses them from a client.
    pub subscription_ids: SubscriptionIds,
    /// Whether the payload format indicator says that the payload is UTF-8. Decoding tells what
    /// stands in [`Self::passed_on`]; encoding does not look at it.
    pub payload_is_utf8: bool,
    /// The properties that pass through a server unaltered, encoded, in the publisher's order:
    /// payload format indicator, content type, response topic, correlation data, user properties.
    pub passed_on: Cow<'a, [u8]>,
}

/// A PUBLISH without its payload: what the hot path encodes, the payload follows it shared or copied.
#[derive(Debug, Clone, Copy)]
pub struct PublishHead<'a> {
    /// Sent before.
    pub dup: bool,
    /// 0, 1 or 2.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// The bytes of a topic name, empty where the alias stands for it.
    pub topic: &'a [u8],
    /// For QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// Seconds left.
    pub message_expiry_secs: Option<u32>,
    /// Alias to set or to use.
    pub topic_alias: Option<u16>,
    /// Of the subscriptions that matched.
    pub subscription_ids: &'a SubscriptionIds,
    /// As in [`PublishProperties::passed_on`].
    pub passed_on: &'a [u8],
    /// Bytes of payload that follow.
    pub payload_len: usize,
}

pub(super) const DUP: u8 = 0b1000;
pub(super) const QOS: u8 = 0b0110;
const RETAIN: u8 = 0b0001;
/// Bytes of a message expiry interval and of a topic alias, with their identifiers.
const MESSAGE_EXPIRY_LEN: usize = 5;
const TOPIC_ALIAS_LEN: usize = 3;

pub(super) fn flags(dup: bool, qos: QoS, retain: bool) -> u8 {
    let flag = |set, bit| if set { bit } else { 0 };
    flag(dup, DUP) | qos.bits() << 1 | flag(retain, RETAIN)
}

impl PublishHead<'_> {
    /// Appends everything up to the payload, unless the whole packet would have more than `max` bytes:
    /// whether it did.
    pub fn encode_within(&self, max: usize, protocol: Protocol, out: &mut Vec<u8>) -> bool {
        let (properties_len, remaining_len) = self.lengths(protocol);
        let header_len = 1 + varint_len(remaining_len);
        if header_len + remaining_len > max {
            return false;
        }
        out.reserve(header_len + remaining_len - self.payload_len);
        out.push(packet_type::PUBLISH << 4 | flags(self.dup, self.qos, self.retain));
        put_varint(out, remaining_len);
        put_binary(out, self.topic);
        if self.qos != QoS::AtMostOnce {
            put_packet_id(out, self.packet_id.expect("QoS 1 and 2 carry a packet identifier"));
        }
        if protocol.is_v5() {
            put_varint(out, properties_len);
            self.encode_properties(out);
        }
        true
    }

    /// Appends everything up to the payload.
    ///
    /// Panics if [`Self::packet_len`] is above [`super::PACKET_LEN_MAX`], if the topic is longer than
    /// 65,535 bytes, and if a packet identifier is missing in QoS 1 or 2. In QoS 0 there is none
    /// (`[MQTT-2.2.1-2]`): one that is given goes unsaid.
    pub fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        self.encode_within(usize::MAX, protocol, out);
    }

    /// Bytes of the whole packet, payload included; what a maximum packet size is held against.
    /// Above [`super::PACKET_LEN_MAX`] there is no such packet.
    pub fn packet_len(&self, protocol: Protocol) -> usize {
        let (_, remaining_len) = self.lengths(protocol);
        1 + varint_len(remaining_len) + remaining_len
    }

    /// The length of the properties, and the remaining length.
    fn lengths(&self, protocol: Protocol) -> (usize, usize) {
        let id_len = if self.qos == QoS::AtMostOnce { 0 } else { 2 };
        let (mut properties_len, mut section_len) = (0, 0);
        if protocol.is_v5() {
            properties_len = self.properties_len();
            section_len = varint_len(properties_len) + properties_len;
        }
        (properties_len, 2 + self.topic.len() + id_len + section_len + self.payload_len)
    }

    fn properties_len(&self) -> usize {
        let expiry_len = self.message_expiry_secs.map_or(0, |_| MESSAGE_EXPIRY_LEN);
        let alias_len = self.topic_alias.map_or(0, |_| TOPIC_ALIAS_LEN);
        let id_len = |id: SubscriptionId| 1 + varint_len(id.get() as usize);
        let ids_len: usize = self.subscription_ids.iter().map(id_len).sum();
        expiry_len + alias_len + ids_len + self.passed_on.len()
    }

    /// In the order in which clients are used to see them from Mosquitto.
    fn encode_properties(&self, out: &mut Vec<u8>) {
        put_each(out, [self.topic_alias.map(Property::TopicAlias)]);
        put_each(out, self.subscription_ids.iter().map(Property::SubscriptionIdentifier).map(Some));
        out.extend_from_slice(self.passed_on);
        put_each(out, [self.message_expiry_secs.map(Property::MessageExpiryInterval)]);
    }
}

impl<'a> Publish<'a> {
    /// Parses a frame of which [`Frame::is_publish`] holds. A topic name that is the last one is not
    /// checked again.
    #[inline]
    pub fn decode(
        frame: Frame<'a>,
        protocol: Protocol,
        last: &'a mut LastTopic,
    ) -> Result<Self, DecodeError> {
        Self::decode_with(frame, protocol, |bytes| last.check(bytes))
    }

    pub(super) fn decode_alone(frame: Frame<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        Self::decode_with(frame, protocol, topic_name)
    }

    #[inline]
    fn decode_with(
        frame: Frame<'a>,
        protocol: Protocol,
        topic_name: impl FnOnce(&'a [u8]) -> Result<&'a str, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut body = Reader::new(frame.body);
        let qos = QoS::from_bits(frame.first >> 1 & 0b11)
            .ok_or(DecodeError::malformed("PUBLISH has QoS 3"))?;
        let topic = topic_name(body.binary()?)?;
        let packet_id = if qos == QoS::AtMostOnce { None } else { Some(body.packet_id()?) };
        let properties = PublishProperties::decode(&mut body, protocol)?;
        Ok(Self {
            dup: frame.first & DUP != 0,
            qos,
            retain: frame.first & RETAIN != 0,
            topic: named_or_alias(topic, properties.topic_alias, protocol)?,
            packet_id,
            properties,
            payload: body.rest(),
        })
    }

    pub(super) fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        self.head().encode(protocol, out);
        out.extend_from_slice(self.payload);
    }

    fn head(&self) -> PublishHead<'_> {
        PublishHead {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: self.topic.as_bytes(),
            packet_id: self.packet_id,
            message_expiry_secs: self.properties.message_expiry_secs,
            topic_alias: self.properties.topic_alias,
            subscription_ids: &self.properties.subscription_ids,
            passed_on: &self.properties.passed_on,
            payload_len: self.payload.len(),
        }
    }
}

/// Section 3.3.2.1: an empty topic name wants an alias; where there are none it is malformed
/// (`[MQTT-4.7.3-1]`).
#[inline]
fn named_or_alias(
    topic: &str,
    alias: Option<u16>,
    protocol: Protocol,
) -> Result<&str, DecodeError> {
    if !topic.is_empty() || alias.is_some() {
        return Ok(topic);
    }
    Err(match protocol.is_v5() {
        true => DecodeError::protocol("PUBLISH has neither a topic name nor a topic alias"),
        false => DecodeError::malformed("the topic name is empty"),
    })
}

impl<'a> PublishProperties<'a> {
    #[inline]
    fn decode(body: &mut Reader<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        match protocol {
            Protocol::V31 | Protocol::V311 => Ok(Self::default()),
            Protocol::V5 => Self::decode_section(body),
        }
    }

    fn decode_section(body: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut section = Section::open(body, PUBLISH, Protocol::V5)?;
        let mut properties = Self::default();
        let mut passed_on = PassedOn::new(section.whole());
        loop {
            let start = section.position();
            match section.read()? {
                None => break,
                Some(Property::MessageExpiryInterval(secs)) => {
                    properties.message_expiry_secs = Some(secs);
                }
                Some(Property::TopicAlias(alias)) => properties.topic_alias = Some(alias),
                Some(Property::SubscriptionIdentifier(id)) => {
                    append(&mut properties.subscription_ids, id);
                }
                Some(property) => {
                    properties.payload_is_utf8 |=
                        property == Property::PayloadFormatIndicator(true);
                    passed_on.add(start, section.position());
                }
            }
        }
        sort(&mut properties.subscription_ids);
        properties.passed_on = passed_on.finish();
        Ok(properties)
    }
}

/// Puts `id` last. Sorting once at the end keeps a packet full of identifiers from costing the
/// square of their number.
fn append(ids: &mut SubscriptionIds, id: SubscriptionId) {
    match ids {
        SubscriptionIds::None => *ids = SubscriptionIds::One(id),
        SubscriptionIds::One(first) => *ids = SubscriptionIds::Many(Box::new(vec![*first, id])),
        SubscriptionIds::Many(all) => all.push(id),
    }
}

fn sort(ids: &mut SubscriptionIds) {
    let SubscriptionIds::Many(all) = ids else { return };
    all.sort_unstable();
    all.dedup();
    if let [only] = all[..] {
        *ids = SubscriptionIds::One(only);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PACKET_LEN_MAX, Packet, decode, encode_property, frame};
    use super::*;

    #[test]
    fn a_head_is_the_packet_up_to_the_payload() {
        let mut passed_on = Vec::new();
        encode_property(&Property::UserProperty(("k", "v")), &mut passed_on);
        let ids = SubscriptionIds::One(SubscriptionId::new(200).expect("not zero"));
        let head = PublishHead { subscription_ids: &ids, passed_on: &passed_on, ..head(&ids) };

        assert_eq!(bytes(&head, Protocol::V311), [0x3b, 10, 0, 1, b't', 0, 9]);
        let expected = [
            &[0x3b, 29, 0, 1, b't', 0, 9, 18][..],
            &[0x23, 0, 3, 0x0b, 0xc8, 1, 0x26, 0, 1, b'k', 0, 1, b'v'],
            &[0x02, 0, 0, 0, 60],
        ]
        .concat();
        assert_eq!(bytes(&head, Protocol::V5), expected);
        assert_eq!(head.packet_len(Protocol::V311), 12);
        assert_eq!(head.packet_len(Protocol::V5), 31);
    }

    #[test]
    fn qos_0_has_no_packet_identifier() {
        let head = PublishHead { qos: QoS::AtMostOnce, dup: false, ..head(&SubscriptionIds::None) };
        assert_eq!(bytes(&head, Protocol::V311), [0x31, 8, 0, 1, b't']);
    }

    #[test]
    fn the_largest_packet_has_a_head() {
        let head = largest_head(&SubscriptionIds::None);
        assert_eq!(head.packet_len(Protocol::V5), PACKET_LEN_MAX);
        assert_eq!(bytes(&head, Protocol::V5)[..5], [0x3b, 0xff, 0xff, 0xff, 0x7f]);
    }

    #[test]
    #[should_panic(expected = "fits four bytes of seven bits")]
    fn one_byte_more_is_no_packet() {
        let head = largest_head(&SubscriptionIds::None);
        bytes(&PublishHead { payload_len: head.payload_len + 1, ..head }, Protocol::V5);
    }

    #[test]
    fn a_head_is_written_in_one_reservation() {
        let head = PublishHead { topic: b"a/longer/topic", ..head(&SubscriptionIds::None) };
        let head_len = head.packet_len(Protocol::V5) - head.payload_len;
        let mut out = Vec::with_capacity(head_len);
        let room = out.capacity();
        head.encode(Protocol::V5, &mut out);
        assert_eq!((out.len(), out.capacity()), (head_len, room));
    }

    #[test]
    fn what_passes_through_is_borrowed_unless_something_stands_between() {
        let together = [&[0x30, 13, 0, 1, b't', 9][..], &[0x01, 1, 0x03, 0, 1, b'c', 0x23, 0, 1]];
        let apart = [&[0x30, 13, 0, 1, b't', 9][..], &[0x01, 1, 0x23, 0, 1, 0x03, 0, 1, b'c']];
        for (parts, borrowed) in [(together, true), (apart, false)] {
            let bytes = parts.concat();
            let Packet::Publish(publish) = parse(&bytes) else { panic!("a PUBLISH") };
            assert_eq!(*publish.properties.passed_on, [0x01, 1, 0x03, 0, 1, b'c']);
            assert_eq!(matches!(publish.properties.passed_on, Cow::Borrowed(_)), borrowed);
            assert!(publish.properties.payload_is_utf8);
            assert_eq!(publish.properties.topic_alias, Some(1));
        }
    }

    #[test]
    fn subscription_identifiers_come_in_order_and_each_once() {
        let bytes = [0x30, 12, 0, 1, b't', 8, 0x0b, 9, 0x0b, 2, 0x0b, 9, 0x0b, 2];
        let Packet::Publish(publish) = parse(&bytes) else { panic!("a PUBLISH") };
        let ids: Vec<u32> = publish.properties.subscription_ids.iter().map(|id| id.get()).collect();
        assert_eq!(ids, [2, 9]);
    }

    fn head(subscription_ids: &SubscriptionIds) -> PublishHead<'_> {
        PublishHead {
            dup: true,
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: b"t",
            packet_id: PacketId::new(9),
            message_expiry_secs: Some(60),
            topic_alias: Some(3),
            subscription_ids,
            passed_on: &[],
            payload_len: 5,
        }
    }

    /// With as much payload as the remaining length can tell of.
    fn largest_head(subscription_ids: &SubscriptionIds) -> PublishHead<'_> {
        let empty = PublishHead { payload_len: 0, ..head(subscription_ids) };
        let header_growth = 3;
        let payload_len = PACKET_LEN_MAX - empty.packet_len(Protocol::V5) - header_growth;
        PublishHead { payload_len, ..empty }
    }

    fn bytes(head: &PublishHead<'_>, protocol: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        head.encode(protocol, &mut out);
        out
    }

    fn parse(bytes: &[u8]) -> Packet<'_> {
        let frame = frame(bytes, 100).expect("legal").expect("whole");
        decode(frame, Protocol::V5).expect("legal")
    }
}
