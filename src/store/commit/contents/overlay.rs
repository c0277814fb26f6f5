use std::collections::{BTreeMap, BTreeSet};

use super::super::cancel::{Before, cancel};
use super::super::group::Group;
use super::super::keys;
use super::{Reading, Stop, opened};
use crate::journal::{Change, Image, SessionNumber};
use crate::types::ClientId;

/// The changes that are not folded yet, by what they concern.
#[derive(Default)]
pub struct Overlay {
    /// Of sessions that have not ended, in their order.
    pub sessions: BTreeMap<SessionNumber, Vec<Change>>,
    /// Sessions that have.
    pub ended: BTreeSet<SessionNumber>,
    /// The last one on each topic.
    pub retained: BTreeMap<String, Change>,
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
    /// Reads the groups of a store.
    pub fn read(reading: &mut Reading<'_>) -> Result<Self, Stop> {
        let mut changes = Vec::new();
        reading.each(&[keys::JOURNAL], &mut |reading, blob| {
            reading.tell_record(keys::JOURNAL, &blob)?;
            if let Some(group) = reading.open(&blob, Group::open)? {
                changes.extend(group.changes);
            }
            Ok(())
        })?;
        let mut overlay = Self::default();
        for change in cancel(changes, Before::Unknown) {
            overlay.take(change);
        }
        Ok(overlay)
    }

    /// The sessions that begin here.
    pub fn opened(&self) -> impl Iterator<Item = (SessionNumber, ClientId)> + '_ {
        self.sessions.values().flatten().filter_map(opened)
    }

    fn take(&mut self, change: Change) {
        let session = match &change {
            Change::RetainedSet { message } => {
                self.retained.insert(message.topic().to_owned(), change);
                return;
            }
            Change::RetainedCleared { topic } => {
                self.retained.insert(topic.clone(), change);
                return;
            }
            Change::SessionEnded { session } => {
                self.sessions.remove(session);
                self.ended.insert(*session);
                return;
            }
            Change::SessionOpened { session, .. }
            | Change::SessionResumed { session, .. }
            | Change::SessionDetached { session, .. }
            | Change::Subscribed { session, .. }
            | Change::Unsubscribed { session, .. }
            | Change::InboundTaken { session, .. }
            | Change::InboundReleased { session, .. }
            | Change::Queued { session, .. }
            | Change::Sent { session, .. }
            | Change::PubRecSeen { session, .. }
            | Change::Settled { session, .. }
            | Change::WillArmed { session, .. }
            | Change::WillCleared { session } => *session,
        };
        if !self.ended.contains(&session) {
            self.sessions.entry(session).or_default().push(change);
        }
    }
}

/// Applies a session's changes to the image of its head, but those of its queue, which are returned
/// by queue number.
pub fn steps(changes: Vec<Change>, image: &mut Image) -> BTreeMap<u64, Step> {
    let mut steps = BTreeMap::new();
    for change in changes {
        match change {
            Change::Queued { number, .. } => {
                steps.insert(number, Step::Queued(change));
            }
            Change::PubRecSeen { number, .. } => {
                steps.insert(number, Step::Released);
            }
            Change::Settled { number, .. } => {
                steps.insert(number, Step::Settled);
            }
            other => image.apply(other),
        }
    }
    steps
}
