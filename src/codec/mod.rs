//! MQTT packets as bytes: one model for 3.1, 3.1.1 and 5.0, the version an argument.
//!
//! A packet is framed first ([`frame`]), then parsed whole ([`decode`]). Strings and payloads borrow
//! from the input. What a version does not have is absent in its packets: decoding leaves those
//! fields at their defaults, encoding passes them over.
//!
//! Strings are strict UTF-8 without NUL; control characters and non-characters, which the standard
//! leaves to the receiver, are taken. Nothing is allocated for a length before its bytes are there.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod error;
mod frame;
mod last_topic;
mod passed_on;
mod plain;
mod property;
mod publish;
mod reader;
mod repeat;
mod suback;
mod subscribe;
mod unsubscribe;
mod writer;

pub use ack::{Ack, PlainAck};
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, LastWill};
pub use disconnect::Disconnect;
pub use error::DecodeError;
pub use frame::{Frame, frame, frame_v31, frame_v311};
pub use last_topic::LastTopic;
pub use plain::PlainPublish;
pub use property::{Property, encode_property, properties};
pub use publish::{Publish, PublishHead, PublishProperties};
pub use repeat::{Alike, Beginning};
pub use suback::{SubAck, UnsubAck};
pub use subscribe::{FILTERS_MAX, Subscribe, SubscribeFilter};
pub use unsubscribe::Unsubscribe;

use crate::types::{Protocol, ReasonCode};
use reader::Reader;

/// Bytes of the largest packet that the remaining length can tell of: 268,435,455 and its header.
pub const PACKET_LEN_MAX: usize = 1 + 4 + writer::VARINT_MAX;

/// One control packet of any version.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Packet<'a> {
    Connect(Box<Connect<'a>>),
    ConnAck(Box<ConnAck<'a>>),
    Publish(Publish<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(UnsubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

/// User properties, in the order they were sent in (`[MQTT-3.3.2-18]`).
pub type UserProperties<'a> = Vec<(&'a str, &'a str)>;

/// Table 2-1: the upper half of the first byte.
mod packet_type {
    pub const CONNECT: u8 = 1;
    pub const CONNACK: u8 = 2;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const PUBREC: u8 = 5;
    pub const PUBREL: u8 = 6;
    pub const PUBCOMP: u8 = 7;
    pub const SUBSCRIBE: u8 = 8;
    pub const SUBACK: u8 = 9;
    pub const UNSUBSCRIBE: u8 = 10;
    pub const UNSUBACK: u8 = 11;
    pub const PINGREQ: u8 = 12;
    pub const PINGRESP: u8 = 13;
    pub const DISCONNECT: u8 = 14;
    pub const AUTH: u8 = 15;
}

/// Parses the packet in `frame`. `protocol` is that of the connection; CONNECT carries its own.
///
/// Whatever a version says that a packet must not hold is an error here, as far as the packet alone
/// shows it. What depends on the connection (who sent it, what was agreed on) is not looked at.
pub fn decode<'a>(frame: Frame<'a>, protocol: Protocol) -> Result<Packet<'a>, DecodeError> {
    use packet_type::*;
    let mut reader = Reader::new(frame.body);
    let body = &mut reader;
    let packet = match frame.first >> 4 {
        CONNECT => Packet::Connect(Connect::decode(body)?.into()),
        CONNACK => Packet::ConnAck(ConnAck::decode(body, protocol)?.into()),
        PUBLISH => return Publish::decode_alone(frame, protocol).map(Packet::Publish),
        PUBACK => Packet::PubAck(Ack::decode(body, protocol, ack::PUBLISH_REASONS)?),
        PUBREC => Packet::PubRec(Ack::decode(body, protocol, ack::PUBLISH_REASONS)?),
        PUBREL => Packet::PubRel(Ack::decode(body, protocol, ack::RELEASE_REASONS)?),
        PUBCOMP => Packet::PubComp(Ack::decode(body, protocol, ack::RELEASE_REASONS)?),
        SUBSCRIBE => Packet::Subscribe(Subscribe::decode(body, protocol)?),
        SUBACK => Packet::SubAck(SubAck::decode(body, protocol)?),
        UNSUBSCRIBE => Packet::Unsubscribe(Unsubscribe::decode(body, protocol)?),
        UNSUBACK => Packet::UnsubAck(UnsubAck::decode(body, protocol)?),
        PINGREQ => Packet::PingReq,
        PINGRESP => Packet::PingResp,
        DISCONNECT => Packet::Disconnect(Disconnect::decode(body, protocol)?),
        AUTH if protocol.is_v5() => Packet::Auth(Auth::decode(body)?),
        _ => return Err(DecodeError::malformed("the version has no such packet type")),
    };
    reader.finish()?;
    Ok(packet)
}

/// Appends `packet` in the form of `protocol` to `out`, in as few bytes as the standard allows.
/// CONNECT goes by its own version; AUTH, which only 5.0 has, appends nothing in others.
///
/// Reason strings and user properties are cut to 65,535 bytes. Panics if another string or binary
/// field is longer, if the packet is larger than [`PACKET_LEN_MAX`], or if a PUBLISH of QoS 1 or 2
/// has no packet identifier.
pub fn encode(packet: &Packet<'_>, protocol: Protocol, out: &mut Vec<u8>) {
    use packet_type::*;
    match packet {
        Packet::Connect(connect) => connect.encode(out),
        Packet::ConnAck(connack) => connack.encode(protocol, out),
        Packet::Publish(publish) => publish.encode(protocol, out),
        Packet::PubAck(ack) => ack.encode(PUBACK << 4, protocol, out),
        Packet::PubRec(ack) => ack.encode(PUBREC << 4, protocol, out),
        Packet::PubRel(ack) => ack.encode(PUBREL << 4 | 0b0010, protocol, out),
        Packet::PubComp(ack) => ack.encode(PUBCOMP << 4, protocol, out),
        Packet::Subscribe(subscribe) => subscribe.encode(protocol, out),
        Packet::SubAck(suback) => suback.encode(protocol, out),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.encode(protocol, out),
        Packet::UnsubAck(unsuback) => unsuback.encode(protocol, out),
        Packet::PingReq => out.extend_from_slice(&[PINGREQ << 4, 0]),
        Packet::PingResp => out.extend_from_slice(&[PINGRESP << 4, 0]),
        Packet::Disconnect(disconnect) => disconnect.encode(protocol, out),
        Packet::Auth(auth) if protocol.is_v5() => auth.encode(out),
        Packet::Auth(_) => {}
    }
}

/// The reason code with this number, if it is one of those that the packet may carry.
fn reason_in(byte: u8, legal: &[ReasonCode]) -> Result<ReasonCode, DecodeError> {
    legal
        .iter()
        .copied()
        .find(|reason| reason.byte() == byte)
        .ok_or(DecodeError::protocol("the packet cannot have this reason code"))
}
