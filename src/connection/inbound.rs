//! The packets of a connected client: what is legal becomes a [`Request`].

use super::aliases::InboundAliases;
use super::inputs::Casting;
use super::{Connection, Ended, Farewell, Fault, Input, Inputs, Limits, Link, State, filters};
use crate::codec::{Beginning, Disconnect, Frame, Packet, PlainAck, Publish};
use crate::request::Request;
use crate::types::{
    InboundId, MessageHead, Mould, OutboundId, Protocol, ReasonCode, SubscriptionIds, Timestamp,
};

impl Connection {
    pub(super) fn handle_packet(
        &mut self,
        packet: Packet<'_>,
        out: &mut Inputs,
    ) -> Result<(), Fault> {
        let (Some(protocol), State::Connected(link)) = (self.protocol, &mut self.state) else {
            return Ok(());
        };
        link.check_turn()?;
        let limits = &*self.limits;
        let request = match packet {
            Packet::PubAck(packet) => {
                Request::PubAck { id: OutboundId(packet.packet_id), reason: packet.reason }
            }
            Packet::PubRec(packet) => {
                Request::PubRec { id: OutboundId(packet.packet_id), reason: packet.reason }
            }
            Packet::PubRel(packet) => Request::PubRel { id: InboundId(packet.packet_id) },
            Packet::PubComp(packet) => Request::PubComp { id: OutboundId(packet.packet_id) },
            Packet::Subscribe(packet) => filters::subscribe(&packet, protocol, limits)?,
            Packet::Unsubscribe(packet) => filters::unsubscribe(&packet, limits)?,
            Packet::PingReq => Request::Ping,
            Packet::Disconnect(packet) => self.handle_disconnect(&packet)?,
            Packet::Auth(packet) if protocol.is_v5() => {
                let client_id = self.client_id.clone();
                let client_id = client_id.expect("a connected client has an identifier");
                let question = link.handle_auth_packet(&packet, client_id)?;
                out.push_back(Input::Auth(question.into()));
                return Ok(());
            }
            Packet::Connect(_) => return Err(Fault::protocol("second CONNECT")),
            _ => return Err(Fault::protocol("packet that only a server sends")),
        };
        out.push_back(Input::Request(request));
        Ok(())
    }

    /// The client leaves. What is on its way to it is still sent; it reads no DISCONNECT.
    fn handle_disconnect(&mut self, packet: &Disconnect<'_>) -> Result<Request, Fault> {
        let State::Connected(link) = std::mem::replace(&mut self.state, State::Closing) else {
            return Err(Fault::protocol("DISCONNECT from a client that is not connected"));
        };
        if link.session_ends && packet.session_expiry_secs.is_some_and(|secs| secs > 0) {
            self.state = State::Connected(link);
            return Err(Fault::protocol("DISCONNECT keeps a session that CONNECT let end"));
        }
        self.state = State::Leaving { link, farewell: Farewell::Silent };
        self.ended = Some(Ended::ByClient { reason: packet.reason }.into());
        Ok(Request::Disconnect {
            reason: packet.reason,
            session_expiry_secs: packet.session_expiry_secs,
        })
    }
}

/// What the packets ask for that nearly all packets are, PUBLISH and acknowledgements that say nothing but
/// yes; `None` for others. They are spared the way that those go. `before` becomes how the last PUBLISH
/// began, if the messages of those that begin so are cast in the mould.
#[inline]
pub(super) fn usual<'a>(
    frame: Frame<'a>,
    protocol: Protocol,
    link: &mut Link,
    limits: &Limits,
    now: Timestamp,
    before: &mut Option<Beginning<'a>>,
    casting: &mut Casting,
) -> Result<Option<Request>, Fault> {
    if frame.is_publish() {
        let packet = Publish::decode(frame, protocol, &mut casting.topic)?;
        let request = publish(&packet, protocol, link, limits, now, &mut casting.mould)?;
        // Whether a payload is UTF-8 as claimed is found out about each, if at all.
        let is_looked_at = limits.check_payload_format && packet.properties.payload_is_utf8;
        let is_cast = request.as_publish().is_some() && !is_looked_at;
        let begins = || Beginning::of(frame, packet.payload.len());
        *before = is_cast.then(begins).flatten();
        return Ok(Some(request));
    }
    let Some(ack) = PlainAck::decode(&frame) else { return Ok(None) };
    link.check_turn()?;
    let reason = ReasonCode::Success;
    Ok(Some(match ack {
        PlainAck::PubAck(id) => Request::PubAck { id: OutboundId(id), reason },
        PlainAck::PubRec(id) => Request::PubRec { id: OutboundId(id), reason },
        PlainAck::PubRel(id) => Request::PubRel { id: InboundId(id) },
        PlainAck::PubComp(id) => Request::PubComp { id: OutboundId(id) },
    }))
}

