//! The part of a session's queue that is on disk and not in memory.
//!
//! The broker keeps the front of a queue, from which it sends, and the end, which no store has sorted
//! by session yet. What lies between is a [`Backlog`]: the broker knows where it begins and ends,
//! asks for its messages with [`Load`] as the front drains, and gets them as a [`Page`]. It grows when
//! a store reports with [`Stored`] how far it can answer.

use std::collections::BTreeSet;

use super::{QueuedMessage, SessionNumber};

/// Queued messages that only a store has. None of them has been sent since the session's client
/// connected last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// The first queue number that may be in it.
    pub from: u64,
    /// The first queue number behind it; equal to `from` if there is none.
    pub to: u64,
    /// How many messages it has.
    pub messages: u64,
    /// Their bytes, as [`Message::len`](crate::types::Message::len) counts.
    pub bytes: u64,
    /// Numbers in it that are done with, and that a store may give all the same.
    pub settled: BTreeSet<u64>,
}

/// Asks a store for the next messages of a backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Whose.
    pub session: SessionNumber,
    /// From this queue number on,
    pub from: u64,
    /// up to the one before this.
    pub to: u64,
    /// At most so many messages.
    pub messages_max: usize,
    /// The message that passes so many bytes is the last one.
    pub bytes_max: usize,
}

/// What a store has of a backlog, in answer to a [`Load`].
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Whose.
    pub session: SessionNumber,
    /// As it was asked for.
    pub from: u64,
    /// No unfinished message lies between the last one here and this queue number: the next load
    /// begins with it. At least one more than `from`, unless nothing was asked for.
    pub next: u64,
    /// By queue number, in order: all that are not finished in `from..next`.
    pub messages: Vec<(u64, QueuedMessage)>,
}

/// A store can answer a [`Load`] of this session's queue numbers below `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Whose.
    pub session: SessionNumber,
    /// The first number that it cannot give yet.
    pub before: u64,
}

impl Backlog {
    /// Whether it has no messages.
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}
