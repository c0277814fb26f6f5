use std::collections::{BTreeMap, BTreeSet};

use super::super::group::Group;
use super::super::keys;
use super::{Reading, Stop, opened};
use crate::journal::{Change, SessionNumber};
use crate::types::{ClientId, Lsn};

/// The changes that are not folded yet, by what they concern.
///
/// Nothing in them cancels out: a round may have folded the first of two already.
#[derive(Default)]
pub struct Overlay {
    /// Of sessions that have not ended.
    pub sessions: BTreeMap<SessionNumber, Later>,
    /// Sessions that have.
    pub ended: BTreeSet<SessionNumber>,
    /// The last one on each topic.
    pub retained: BTreeMap<String, Change>,
}

/// What came of a session later than its records say.
#[derive(Default)]
pub struct Later {
    /// In their order, but those of its queue.
    pub changes: Vec<Change>,
    /// By queue number, the last one of each.
    pub steps: BTreeMap<u64, Step>,
}

/// What comes of a queue number.
pub enum Step {
    /// The message of this [`Change::Queued`] waits.
    Queued(Change),
    /// Its exchange is past PUBREC.
    Released,
    /// It is done with.
    Settled,
}

impl Overlay {
    /// Reads the groups of a store behind `folded`; those up to there are only to be removed.
    pub fn read(reading: &mut Reading<'_>, folded: Lsn) -> Result<Self, Stop> {
        let mut overlay = Self::default();
        reading.each(&[keys::JOURNAL], &mut |reading, blob| {
            reading.tell_record(keys::JOURNAL, &blob)?;
            if keys::number(&blob.key).is_some_and(|first| first <= folded.0) {
                return Ok(());
            }
            if let Some(group) = reading.open(&blob, Group::open)? {
                group.changes.into_iter().for_each(|change| overlay.take(change));
            }
            Ok(())
        })?;
        Ok(overlay)
    }

    /// The sessions that begin here.
    pub fn opened(&self) -> impl Iterator<Item = (SessionNumber, ClientId)> + '_ {
        self.sessions.values().flat_map(|later| &later.changes).filter_map(opened)
    }

    fn take(&mut self, change: Change) {
        match &change {
            Change::RetainedSet { message } => {
                self.retained.insert(message.topic().to_owned(), change);
            }
            Change::RetainedCleared { topic } => {
                self.retained.insert(topic.clone(), change);
            }
            Change::SessionEnded { session } => {
                self.sessions.remove(session);
                self.ended.insert(*session);
            }
            Change::Queued { session, number, .. } => {
                let (session, number) = (*session, *number);
                self.step(session, number, Step::Queued(change));
            }
            Change::PubRecSeen { session, number } => {
                self.step(*session, *number, Step::Released);
            }
            Change::Settled { session, number } => self.step(*session, *number, Step::Settled),
            Change::SessionOpened { session, .. }
            | Change::SessionResumed { session, .. }
            | Change::SessionDetached { session, .. }
            | Change::Subscribed { session, .. }
            | Change::Unsubscribed { session, .. }
            | Change::InboundTaken { session, .. }
            | Change::InboundReleased { session, .. }
            | Change::Sent { session, .. }
            | Change::WillArmed { session, .. }
            | Change::WillCleared { session } => {
                let session = *session;
                if let Some(later) = self.later(session) {
                    later.changes.push(change);
                }
            }
        }
    }

    fn step(&mut self, session: SessionNumber, number: u64, step: Step) {
        if let Some(later) = self.later(session) {
            later.steps.insert(number, step);
        }
    }

    fn later(&mut self, session: SessionNumber) -> Option<&mut Later> {
        let has_ended = self.ended.contains(&session);
        (!has_ended).then(|| self.sessions.entry(session).or_default())
    }
}