/// PUBLISH, of all packets the one that [`Connection::handle_packet`] does not see. If it asks for a
/// message to be published, the mould is that of the message.
#[inline]
fn publish(
    packet: &Publish<'_>,
    protocol: Protocol,
    link: &mut Link,
    limits: &Limits,
    now: Timestamp,
    mould: &mut Mould,
) -> Result<Request, Fault> {
    link.check_turn()?;
    check_publish(packet, limits)?;
    let name = resolve_topic(packet, &mut link.inbound_aliases, limits)?;
    if limits.has_absurdly_many_levels(name) {
        return Err(Fault::protocol("topic name has more levels than anybody allows"));
    }
    let id = packet.packet_id.map(InboundId);
    if let Some((reason, what)) = unacceptable(packet, name, limits) {
        return match protocol {
            Protocol::V5 => Ok(Request::RefusePublish { id, qos: packet.qos, reason }),
            // Its acknowledgements can only say yes.
            Protocol::V31 | Protocol::V311 => Err(Fault::new(reason, what)),
        };
    }
    let expires_at = MessageHead::expiry(now, packet.properties.message_expiry_secs);
    let head = MessageHead { qos: packet.qos, retain: packet.retain, expires_at };
    mould.set(head, name, &packet.properties.passed_on);
    Ok(Request::Publish { id, dup: packet.dup, message: mould.cast(packet.payload) })
}

#[inline]
fn check_publish(packet: &Publish<'_>, limits: &Limits) -> Result<(), Fault> {
    if packet.qos > limits.maximum_qos {
        return Err(Fault::new(ReasonCode::QoSNotSupported, "PUBLISH QoS above the maximum"));
    }
    if packet.retain && !limits.retain_available {
        return Err(Fault::new(ReasonCode::RetainNotSupported, "PUBLISH is to be retained"));
    }
    if packet.properties.subscription_ids != SubscriptionIds::None {
        return Err(Fault::protocol("PUBLISH from a client with a subscription identifier"));
    }
    Ok(())
}

/// The topic name of `packet`, which may stand behind its alias; sets the alias if both are there.
#[inline]
fn resolve_topic<'a>(
    packet: &Publish<'a>,
    aliases: &'a mut Option<Box<InboundAliases>>,
    limits: &Limits,
) -> Result<&'a str, Fault> {
    let Some(alias) = packet.properties.topic_alias else {
        return match packet.topic {
            "" => Err(Fault::protocol("PUBLISH without topic name and topic alias")),
            name => Ok(name),
        };
    };
    if alias == 0 || alias > limits.topic_alias_maximum {
        return Err(Fault::new(ReasonCode::TopicAliasInvalid, "topic alias out of range"));
    }
    let aliases = aliases.get_or_insert_default();
    if packet.topic.is_empty() {
        return aliases.topic(alias).ok_or(Fault::protocol("topic alias that was never set"));
    }
    aliases.set(alias, packet.topic);
    Ok(packet.topic)
}

/// Why this one message is refused though its packet is in order.
#[inline]
fn unacceptable(
    packet: &Publish<'_>,
    name: &str,
    limits: &Limits,
) -> Option<(ReasonCode, &'static str)> {
    if limits.is_too_long(name) {
        return Some((ReasonCode::TopicNameInvalid, "topic name has too many levels or bytes"));
    }
    let claimed = limits.check_payload_format && packet.properties.payload_is_utf8;
    (claimed && str::from_utf8(packet.payload).is_err())
        .then_some((ReasonCode::PayloadFormatInvalid, "payload is not UTF-8 as claimed"))
}
