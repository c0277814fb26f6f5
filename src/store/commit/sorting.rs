use std::collections::BTreeMap;

use super::blob::Blob;
use super::bodies::Uses;
use super::keys;
use super::round::Budget;
use super::window::{Removable, Window};
use crate::journal::{Change, SessionNumber, Stored};
use crate::types::Lsn;

/// Puts the changes of a window to those of the same record.
pub struct Sorting {
    rest: Box<dyn Iterator<Item = Change> + Send>,
    pub records: BTreeMap<Record, Vec<Change>>,
    pub uses: Uses,
    pub summary: Summary,
}

/// What there is to say when a round is over.
pub struct Summary {
    /// The last number of the groups.
    pub to: Lsn,
    /// The groups.
    pub groups: Vec<Removable>,
    /// Those of them that could not be read.
    pub damaged: Vec<Blob>,
    /// What they take up.
    pub bytes: u64,
    /// Changes that the groups had.
    pub read: u64,
    /// Changes that were left.
    pub left: u64,
    /// One past the last message of each session that has some.
    stored: BTreeMap<SessionNumber, u64>,
    /// The highest number of a session.
    pub last_session: u64,
}

/// What a change belongs to, in the order in which it is written: a session before what it owns.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// Under this key.
    Retained(Vec<u8>),
    /// Of a session.
    Of(SessionNumber, Owned),
}

/// What a session has.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owned {
    Head,
    /// Under this key.
    Subscription(Vec<u8>),
    /// Of this index.
    Segment(u64),
}

/// About what sorting a change costs, in bytes of a budget.
const COST: usize = 32;
/// Changes that are sorted between two looks at the clock.
const LOOK_EVERY: u64 = 256;

impl Sorting {
    pub fn new(window: Window) -> Self {
        let (bytes, read) = (window.bytes(), window.changes);
        let Window { list, to, groups, damaged, .. } = window;
        let (records, uses, stored) = Default::default();
        let summary =
            Summary { to, groups, damaged, bytes, read, left: 0, stored, last_session: 0 };
        Self { rest: Box::new(list.into_changes()), records, uses, summary }
    }

    /// Goes on. Returns what that cost, and whether all are sorted.
    pub fn step(&mut self, budget: &mut Budget<'_>) -> (u64, bool) {
        let mut cost = 0;
        for change in self.rest.by_ref() {
            self.summary.note(&change);
            self.uses.count(&change);
            self.records.entry(Record::of(&change)).or_default().push(change);
            cost += COST;
            if self.summary.left.is_multiple_of(LOOK_EVERY) && budget.is_spent(cost) {
                return (cost as u64, false);
            }
        }
        (cost as u64, true)
    }
}

impl Summary {
    fn note(&mut self, change: &Change) {
        self.left += 1;
        match change {
            Change::SessionOpened { session, .. } | Change::SessionEnded { session } => {
                self.last_session = self.last_session.max(session.0);
            }
            Change::Queued { session, number, .. } => {
                let before = self.stored.entry(*session).or_default();
                *before = (*before).max(number.saturating_add(1));
            }
            _ => {}
        }
    }

    /// What can be loaded when the round is over.
    pub fn stored(&self) -> Vec<Stored> {
        let stored = self.stored.iter();
        stored.map(|(session, before)| Stored { session: *session, before: *before }).collect()
    }
}

impl Record {
    fn of(change: &Change) -> Self {
        match change {
            Change::RetainedSet { message } => Self::Retained(keys::retained(message.topic())),
            Change::RetainedCleared { topic } => Self::Retained(keys::retained(topic)),
            Change::SessionOpened { session, .. }
            | Change::SessionEnded { session }
            | Change::SessionResumed { session, .. }
            | Change::SessionDetached { session, .. }
            | Change::InboundTaken { session, .. }
            | Change::InboundReleased { session, .. }
            | Change::Sent { session, .. }
            | Change::WillArmed { session, .. }
            | Change::WillCleared { session } => Self::Of(*session, Owned::Head),
            Change::Subscribed { session, filter, .. }
            | Change::Unsubscribed { session, filter } => {
                let key = keys::subscription(*session, filter.as_str());
                Self::Of(*session, Owned::Subscription(key))
            }
            Change::Queued { session, number, .. }
            | Change::PubRecSeen { session, number }
            | Change::Settled { session, number } => {
                Self::Of(*session, Owned::Segment(keys::segment_of(*number)))
            }
        }
    }
}
