use std::borrow::Cow;

use crate::types::{PacketId, Protocol, QoS, SubscriptionIds};

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
    /// Whether the payload format indicator says that the payload is UTF-8.
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
    /// Empty where the alias stands for it.
    pub topic: &'a str,
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

impl PublishHead<'_> {
    /// Appends everything up to the payload.
    pub fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        todo!()
    }

    /// Bytes of the whole packet, payload included; what a maximum packet size is held against.
    pub fn packet_len(&self, protocol: Protocol) -> usize {
        todo!()
    }
}
