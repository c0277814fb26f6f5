use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::message::{MessageText, qos};
use crate::journal::{Change, SessionNumber};
use crate::request::Will;
use crate::store::Delivery;
use crate::types::{
    Filter, InboundId, RetainHandling, SubscriptionId, SubscriptionIds, SubscriptionOptions,
};

/// One line of an export: docs/STORE.md describes each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    Header {
        format: String,
        version: u32,
        #[serde(default)]
        written_by: String,
    },
    Message {
        id: u64,
        message: MessageText,
    },
    Session {
        client_id: String,
        expiry_secs: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detached_at_ms: Option<u64>,
    },
    Subscription(Subscription),
    Inbound {
        client_id: String,
        packet_id: NonZeroU16,
    },
    Sent {
        client_id: String,
        before: u64,
    },
    Will {
        client_id: String,
        #[serde(default)]
        delay_secs: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expiry_secs: Option<u32>,
        message: MessageText,
    },
    Queued(Queued),
    Released {
        client_id: String,
        number: u64,
    },
    Retained {
        message: MessageText,
    },
    End {
        lines: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    pub client_id: String,
    pub filter: String,
    pub qos: u8,
    #[serde(default)]
    pub no_local: bool,
    #[serde(default)]
    pub retain_as_published: bool,
    #[serde(default)]
    pub retain_handling: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queued {
    pub client_id: String,
    pub number: u64,
    pub qos: u8,
    #[serde(default)]
    pub retain: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscription_ids: Vec<u32>,
    /// This, or
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageText>,
    /// the id of a message line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<u64>,
}

/// What the first line says.
pub const FORMAT: &str = "fulmar-export";
/// Of the lines; another one is refused.
pub const VERSION: u32 = 1;

/// The greatest subscription identifier (section 3.8.2.1.2).
const SUBSCRIPTION_ID_MAX: u32 = 268_435_455;

impl Line {
    /// The first line.
    pub fn header() -> Self {
        let written_by = concat!("fulmar ", env!("CARGO_PKG_VERSION")).to_owned();
        Self::Header { format: FORMAT.to_owned(), version: VERSION, written_by }
    }

    /// What a change of the session with this client id is as a line; `None` for changes that no
    /// state is told by.
    pub fn of(change: &Change, client_id: &str) -> Option<Self> {
        let client_id = client_id.to_owned();
        Some(match change {
            Change::Subscribed { filter, options, .. } => {
                Self::Subscription(Subscription::of(client_id, filter, options))
            }
            Change::InboundTaken { id, .. } => Self::Inbound { client_id, packet_id: id.0 },
            Change::Sent { before, .. } => Self::Sent { client_id, before: *before },
            Change::WillArmed { will, .. } => Self::Will {
                client_id,
                delay_secs: will.delay_secs,
                expiry_secs: will.expiry_secs,
                message: MessageText::from(&will.message),
            },
            Change::Queued { number, message, qos, retain, subscription_ids, .. } => {
                Self::Queued(Queued {
                    client_id,
                    number: *number,
                    qos: qos.bits(),
                    retain: *retain,
                    subscription_ids: ids(subscription_ids),
                    message: Some(MessageText::from(message)),
                    message_id: None,
                })
            }
            Change::PubRecSeen { number, .. } => Self::Released { client_id, number: *number },
            Change::RetainedSet { message } => {
                Self::Retained { message: MessageText::from(message) }
            }
            _ => return None,
        })
    }

    /// The delivery of a message that has a line of its own.
    pub fn of_delivery(delivery: &Delivery, client_id: &str) -> Self {
        Self::Queued(Queued {
            client_id: client_id.to_owned(),
            number: delivery.number,
            qos: delivery.qos.bits(),
            retain: delivery.retain,
            subscription_ids: ids(&delivery.subscription_ids),
            message: None,
            message_id: Some(delivery.body),
        })
    }

    /// Whose part of the state it belongs to, but for the line that begins it.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Subscription(Subscription { client_id, .. })
            | Self::Inbound { client_id, .. }
            | Self::Sent { client_id, .. }
            | Self::Will { client_id, .. }
            | Self::Queued(Queued { client_id, .. })
            | Self::Released { client_id, .. } => Some(client_id),
            Self::Header { .. }
            | Self::Message { .. }
            | Self::Session { .. }
            | Self::Retained { .. }
            | Self::End { .. } => None,
        }
    }
}

impl Subscription {
    fn of(client_id: String, filter: &Filter, options: &SubscriptionOptions) -> Self {
        Self {
            client_id,
            filter: filter.as_str().to_owned(),
            qos: options.qos.bits(),
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            retain_handling: options.retain_handling as u8,
            id: options.id.map(SubscriptionId::get),
        }
    }

    pub fn change(&self, session: SessionNumber) -> Result<Change, String> {
        let filter = Filter::parse(&self.filter, true)
            .map_err(|error| format!("{:?} is no topic filter: {error}", self.filter))?;
        let options = SubscriptionOptions {
            qos: qos(self.qos)?,
            no_local: self.no_local,
            retain_as_published: self.retain_as_published,
            retain_handling: retain_handling(self.retain_handling)?,
            id: self.id.map(subscription_id).transpose()?,
        };
        Ok(Change::Subscribed { session, filter, options })
    }
}

impl Queued {
    pub fn subscription_ids(&self) -> Result<SubscriptionIds, String> {
        let mut ids = SubscriptionIds::None;
        for id in &self.subscription_ids {
            ids.insert(Some(subscription_id(*id)?));
        }
        Ok(ids)
    }
}

/// What a line of a session, its queue left out, is as a change.
pub fn change(line: &Line, session: SessionNumber) -> Result<Change, String> {
    Ok(match line {
        Line::Subscription(subscription) => subscription.change(session)?,
        Line::Inbound { packet_id, .. } => {
            Change::InboundTaken { session, id: InboundId(*packet_id) }
        }
        Line::Sent { before, .. } => Change::Sent { session, before: *before },
        Line::Will { delay_secs, expiry_secs, message, .. } => {
            let (delay_secs, expiry_secs) = (*delay_secs, *expiry_secs);
            let message = message.message()?;
            Change::WillArmed { session, will: Will { message, expiry_secs, delay_secs } }
        }
        Line::Released { number, .. } => Change::PubRecSeen { session, number: *number },
        _ => return Err("is no part of a session".into()),
    })
}

fn retain_handling(bits: u8) -> Result<RetainHandling, String> {
    RetainHandling::from_bits(bits).ok_or_else(|| format!("retain_handling {bits} does not exist"))
}

fn subscription_id(id: u32) -> Result<SubscriptionId, String> {
    let id = SubscriptionId::new(id).filter(|id| id.get() <= SUBSCRIPTION_ID_MAX);
    id.ok_or_else(|| format!("a subscription identifier is 1 to {SUBSCRIPTION_ID_MAX}"))
}

fn ids(ids: &SubscriptionIds) -> Vec<u32> {
    ids.iter().map(SubscriptionId::get).collect()
}
