use std::collections::VecDeque;

use super::{Entry, Outbound, Paged, State};
use crate::journal::{Backlog, Load, Page, QueuedMessage, SessionNumber};
use crate::session::Window;
use crate::session::ring::IDS;
use crate::types::{Lsn, OutboundId};

/// Messages that memory need not hold any more. To drop many of them takes its time: better where
/// nobody waits for it.
#[derive(Debug, Default)]
pub struct LetGo([VecDeque<Entry>; 2]);

impl LetGo {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(VecDeque::is_empty)
    }
}

impl Outbound {
    /// A store can give every unfinished message with a number below `before`: memory need not hold
    /// them any more.
    pub fn handle_stored(&mut self, before: u64, window: Option<Window>) -> LetGo {
        // A store cannot have what has not been queued yet, whatever it says.
        let before = before.min(self.ring.next());
        if before > self.stored.end {
            self.stored = 0..before;
        }
        self.let_go(window)
    }

    /// Lets go of what a store can give and what this process has not sent: with a connection all
    /// that is behind its window, otherwise everything.
    pub fn let_go(&mut self, window: Option<Window>) -> LetGo {
        let first = match (window, &self.paged) {
            // Loads fill no more than the window.
            (Some(_), Some(_)) => self.ring.len(),
            (Some(window), None) => self.end_of(window),
            (None, _) => self.first_unseen(),
        };
        let first = first.max(self.ring.first_from(self.stored.start));
        let mut front = VecDeque::new();
        if self.ring.get(first).is_some_and(|entry| entry.number < self.stored.end) {
            front = self.page_out(first);
        }
        let Some(paged) = &mut self.paged else { return LetGo([front, VecDeque::new()]) };
        let (back, shared) = paged.extend_back(self.stored.end);
        self.shared -= shared as u32;
        LetGo([front, back])
    }

    /// What to ask a store for so that there is enough to send from.
    pub fn next_load(&mut self, session: SessionNumber, window: Window) -> Option<Load> {
        let paged = self.paged.as_mut()?;
        let half_full =
            2 * self.queued >= window.messages_max || 2 * self.queued_bytes >= window.bytes_max;
        if paged.loading.is_some() || half_full {
            return None;
        }
        paged.loading = Some(paged.backlog.from);
        Some(Load {
            session,
            from: paged.backlog.from,
            to: paged.backlog.to,
            messages_max: window.messages_max - self.queued,
            bytes_max: window.bytes_max - self.queued_bytes,
        })
    }

    /// What a store has of the backlog. Only a `wanted` page is taken in: there is a connection to
    /// send from it. Returns how many messages the store should have had and has not.
    pub fn handle_loaded(&mut self, page: Page, wanted: bool) -> u64 {
        let Some(paged) = self.paged.as_mut().filter(|it| it.loading == Some(page.from)) else {
            return 0;
        };
        paged.loading = None;
        let from = paged.backlog.from;
        // A store that gave nothing at all would otherwise be asked for ever.
        let next = page.next.max(page.from.saturating_add(1)).min(paged.backlog.to);
        // It has moved back if the connection that asked for the page is gone.
        if !wanted || page.from > from || next <= from {
            return 0;
        }
        let loaded = paged.take(from..next, page.messages);
        loaded.into_iter().for_each(|(number, queued)| self.take_in(number, queued));
        self.join_tail()
    }

    /// The messages that only a store has, if there are any.
    pub fn backlog(&self) -> Option<&Backlog> {
        self.paged.as_ref().map(|paged| &paged.backlog)
    }

    /// Once there is no backlog any more, the tail follows the ring. Returns how many messages the
    /// backlog should have had left.
    pub(super) fn join_tail(&mut self) -> u64 {
        let Some(paged) = self.paged.take_if(|paged| paged.backlog.is_empty()) else { return 0 };
        let missing = paged.backlog.messages;
        paged.into_tail().into_iter().for_each(|entry| self.append(entry));
        missing
    }

    /// Whether the message with this id may have been sent by an earlier process, and is not here.
    pub(super) fn is_paged(&self, id: OutboundId) -> bool {
        let Some(paged) = &self.paged else { return false };
        let (from, before) = (paged.backlog.from, self.sent_earlier);
        let distance = (u64::from(id.0.get()) - 1 + IDS - from % IDS) % IDS;
        from.checked_add(distance).is_some_and(|number| number < before)
    }

    fn take_in(&mut self, number: u64, queued: QueuedMessage) {
        let QueuedMessage { message, qos, retain, subscription_ids } = queued;
        let state = State::Queued(message);
        // Messages of QoS 0 that have arrived by now go first, as those that wait for the disk do.
        let (gate, arrival, group) = (Lsn::NONE, self.arrivals, None);
        self.append(Entry { number, state, qos, retain, subscription_ids, gate, arrival, group });
    }

    /// Takes the messages from the one at `first` on out of the ring: in front of the backlog, or
    /// behind an empty one if there is none yet. Returns those that are nowhere any more.
    fn page_out(&mut self, first: usize) -> VecDeque<Entry> {
        let entries = self.ring.split_off(first);
        for message in entries.iter().filter_map(Entry::waiting) {
            self.queued -= 1;
            self.queued_bytes -= message.len();
        }
        self.sent = self.sent.min(first);
        self.resent = self.resent.min(first);
        self.released = self.released.min(first);
        self.trim();
        let Some(paged) = &mut self.paged else {
            self.paged = Some(Box::new(Paged::before(entries)));
            return VecDeque::new();
        };
        self.shared -= paged.extend_front(&entries) as u32;
        entries
    }

    /// The first message of the ring that neither this process has sent nor any behind it.
    fn first_unseen(&self) -> usize {
        let is_seen = |index: &usize| {
            let entry = self.ring.get(*index).expect("within the ring");
            matches!(entry.state, State::Published(_) | State::Released)
        };
        (0..self.sent).rev().find(is_seen).map_or(0, |last| last + 1)
    }

    /// The first message of the ring that is behind the window.
    fn end_of(&self, window: Window) -> usize {
        if self.queued <= window.messages_max && self.queued_bytes <= window.bytes_max {
            return self.ring.len();
        }
        let mut index = self.first_unseen().max(self.resent);
        let (mut messages, mut bytes) = (0, 0);
        while messages < window.messages_max && bytes < window.bytes_max {
            let Some(entry) = self.ring.get(index) else { break };
            messages += usize::from(entry.waiting().is_some());
            bytes += entry.waiting().map_or(0, |message| message.len());
            index += 1;
        }
        index
    }
}
