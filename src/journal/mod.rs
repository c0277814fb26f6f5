//! Durable changes as values: what the broker decides and a store must keep.
//!
//! The broker records a change where it decides it; the changes of one burst make up one [`Batch`]
//! under one log sequence number. What waits for a change carries that number (see
//! [`crate::types::Lsn`]) and is not sent before the store has reported it durable.

mod backlog;
mod image;
pub mod record;
mod report;

pub use backlog::{Backlog, Load, Page, Stored};
pub use image::{Image, QueuedMessage, SessionImage, Unfinished};
pub use report::{Durations, StoreFigures, StoreReport, StoreState};

use crate::request::{EXPIRY_NEVER, Will};
use crate::types::{
    ClientId, Filter, InboundId, Lsn, Message, QoS, SubscriptionIds, SubscriptionOptions, Timestamp,
};

/// Names a session in the journal: never reused, unlike its key in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(pub u64);

/// All changes of one burst: durable together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Batches are numbered without gaps, in the order of the broker's decisions.
    pub lsn: Lsn,
    /// In the order they were decided.
    pub changes: Vec<Change>,
}

/// One change to state that outlives the process.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum Change {
    /// A session that outlives its connection came into being.
    SessionOpened { session: SessionNumber, client_id: ClientId, expiry_secs: u32 },
    /// Its client is connected again, or has changed the expiry.
    SessionResumed { session: SessionNumber, expiry_secs: u32 },
    /// Its connection ended: the expiry interval counts from here.
    SessionDetached { session: SessionNumber, expiry_secs: u32, at: Timestamp },
    /// The session is over, with everything in it.
    SessionEnded { session: SessionNumber },
    /// A subscription was made or replaced.
    Subscribed { session: SessionNumber, filter: Filter, options: SubscriptionOptions },
    /// A subscription was taken back.
    Unsubscribed { session: SessionNumber, filter: Filter },
    /// The packet id of a QoS 2 PUBLISH is taken: the same PUBLISH again is a duplicate.
    InboundTaken { session: SessionNumber, id: InboundId },
    /// PUBREL came: the next PUBLISH with this id is a new message.
    InboundReleased { session: SessionNumber, id: InboundId },
    /// A message stands in the session's queue at `number`, which fixes its packet id.
    Queued {
        session: SessionNumber,
        number: u64,
        message: Message,
        qos: QoS,
        retain: bool,
        subscription_ids: SubscriptionIds,
    },
    /// Messages with numbers below `before`, and no others, may have been sent by the time that the
    /// next such change is durable: none of these numbers is given to another message. While the
    /// session is connected it is ahead of what is sent; when the connection is lost it is exact.
    /// The last one counts, whether it is higher or lower than those before.
    Sent { session: SessionNumber, before: u64 },
    /// PUBREC came: from now on the exchange is a PUBREL, never again a PUBLISH.
    PubRecSeen { session: SessionNumber, number: u64 },
    /// The message at `number` is done with: acknowledged, dropped, expired or handed on.
    Settled { session: SessionNumber, number: u64 },
    /// The retained message of its topic.
    RetainedSet { message: Message },
    /// The topic has no retained message any more.
    RetainedCleared { topic: String },
    /// To be published when the session's connection ends badly.
    WillArmed { session: SessionNumber, will: Will },
    /// The will is published or deleted.
    WillCleared { session: SessionNumber },
}

/// Collects the changes of the burst under way and numbers it.
#[derive(Debug)]
pub struct Journal {
    recording: bool,
    next: Lsn,
    changes: Vec<Change>,
}

impl Journal {
    /// A journal whose first batch follows `last`. One that is not `recording` drops every change:
    /// nothing then waits for a store.
    pub fn new(recording: bool, last: Lsn) -> Self {
        Self { recording, next: Lsn(last.0 + 1), changes: Vec::new() }
    }

    /// Notes a change; what must not be seen before it is durable waits for the number returned.
    pub fn record(&mut self, change: impl FnOnce() -> Change) -> Lsn {
        if !self.recording {
            return Lsn::NONE;
        }
        self.changes.push(change());
        self.next
    }

    /// The number that a change recorded now gets.
    pub fn current(&self) -> Lsn {
        if self.recording { self.next } else { Lsn::NONE }
    }

    /// The number of the last change recorded; [`Lsn::NONE`] before the first.
    pub fn last(&self) -> Lsn {
        match self.recording {
            false => Lsn::NONE,
            true if self.changes.is_empty() => Lsn(self.next.0 - 1),
            true => self.next,
        }
    }

    /// The batch of this burst, if it changed anything durable.
    pub fn take_batch(&mut self) -> Option<Batch> {
        if self.changes.is_empty() {
            return None;
        }
        let lsn = self.next;
        self.next = Lsn(lsn.0 + 1);
        Some(Batch { lsn, changes: std::mem::take(&mut self.changes) })
    }
}

/// Whether a session with this expiry interval survives its connection.
pub const fn outlives_connection(expiry_secs: u32) -> bool {
    expiry_secs > 0
}

/// When a session that lost its connection at `at` is over.
pub const fn session_ends_at(at: Timestamp, expiry_secs: u32) -> Timestamp {
    match expiry_secs {
        EXPIRY_NEVER => Timestamp::NEVER,
        secs => at.plus_secs(secs as u64),
    }
}
