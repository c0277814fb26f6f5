//! What passes between a connection and the broker, and between a connection and whoever decides
//! about credentials. Plain values: both ends are state machines.

use core::net::IpAddr;
use std::time::Duration;

use crate::types::{
    ClientId, Filter, InboundId, Message, OutboundId, Protocol, QoS, ReasonCode, SubscriptionIds,
    SubscriptionOptions,
};

/// Session expiry interval in seconds that means "never" (`[MQTT-3.1.2-23]`, section 3.1.2.11.2).
pub const EXPIRY_NEVER: u32 = u32::MAX;

/// An accepted CONNECT, on its way to the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// The version all later packets of this connection are in.
    pub protocol: Protocol,
    /// Never empty: the connection has filled in an assigned one.
    pub client_id: ClientId,
    /// Whether [`Self::client_id`] was made up by the server and must be told to the client.
    pub client_id_assigned: bool,
    /// Clean Start (5.0) or Clean Session (3.1.1): drop what the last session left.
    pub clean_start: bool,
    /// Seconds that the session outlives the connection; 0 for not at all, [`EXPIRY_NEVER`].
    /// For 3.1.1: 0 with Clean Session, else never.
    pub session_expiry_secs: u32,
    /// As the client asked, in seconds; 0 for none. The broker may impose its own.
    pub keep_alive_secs: u16,
    /// How many QoS > 0 PUBLISH packets the client takes at a time; 65,535 where it did not say.
    pub receive_maximum: u16,
    /// The largest packet that the client takes, in bytes; `u32::MAX` where it did not say.
    pub maximum_packet_size: u32,
    /// To be published when the connection ends without a proper DISCONNECT.
    pub will: Option<Will>,
    /// Who the client was found to be.
    pub identity: Identity,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether its messages are acknowledged as soon as they are taken: where it comes in, PUBACK and
    /// PUBREC promise nothing about the disk.
    pub acknowledged_at_once: bool,
    /// The authentication data that goes back in CONNACK, when an AUTH exchange led here.
    pub authentication_data: Option<Vec<u8>>,
}

/// A will message and when to publish it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// The message without an expiry: that is counted from the moment of publication.
    pub message: Message,
    /// Message expiry interval in seconds from publication.
    pub expiry_secs: Option<u32>,
    /// Seconds between the end of the connection and publication.
    pub delay_secs: u32,
}

/// Who a client is, as authentication found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The user name; `None` for an anonymous client.
    pub username: Option<String>,
    /// What the user belongs to, as whoever vouches for the user says.
    pub groups: Vec<String>,
    /// The topics that whoever vouches for the user names; `None` where nothing is said of any.
    pub grants: Option<Box<Grants>>,
}

/// Where a client comes from, as far as it matters to what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Its address; `None` on a Unix socket.
    pub address: Option<IpAddr>,
    /// Whether it has shown a certificate.
    pub certificate: bool,
    /// The common name in that.
    pub common_name: Option<Box<str>>,
}

/// What a client may do with which topics, according to its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// Topic filters that it may publish to.
    pub publish: Vec<String>,
    /// Topic filters that it may subscribe to.
    pub subscribe: Vec<String>,
}

/// What a connected client asks of the broker: one decoded and legal packet.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum Request {
    /// PUBLISH. `id` is there for QoS 1 and 2.
    Publish { id: Option<InboundId>, dup: bool, message: Message },
    /// PUBLISH that cannot be taken but has to be answered: the reason goes into PUBACK or PUBREC.
    RefusePublish { id: Option<InboundId>, qos: QoS, reason: ReasonCode },
    /// PUBACK: a QoS 1 delivery is done.
    PubAck { id: OutboundId, reason: ReasonCode },
    /// PUBREC: the client has a QoS 2 delivery, or refuses it with an error.
    PubRec { id: OutboundId, reason: ReasonCode },
    /// PUBREL: the client lets go of the packet id of its QoS 2 PUBLISH.
    PubRel { id: InboundId },
    /// PUBCOMP: a QoS 2 delivery is done.
    PubComp { id: OutboundId },
    /// SUBSCRIBE. A filter that this server does not take carries its reason instead.
    Subscribe { id: InboundId, filters: Vec<Result<(Filter, SubscriptionOptions), ReasonCode>> },
    /// UNSUBSCRIBE.
    Unsubscribe { id: InboundId, filters: Vec<Result<Filter, ReasonCode>> },
    /// PINGREQ.
    Ping,
    /// The client has authenticated again: from here on this is what is known of it.
    Identify(Box<Identity>),
    /// Part of a large packet has arrived: a sign of life and nothing else.
    Progress,
    /// DISCONNECT, with a new session expiry interval where the client gave one.
    Disconnect { reason: ReasonCode, session_expiry_secs: Option<u32> },
}

