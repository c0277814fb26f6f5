use super::packet_type;
use super::publish::flags;
use super::writer::{put_varint, varint_len};
use crate::types::{PacketId, Protocol, QoS};

/// A PUBLISH without properties: what most clients get, in a few copies.
#[derive(Debug, Clone, Copy)]
pub struct PlainPublish<'a> {
    /// Sent before.
    pub dup: bool,
    /// 0, 1 or 2.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// For QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// The topic name with its length in front, and the payload.
    pub body: &'a [u8],
}

impl PlainPublish<'_> {
    /// Appends the whole packet, unless it would have more than `max` bytes: whether it did.
    #[inline]
    pub fn encode_within(&self, max: usize, protocol: Protocol, out: &mut Vec<u8>) -> bool {
        let [high, low] = self.packet_id.map_or(0, PacketId::get).to_be_bytes();
        // What stands between topic name and payload; the 0 is the length of the properties.
        let between = [high, low, 0];
        let between = match (self.packet_id.is_some(), protocol.is_v5()) {
            (true, true) => &between[..],
            (true, false) => &between[..2],
            (false, true) => &between[2..],
            (false, false) => &[],
        };
        let remaining_len = self.body.len() + between.len();
        let header_len = 1 + varint_len(remaining_len);
        if header_len + remaining_len > max {
            return false;
        }
        out.reserve(header_len + remaining_len);
        out.push(packet_type::PUBLISH << 4 | flags(self.dup, self.qos, self.retain));
        put_varint(out, remaining_len);
        if between.is_empty() {
            out.extend_from_slice(self.body);
        } else {
            let name_len = self.body.first_chunk().expect("a topic name has its length in front");
            let (name, payload) =
                self.body.split_at(2 + usize::from(u16::from_be_bytes(*name_len)));
            out.extend_from_slice(name);
            out.extend_from_slice(between);
            out.extend_from_slice(payload);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::PublishHead;
    use super::*;
    use crate::types::SubscriptionIds;

    #[test]
    fn a_plain_publish_is_one_without_properties() {
        let body = b"\0\x05topicpayload";
        for (qos, packet_id) in [(QoS::AtMostOnce, None), (QoS::AtLeastOnce, PacketId::new(0x0102))]
        {
            let plain = PlainPublish { dup: false, qos, retain: true, packet_id, body };
            let head = PublishHead {
                dup: false,
                qos,
                retain: true,
                topic: b"topic",
                packet_id,
                message_expiry_secs: None,
                topic_alias: None,
                subscription_ids: &SubscriptionIds::None,
                passed_on: &[],
                payload_len: 7,
            };
            for protocol in [Protocol::V31, Protocol::V311, Protocol::V5] {
                let mut expected = Vec::new();
                head.encode(protocol, &mut expected);
                expected.extend(b"payload");
                let mut out = Vec::new();
                assert!(!plain.encode_within(expected.len() - 1, protocol, &mut out));
                assert!(out.is_empty());
                assert!(plain.encode_within(expected.len(), protocol, &mut out));
                assert_eq!(out, expected);
            }
        }
    }
}
