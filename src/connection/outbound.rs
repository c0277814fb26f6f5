//! What the broker has for a client, as the bytes of the client's version.

use super::aliases::{Alias, OutboundAliases};
use super::{
    ALIASES_OUT_MAX, Connection, Ended, Farewell, Fault, Limits, Link, Output, SHARED_BODY_MIN,
    State,
};
use crate::codec::{
    self, Ack, PACKET_LEN_MAX, Packet, PlainAck, PlainPublish, PublishHead, SubAck, UnsubAck,
};
use crate::request::{Delivery, Outgoing};
use crate::types::{Message, PacketId, Protocol, ReasonCode, SubscriptionIds, Timestamp};

/// A topic of this many bytes is no longer than the alias that would stand for it.
const ALIAS_BYTES: usize = 3;
/// Topic name and payload of so many bytes are not copied as one: the payload may be shared.
const PLAIN_BODY_MAX: usize = SHARED_BODY_MIN;

impl Connection {
    /// Appends `outgoing` to `output` as this client understands it.
    ///
    /// A packet that is larger than the client allows is not sent (`[MQTT-3.1.2-24]`): the broker,
    /// which knows the limit from [`Connect`](crate::request::Connect), has not let a PUBLISH
    /// come here for which that matters, and an answer ends the connection instead. Nothing is sent
    /// once the connection is closed.
    pub fn encode(&mut self, outgoing: &Outgoing, now: Timestamp, output: &mut Output) {
        let Some(protocol) = self.protocol else { return };
        let (State::Connected(link) | State::Leaving { link, .. }) = &mut self.state else {
            return;
        };
        if let Some(ack) = plain_ack(outgoing, protocol)
            && link.packet_bytes_max() >= PlainAck::LEN
        {
            return ack.encode(&mut output.bytes);
        }
        let answer = match *outgoing {
            Outgoing::Publish(ref delivery) => {
                return link.write_publish(delivery, protocol, &self.limits, now, output);
            }
            Outgoing::ConnAck(ref decided) => return self.accept_connect(decided, output),
            Outgoing::Close { reason, why } => return self.end(reason, why, output),
            Outgoing::PubAck { id, reason } => Packet::PubAck(Ack::new(id.0, reason)),
            Outgoing::PubRec { id, reason } => Packet::PubRec(Ack::new(id.0, reason)),
            Outgoing::PubRel { id, reason } => Packet::PubRel(Ack::new(id.0, reason)),
            Outgoing::PubComp { id, reason } => Packet::PubComp(Ack::new(id.0, reason)),
            Outgoing::SubAck { id, ref reasons } => suback(id.0, reasons.clone()),
            Outgoing::UnsubAck { id, ref reasons } => unsuback(id.0, reasons.clone()),
            Outgoing::PingResp => Packet::PingResp,
        };
        if !link.write(&answer, protocol, output) {
            // It would wait for this answer for ever.
            let why = "the answer is larger than the packets that the client takes";
            self.end(ReasonCode::PacketTooLarge, why, output);
        }
    }

    fn end(&mut self, reason: ReasonCode, why: &'static str, output: &mut Output) {
        self.ended.get_or_insert_with(|| Ended::ByServer { reason, why }.into());
        self.close(reason, why, output);
    }

    /// Tells the client what it did wrong, as far as its version has words for it, and closes.
    /// To be called with each [`Input::Fault`](super::Input::Fault) once all before it is handled.
    pub fn fault(&mut self, fault: &Fault, output: &mut Output) {
        self.close(fault.reason, fault.what, output);
    }

    /// Says `reason` to the client, if it is to be told, and neither reads nor sends any more.
    pub(super) fn close(&mut self, reason: ReasonCode, why: &str, output: &mut Output) {
        self.close_with(reason, why, None, output);
    }

    /// The same with a user property, where the client is told by CONNACK.
    pub(super) fn close_with(
        &mut self,
        reason: ReasonCode,
        why: &str,
        hint: Option<(&str, &str)>,
        output: &mut Output,
    ) {
        let spoken = self.protocol.map_or(Farewell::Silent, Farewell::Spoken);
        let (link, farewell) = match std::mem::replace(&mut self.state, State::Closing) {
            State::Connected(link) => (link, spoken),
            State::Authenticating(handshake) => (handshake.into_parts().1, spoken),
            State::Leaving { link, farewell } => (link, farewell),
            State::AwaitConnect | State::Closing => return,
        };
        if let Farewell::Spoken(protocol) = farewell {
            link.write_farewell(reason, why, hint, protocol, output);
        }
    }
}

impl Link {
    /// Whether `packet` is within what the client takes: only then is it in `output`.
    pub fn write(&self, packet: &Packet<'_>, protocol: Protocol, output: &mut Output) -> bool {
        let start = output.bytes.len();
        codec::encode(packet, protocol, &mut output.bytes);
        let fits = output.bytes.len() - start <= self.packet_bytes_max();
        if !fits {
            output.bytes.truncate(start);
        }
        fits
    }

