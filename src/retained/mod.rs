//! The last retained message of each topic.

mod expiry;
mod position;
mod walk;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::ops::Bound::{Included, Unbounded};

use crate::types::{Message, Timestamp};
use expiry::Expiry;
pub use walk::{Cursor, Walk};
use walk::{Pattern, Stage, Verdict};

/// Retained messages, one for each topic, in the order of a walk through the tree of levels.
///
/// The tree is one ordered map by [`position`]: jumping over a branch is one lookup, and a level
/// that only leads to others costs nothing.
pub struct Retained {
    limits: RetainedLimits,
    entries: BTreeMap<Box<[u8]>, Entry>,
    expiry: Expiry,
    bytes: usize,
    version: u64,
}

/// The most that is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetainedLimits {
    /// How many messages, which is how many topics.
    pub messages_max: usize,
    /// The sum of [`Message::len`] over all of them.
    pub bytes_max: usize,
}

/// There is no room for one more retained message, or for a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("retained messages are at their limit")]
pub struct Full;

struct Entry {
    message: Message,
    version: u64,
}

impl Retained {
    /// Nothing is retained yet.
    pub fn new(limits: RetainedLimits) -> Self {
        Self { limits, entries: BTreeMap::new(), expiry: Expiry::default(), bytes: 0, version: 0 }
    }

    /// Retains `message` in place of any other of its topic (`[MQTT-3.3.1-5]`). What is expired but
    /// not yet removed counts against the limits; with [`Full`] nothing has changed.
    ///
    /// A message without payload is the caller's to recognise: it means [`Self::clear`]
    /// (`[MQTT-3.3.1-6]`).
    pub fn set(&mut self, message: Message) -> Result<(), Full> {
        let entries = self.entries.len();
        let slot = self.entries.entry(position::of(message.topic()).into());
        let (freed, messages) = match &slot {
            Slot::Occupied(had) => (had.get().message.len(), entries),
            Slot::Vacant(_) => (0, entries + 1),
        };
        let bytes = self.bytes - freed + message.len();
        if messages > self.limits.messages_max || bytes > self.limits.bytes_max {
            return Err(Full);
        }
        self.bytes = bytes;
        self.version += 1;
        self.expiry.insert(&message, self.version);
        let entry = Entry { message, version: self.version };
        match slot {
            Slot::Occupied(mut slot) => {
                let had = slot.insert(entry);
                self.expiry.remove(&had.message, had.version);
            }
            Slot::Vacant(slot) => {
                slot.insert(entry);
            }
        }
        Ok(())
    }

    /// Removes the retained message of `topic`; whether there was one.
    pub fn clear(&mut self, topic: &str) -> bool {
        let Some(had) = self.entries.remove(position::of(topic).as_slice()) else { return false };
        self.bytes -= had.message.len();
        self.expiry.remove(&had.message, had.version);
        true
    }

    /// The retained message of `topic`, expired or not.
    pub fn get(&self, topic: &str) -> Option<&Message> {
        Some(&self.entries.get(position::of(topic).as_slice())?.message)
    }

    /// All retained messages, expired or not, in the order of a walk.
    pub fn iter(&self) -> impl Iterator<Item = &Message> {
        self.entries.values().map(|entry| &entry.message)
    }

    /// Grows with every message set. A walk that begins now with this version as its `up_to` does
    /// not show what is set from now on.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Adds to `out` the messages that match the valid topic filter `filter`, from `cursor` on,
    /// until about `budget` topics have been visited: those that match, and at each branch that
    /// does not match one or two. It visits at least one.
    ///
    /// Shows neither what is expired at `now` (`[MQTT-3.3.2-5]`) nor what was set after version
    /// `up_to`: a subscriber has received that as it was published. A message that stays in place
    /// from the first call to the last is shown exactly once.
    pub fn walk(
        &self,
        filter: &str,
        up_to: u64,
        cursor: &mut Cursor,
        budget: usize,
        now: Timestamp,
        out: &mut Vec<Message>,
    ) -> Walk {
        let Stage::From(from) = std::mem::replace(&mut cursor.0, Stage::Finished) else {
            return Walk::Done;
        };
        let show = |entry: &Entry| entry.version <= up_to && !entry.message.is_expired(now);
        let pattern = Pattern::new(filter);
        if pattern.is_exact() {
            let entry = self.entries.get(position::of(filter).as_slice());
            out.extend(entry.filter(|entry| show(entry)).map(|entry| entry.message.clone()));
            return Walk::Done;
        }
        let receive = |entry: &Entry| {
            if show(entry) {
                out.push(entry.message.clone());
            }
        };
        match self.visit(&pattern, from, budget.max(1), receive) {
            Some(next) => {
                cursor.0 = Stage::From(next);
                Walk::More
            }
            None => Walk::Done,
        }
    }

    /// Removes at most `budget` messages that are expired at `now`; their topics, the longest
    /// expired first.
    pub fn expire(&mut self, now: Timestamp, budget: usize) -> Vec<String> {
        let mut topics = Vec::new();
        while topics.len() < budget {
            let Some(next) = self.expiry.first().filter(|next| next.is_expired(now)) else { break };
            let topic = next.topic().to_owned();
            self.clear(&topic);
            topics.push(topic);
        }
        topics
    }

    /// When the next message expires; that may be over. `None` if none does.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.expiry.first()?.expires_at()
    }

    /// How many messages are retained.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is retained.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sum of [`Message::len`] over all retained messages.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Shows what matches from `from` on; where to go on, if there is anything left.
    fn visit(
        &self,
        pattern: &Pattern<'_>,
        mut from: Vec<u8>,
        budget: usize,
        mut receive: impl FnMut(&Entry),
    ) -> Option<Vec<u8>> {
        let start = |from: &[u8]| self.entries.range::<[u8], _>((Included(from), Unbounded));
        let mut entries = start(&from);
        let mut matched = None;
        for _ in 0..budget {
            let (at, entry) = entries.next()?;
            match pattern.judge(at) {
                Verdict::Match => {
                    receive(entry);
                    matched = Some(at);
                }
                Verdict::SkipTo(next) => {
                    entries = start(&next);
                    (from, matched) = (next, None);
                }
                Verdict::End => return None,
            }
        }
        Some(matched.map_or(from, |at| position::after(at)))
    }
}

#[cfg(test)]
mod tests;
