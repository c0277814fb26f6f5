//! The words of the standard as types: what every layer above speaks in.

mod client_id;
mod filter;
mod keys;
mod message;
mod mould;
mod packet_id;
mod protocol;
mod qos;
mod reason;
mod spent;
mod subscription;
mod time;
pub mod topic;

pub use client_id::ClientId;
pub use filter::{Filter, FilterError};
pub use keys::{ConnId, GroupKey, Lsn, SessionKey};
pub use message::{Message, MessageHead};
pub use mould::Mould;
pub use packet_id::{InboundId, OutboundId, PacketId};
pub use protocol::Protocol;
pub use qos::QoS;
pub use reason::ReasonCode;
pub use subscription::{RetainHandling, SubscriptionId, SubscriptionIds, SubscriptionOptions};
pub use time::Timestamp;
