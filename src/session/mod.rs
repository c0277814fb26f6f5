//! A session: what the broker knows of one client id, for as long as the standard has it live
//! (section 4.1). Connections come and go; the exchanges in both directions stay here.

mod delivery;
mod direct;
mod filters;
mod inbound;
mod numbers;
mod outbound;
mod paged;
mod reservation;
mod ring;
mod spare;
#[cfg(test)]
mod tests;

pub use delivery::{
    AckError, Context, DropCause, Dropped, NewDelivery, Offered, OfferedDirect, Pull, QueueFull,
    QueueLimits, QueueRule, Terms, Window,
};
pub use filters::Filters;
pub use inbound::{Inbound, Taken};
pub use outbound::{LetGo, Outbound};
pub use spare::SpareRoom;

use crate::journal::{self, SessionNumber};
use crate::request::Will;
use crate::types::{ClientId, ConnId, Lsn, Timestamp};

/// The state of one client id. Owned by the broker.
#[derive(Debug)]
pub struct Session {
    /// Names the session.
    pub client_id: ClientId,
    /// Names it in the journal.
    pub number: SessionNumber,
    /// The journal knows of it.
    pub journaled: bool,
    /// The connection that it has.
    pub conn: Option<ConnId>,
    /// That connection is already being woken; cleared when it pulls.
    pub scheduled: bool,
    /// Seconds it outlives its connection.
    pub expiry_secs: u32,
    /// When it is over, while it has no connection.
    pub ends_at: Option<Timestamp>,
    /// What the client asked for, by filter.
    pub subscriptions: Filters,
    /// QoS 2 exchanges that the client started.
    pub inbound: Inbound,
    /// Messages for the client.
    pub outbound: Outbound,
    /// How many messages the broker has last counted in its backlog.
    pub backlog_counted: u32,
    /// The will of the connection that it has, or one whose delay is running.
    pub will: Option<Box<Will>>,
    /// When the will is due, while its delay is running.
    pub will_due: Option<Timestamp>,
    /// The last durable change that this client's own requests made: its answers wait for it.
    pub gate: Lsn,
}

impl Session {
    /// A session without a connection, subscriptions or messages.
    pub fn new(client_id: ClientId, number: SessionNumber) -> Self {
        Self {
            client_id,
            number,
            journaled: false,
            conn: None,
            scheduled: false,
            expiry_secs: 0,
            ends_at: None,
            subscriptions: Filters::default(),
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            backlog_counted: 0,
            will: None,
            will_due: None,
            gate: Lsn::NONE,
        }
    }

    /// Whether its state must be on disk.
    pub fn is_durable(&self) -> bool {
        journal::outlives_connection(self.expiry_secs)
    }
}
