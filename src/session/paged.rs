use std::collections::VecDeque;

use super::ring::{Entry, State};
use crate::journal::Backlog;

/// The part of a queue that only a store has, and what has come since.
#[derive(Debug, Default)]
pub struct Paged {
    pub backlog: Backlog,
    /// What a load that has not been answered asked for first.
    pub loading: Option<u64>,
    /// Of the numbers that have not been sent, those below this one are given up.
    given_up: u64,
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
        let mut paged = Self { backlog, ..Self::default() };
        tail.for_each(|entry| paged.push(entry));
        paged
    }

    /// A queue that goes on with `tail`, of which a store will be found to have the first.
    pub fn before(tail: VecDeque<Entry>) -> Self {
        let from = tail.front().map_or(0, |first| first.number);
        let backlog = Backlog { from, to: from, ..Backlog::default() };
        Self::new(backlog, tail.into_iter())
    }

    /// Appends a message.
    pub fn push(&mut self, entry: Entry) {
        if let Some(message) = entry.message() {
            self.queued += 1;
            self.queued_bytes += message.len();
        }
        self.tail.push_back(entry);
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
        self.backlog.from = entries.front().map_or(self.backlog.from, |first| first.number);
        entries.iter().map(|entry| self.count(entry)).sum()
    }

    /// The store can give all messages below `before`: moves them from the tail to the backlog.
    /// Returns how many of them came through a shared subscription.
    pub fn extend_back(&mut self, before: u64) -> usize {
        let count = self.tail.partition_point(|entry| entry.number < before);
        if count == 0 {
            return 0;
        }
        let rest = self.tail.split_off(count);
        let stored = std::mem::replace(&mut self.tail, rest);
        self.backlog.to = stored.back().map_or(before, |last| last.number + 1);
        let mut shared = 0;
        for entry in &stored {
            if let Some(message) = entry.message() {
                self.queued -= 1;
                self.queued_bytes -= message.len();
            }
            shared += self.count(entry);
        }
        shared
    }

    /// Drops the oldest message that cannot have been sent, as those below `sent_before` may have
    /// been. Returns its number, and whether it came through a shared subscription.
    ///
    /// In the backlog it is known by its number alone, and its length is the average. Where numbers
    /// were passed over, one that no message has counts as one that is dropped.
    pub fn drop_oldest(&mut self, sent_before: u64) -> Option<(u64, bool)> {
        let mut number = self.backlog.from.max(sent_before).max(self.given_up);
        while self.backlog.settled.contains(&number) {
            number += 1;
        }
        if number >= self.backlog.to || self.backlog.messages == 0 {
            return self.drop_oldest_of_tail(sent_before);
        }
        self.given_up = number + 1;
        if self.backlog.from >= sent_before {
            self.advance(self.given_up);
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
            self.backlog.settled.insert(number);
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

    /// Whether a store may give this number although its message is done with.
    pub fn is_settled(&self, number: u64, sent_before: u64) -> bool {
        (sent_before..self.given_up).contains(&number) || self.backlog.settled.contains(&number)
    }

    /// All below `next` has been loaded.
    pub fn advance(&mut self, next: u64) {
        self.backlog.from = next;
        self.backlog.settled = self.backlog.settled.split_off(&next);
    }

    /// A message of so many bytes has been loaded.
    pub fn uncount(&mut self, bytes: usize) {
        self.backlog.messages = self.backlog.messages.saturating_sub(1);
        self.backlog.bytes = self.backlog.bytes.saturating_sub(bytes as u64);
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
            None => _ = self.backlog.settled.insert(entry.number),
        }
        usize::from(entry.group.is_some())
    }
}

/// A store's numbers may be any.
fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
