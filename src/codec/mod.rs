//! MQTT packets as bytes: one model for 3.1, 3.1.1 and 5.0, the version an argument.
//!
//! A packet is framed first ([`frame`]), then parsed whole ([`decode`]). Strings and payloads borrow
//! from the input. What a version does not have is absent in its packets: decoding leaves those
//! fields at their defaults, encoding passes them over.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod error;
mod frame;
mod property;
mod publish;
mod reader;
mod suback;
mod subscribe;
mod unsubscribe;
mod writer;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, LastWill};
pub use disconnect::Disconnect;
pub use error::DecodeError;
pub use frame::{Frame, frame};
pub use property::{Property, properties};
pub use publish::{Publish, PublishHead, PublishProperties};
pub use suback::{SubAck, UnsubAck};
pub use subscribe::{Subscribe, SubscribeFilter};
pub use unsubscribe::Unsubscribe;

use crate::types::Protocol;

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

/// Parses the packet in `frame`. `protocol` is that of the connection; CONNECT carries its own.
pub fn decode<'a>(frame: Frame<'a>, protocol: Protocol) -> Result<Packet<'a>, DecodeError> {
    todo!()
}

/// Appends `packet` in the form of `protocol` to `out`.
pub fn encode(packet: &Packet<'_>, protocol: Protocol, out: &mut Vec<u8>) {
    todo!()
}