impl Request {
    /// Packet id and message of a PUBLISH.
    pub fn as_publish(&self) -> Option<(Option<InboundId>, &Message)> {
        match self {
            Self::Publish { id, message, .. } => Some((*id, message)),
            _ => None,
        }
    }
}

/// What the broker has for a connection to send.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum Outgoing {
    /// CONNACK with success.
    ConnAck(Box<ConnAck>),
    /// PUBLISH.
    Publish(Delivery),
    /// PUBACK.
    PubAck { id: InboundId, reason: ReasonCode },
    /// PUBREC.
    PubRec { id: InboundId, reason: ReasonCode },
    /// PUBREL.
    PubRel { id: OutboundId, reason: ReasonCode },
    /// PUBCOMP.
    PubComp { id: InboundId, reason: ReasonCode },
    /// SUBACK, a reason for each filter.
    SubAck { id: InboundId, reasons: Vec<ReasonCode> },
    /// UNSUBACK, a reason for each filter.
    UnsubAck { id: InboundId, reasons: Vec<ReasonCode> },
    /// PINGRESP.
    PingResp,
    /// The broker ends the connection: DISCONNECT where the version has one, then close.
    Close { reason: ReasonCode, why: &'static str },
}

/// What the broker decided about a CONNECT; the connection adds the limits that it enforces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the client finds the state of an earlier connection.
    pub session_present: bool,
    /// The expiry interval in seconds that holds, if it is not what the client asked for.
    pub session_expiry_secs: Option<u32>,
    /// The keep alive in seconds that holds, if it is not what the client asked for.
    pub server_keep_alive_secs: Option<u16>,
    /// The client identifier, if the server chose it.
    pub assigned_client_id: Option<ClientId>,
    /// Goes back to the client at the end of an AUTH exchange.
    pub authentication_data: Option<Vec<u8>>,
}

/// One PUBLISH to one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Topic, properties and payload, shared with every other receiver.
    pub message: Message,
    /// The QoS of this delivery.
    pub qos: QoS,
    /// Present for QoS 1 and 2.
    pub id: Option<OutboundId>,
    /// Sent before on an earlier connection (`[MQTT-3.3.1-1]`).
    pub dup: bool,
    /// The RETAIN flag of this delivery.
    pub retain: bool,
    /// Which subscriptions it stems from.
    pub subscription_ids: SubscriptionIds,
}

/// A question about credentials that a connection waits for an answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum AuthRequest {
    /// CONNECT without an authentication method.
    Credentials { client_id: ClientId, username: Option<String>, password: Option<Vec<u8>> },
    /// CONNECT with one: the first step of an exchange.
    Begin { client_id: ClientId, method: String, data: Vec<u8> },
    /// A further AUTH packet of an exchange under way, with the `state` of the answer before it.
    Continue { client_id: ClientId, method: String, data: Vec<u8>, state: Box<[u8]> },
    /// A connected client starts over with the method that it connected with.
    ReAuthenticate { client_id: ClientId, method: String, data: Vec<u8> },
}

/// The answer to an [`AuthRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum AuthAnswer {
    /// Who the client is, with data for the CONNACK or the last AUTH. Once `valid_for` is over the
    /// client is nobody any more, and the connection ends.
    Accept { identity: Identity, data: Option<Vec<u8>>, valid_for: Option<Duration> },
    /// One more round: AUTH with this data goes to the client. `state` never does: it is kept with
    /// the connection and comes back with the client's answer.
    Continue { data: Vec<u8>, state: Box<[u8]> },
    /// No: the reason for CONNACK or DISCONNECT, and the log's words, which the client never sees.
    Refuse { reason: ReasonCode, why: &'static str },
}