    fn packet_bytes_max(&self) -> usize {
        PACKET_LEN_MAX.min(self.maximum_packet_size as usize)
    }

    #[inline]
    fn write_publish(
        &mut self,
        delivery: &Delivery,
        protocol: Protocol,
        limits: &Limits,
        now: Timestamp,
        output: &mut Output,
    ) {
        let message = &delivery.message;
        if let Some(plain) = self.plain(delivery, protocol) {
            plain.encode_within(self.packet_bytes_max(), protocol, &mut output.bytes);
            return;
        }
        let mut head = PublishHead {
            dup: delivery.dup,
            qos: delivery.qos,
            retain: delivery.retain,
            topic: message.topic_bytes(),
            packet_id: delivery.id.map(|id| id.0),
            message_expiry_secs: protocol.is_v5().then(|| secs_left(message, now)).flatten(),
            topic_alias: None,
            subscription_ids: &delivery.subscription_ids,
            passed_on: message.properties(),
            payload_len: message.payload().len(),
        };
        self.shorten_topic(&mut head, limits);
        if head.encode_within(self.packet_bytes_max(), protocol, &mut output.bytes) {
            output.push_payload(message);
        }
    }

    /// The delivery as a packet without properties, if it is one, and its payload is not to be shared.
    #[inline]
    fn plain<'a>(&self, delivery: &'a Delivery, protocol: Protocol) -> Option<PlainPublish<'a>> {
        let message = &delivery.message;
        let body = message.plain_body().filter(|body| body.len() < PLAIN_BODY_MAX)?;
        let is_plain = !protocol.is_v5()
            || self.topic_alias_maximum == 0
                && delivery.subscription_ids == SubscriptionIds::None
                && message.expires_at().is_none();
        is_plain.then(|| PlainPublish {
            dup: delivery.dup,
            qos: delivery.qos,
            retain: delivery.retain,
            packet_id: delivery.id.map(|id| id.0),
            body,
        })
    }

    /// Uses the alias of the topic, or sets one where that does not make the packet too large.
    /// Only clients of 5.0 have any room for aliases.
    fn shorten_topic(&mut self, head: &mut PublishHead<'_>, limits: &Limits) {
        let max = self.topic_alias_maximum.min(limits.topic_alias_maximum_out).min(ALIASES_OUT_MAX);
        if max == 0 || head.topic.len() <= ALIAS_BYTES {
            return;
        }
        let room = self.packet_bytes_max();
        let aliases =
            self.outbound_aliases.get_or_insert_with(|| Box::new(OutboundAliases::new(max)));
        match aliases.find(head.topic) {
            Alias::Known(alias) => {
                head.topic = b"";
                head.topic_alias = Some(alias);
            }
            Alias::Settable(alias) => {
                head.topic_alias = Some(alias);
                if head.packet_len(Protocol::V5) <= room {
                    aliases.set(alias, head.topic);
                } else {
                    head.topic_alias = None;
                }
            }
        }
    }
}

/// What is left of the message's life, in whole seconds (`[MQTT-3.3.2-6]`).
///
/// Rounded up: a message that is still alive has never 0 seconds, which would be dead. Nor has one
/// that ran out within an exchange that is to be finished.
fn secs_left(message: &Message, now: Timestamp) -> Option<u32> {
    let left = message.expires_at()?.since(now).as_millis().div_ceil(1000);
    Some(u32::try_from(left).unwrap_or(u32::MAX).max(1))
}

/// `outgoing` as an acknowledgement that says nothing but yes, if it comes to that: before 5.0 none can
/// say anything else.
#[inline]
fn plain_ack(outgoing: &Outgoing, protocol: Protocol) -> Option<PlainAck> {
    let (ack, reason) = match *outgoing {
        Outgoing::PubAck { id, reason } => (PlainAck::PubAck(id.0), reason),
        Outgoing::PubRec { id, reason } => (PlainAck::PubRec(id.0), reason),
        Outgoing::PubRel { id, reason } => (PlainAck::PubRel(id.0), reason),
        Outgoing::PubComp { id, reason } => (PlainAck::PubComp(id.0), reason),
        _ => return None,
    };
    (!protocol.is_v5() || reason == ReasonCode::Success).then_some(ack)
}

fn suback(packet_id: PacketId, reasons: Vec<ReasonCode>) -> Packet<'static> {
    let (reason_string, user_properties) = (None, Vec::new());
    Packet::SubAck(SubAck { packet_id, reasons, reason_string, user_properties })
}

fn unsuback(packet_id: PacketId, reasons: Vec<ReasonCode>) -> Packet<'static> {
    let (reason_string, user_properties) = (None, Vec::new());
    Packet::UnsubAck(UnsubAck { packet_id, reasons, reason_string, user_properties })
}
