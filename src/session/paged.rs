use std::collections::VecDeque;
use std::ops::Range;

use super::numbers::Numbers;
use super::ring::{Entry, State};
use crate::journal::{Backlog, QueuedMessage};
use crate::types::Message;

/// The part of a queue that only a store has, and what has come since.
#[derive(Debug, Default)]
pub struct Paged {
    pub backlog: Backlog,
    /// What a load that has not been answered asked for first.
    pub loading: Option<u64>,
    /// Numbers in the backlog whose messages are done with, or that no message has.
    settled: Numbers,
    /// Messages behind the backlog.
    tail: VecDeque<Entry>,
    /// Those of them that are not finished.
    queued: usize,
    /// Their bytes.
    queued_bytes: usize,
}

impl Paged {
    /// A queue that goes on with `backlog`, and `tail` behind it.
    pub fn new(mut backlog: Backlog, tail: impl Iterator<Item = Entry>) -> Self {
        // A store that counts more messages than there are numbers is not believed.
        backlog.messages = backlog.messages.min(backlog.to - backlog.from);
        let settled = std::mem::take(&mut backlog.settled).into_iter().collect();
        let mut paged = Self { backlog, settled, ..Self::default() };
        tail.for_each(|entry| paged.push(entry));
        paged
    }

    /// A queue that goes on with `tail`, of which a store will be found to have the first.
    pub fn before(tail: VecDeque<Entry>) -> Self {
        let from = tail.front().map_or(0, |first| first.number);
        let backlog = Backlog { from, to: from, ..Backlog::default() };
        let messages = tail.iter().filter_map(Entry::message);
        let (queued, queued_bytes) = (messages.clone().count(), messages.map(Message::len).sum());
        Self { backlog, tail, queued, queued_bytes, ..Self::default() }
    }

    /// Appends a message.
    pub fn push(&mut self, entry: Entry) {
        if let Some(message) = entry.message() {
            self.queued += 1;
            self.queued_bytes += message.len();
        }
        if self.tail.len() == self.tail.capacity() {
            // By half: there may be very many tails, and none is long.
            self.tail.reserve_exact(self.tail.len() / 2 + 4);
        }
        self.tail.push_back(entry);
    }

    /// Bytes of the messages behind the backlog, which are in memory.
    pub fn tail_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Messages in the backlog and behind it.
    pub fn messages(&self) -> usize {
        self.queued.saturating_add(to_usize(self.backlog.messages))
    }

    /// Their bytes.
    pub fn bytes(&self) -> usize {
        self.queued_bytes.saturating_add(to_usize(self.backlog.bytes))
    }

    /// The messages behind the backlog.
    pub fn tail(&self) -> &VecDeque<Entry> {
        &self.tail
    }

    /// Adds messages that stand directly before the backlog. Returns how many of them came through
    /// a shared subscription.
    pub fn extend_front(&mut self, entries: &VecDeque<Entry>) -> usize {
        let behind = self.backlog.from;
        self.backlog.from = entries.front().map_or(behind, |first| first.number);
        let (mut next, mut shared) = (self.backlog.from, 0);
        for entry in entries {
            self.settled.insert(next..entry.number);
            next = entry.number + 1;
            shared += self.count(entry);
        }
        self.settled.insert(next..behind);
        shared
    }

    /// The store can give all messages below `before`: counts those of the tail in the backlog.
    /// Returns them, and how many of them came through a shared subscription.
    pub fn extend_back(&mut self, before: u64) -> (VecDeque<Entry>, usize) {
        let count = self.tail.partition_point(|entry| entry.number < before);
        let rest = self.tail.split_off(count);
        let stored = std::mem::replace(&mut self.tail, rest);
        let mut shared = 0;
        for entry in &stored {
            self.settled.insert(self.backlog.to..entry.number);
            self.backlog.to = entry.number + 1;
            if let Some(message) = entry.message() {
                self.queued -= 1;
                self.queued_bytes -= message.len();
            }
            shared += self.count(entry);
        }
        (stored, shared)
    }

    /// Drops the oldest message that cannot have been sent, as those below `sent_before` may have
    /// been. Returns its number, and whether it came through a shared subscription.
    ///
    /// In the backlog it is known by its number alone, and its length is the average. Where an
    /// earlier process has passed over numbers, one that no message has may be taken for one that is
    /// dropped: the count is then too low by one, until the backlog is loaded.
    pub fn drop_oldest(&mut self, sent_before: u64) -> Option<(u64, bool)> {
        let number = self.settled.first_missing(self.backlog.from.max(sent_before));
        if number >= self.backlog.to || self.backlog.messages == 0 {
            return self.drop_oldest_of_tail(sent_before);
        }
        match self.backlog.from >= sent_before {
            true => self.advance(number + 1),
            false => self.settled.insert(number..number + 1),
        }
        self.backlog.bytes -= self.backlog.bytes / self.backlog.messages;
        self.backlog.messages -= 1;
        Some((number, false))
    }

    fn drop_oldest_of_tail(&mut self, sent_before: u64) -> Option<(u64, bool)> {
        let may_go = |entry: &Entry| entry.number >= sent_before && entry.message().is_some();
        let index = self.tail.iter().position(may_go)?;
        let number = self.tail[index].number;
        let shared = self.finish(number);
        if index == 0 {
            self.tail.pop_front();
        }
        Some((number, shared))
    }

    /// Finishes the message with this number, which stands in the tail. Returns whether it came
    /// through a shared subscription.
    pub fn finish(&mut self, number: u64) -> bool {
        let index = self.tail.binary_search_by_key(&number, |entry| entry.number);
        let Some(entry) = index.ok().and_then(|index| self.tail.get_mut(index)) else {
            return false;
        };
        if let Some(message) = entry.message() {
            self.queued -= 1;
            self.queued_bytes -= message.len();
        }
        entry.state = State::Done;
        entry.group.take().is_some()
    }

    /// A store has given all that it has with these numbers, which the backlog begins with. Returns
    /// what is not finished of it, in order.
    pub fn take(
        &mut self,
        numbers: Range<u64>,
        mut messages: Vec<(u64, QueuedMessage)>,
    ) -> Vec<(u64, QueuedMessage)> {
        let mut last = None;
        messages.retain(|(number, queued)| {
            let is_next = numbers.contains(number) && last < Some(*number);
            let taken = is_next && !self.settled.contains(*number);
            if taken {
                last = Some(*number);
                self.backlog.messages = self.backlog.messages.saturating_sub(1);
                let bytes = queued.message.len() as u64;
                self.backlog.bytes = self.backlog.bytes.saturating_sub(bytes);
            }
            taken
        });
        self.advance(numbers.end);
        messages
    }

    fn advance(&mut self, from: u64) {
        self.backlog.from = from;
        self.settled.remove_below(from);
    }

    /// The messages behind the backlog, which is empty.
    pub fn into_tail(self) -> VecDeque<Entry> {
        self.tail
    }

    /// Counts a message in the backlog. Returns 1 if it came through a shared subscription.
    fn count(&mut self, entry: &Entry) -> usize {
        match entry.message() {
            Some(message) => {
                self.backlog.messages += 1;
                self.backlog.bytes += message.len() as u64;
            }
            None => self.settled.insert(entry.number..entry.number + 1),
        }
        usize::from(entry.group.is_some())
    }
}

/// A store's numbers may be any.
fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
