use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use fulmar::journal::{
    Backlog, Image, Load, Page, QueuedMessage, SessionImage, SessionNumber, Stored, Unfinished,
};

/// The part of a store that answers loads: what it has sorted by session. It forgets late, as a store
/// may that has the end of a message in its journal only.
#[derive(Default)]
pub struct Pages {
    sessions: BTreeMap<SessionNumber, Sorted>,
    /// Loads that nobody has answered, oldest first.
    pub asked: VecDeque<Load>,
}

#[derive(Default)]
struct Sorted {
    /// Of the numbers from this one on it knows nothing.
    before: u64,
    messages: BTreeMap<u64, QueuedMessage>,
}

impl Pages {
    /// Sorts in the durable messages of a session with numbers below `before`.
    pub fn sort(&mut self, image: &Image, session: SessionNumber, before: u64) -> Stored {
        self.sessions.retain(|session, _| image.sessions.contains_key(session));
        let sorted = self.sessions.entry(session).or_default();
        sorted.before = sorted.before.max(before);
        let queue = image.sessions.get(&session).map(|image| &image.queue);
        sorted.messages = queue
            .into_iter()
            .flat_map(|queue| queue.range(..sorted.before))
            .filter_map(|(number, step)| Some((*number, message(step)?.clone())))
            .collect();
        Stored { session, before: sorted.before }
    }

    /// How far the messages of a session are sorted.
    pub fn before(&self, session: SessionNumber) -> u64 {
        self.sessions.get(&session).map_or(0, |sorted| sorted.before)
    }

    /// What it has of a backlog, done with or not.
    pub fn answer(&self, load: &Load) -> Page {
        let Load { session, from, to, messages_max, bytes_max } = *load;
        let (mut messages, mut bytes) = (Vec::new(), 0);
        let sorted = self.sessions.get(&session);
        let mut rest = sorted.into_iter().flat_map(|sorted| sorted.messages.range(from..to));
        while messages.len() < messages_max && bytes < bytes_max {
            let Some((number, queued)) = rest.next() else { break };
            bytes += queued.message.len();
            messages.push((*number, queued.clone()));
        }
        let next = rest.next().map_or(to, |(number, _)| *number);
        Page { session, from, next, messages }
    }

    /// Damage: messages with these numbers cannot be read any more.
    pub fn lose(&mut self, numbers: Range<u64>) {
        for sorted in self.sessions.values_mut() {
            sorted.messages.retain(|number, _| !numbers.contains(number));
        }
    }

    /// What it tells after a restart: what it can give stands in backlogs.
    pub fn split(&self, mut image: Image) -> Image {
        for (number, session) in &mut image.sessions {
            if let Some(sorted) = self.sessions.get(number) {
                sorted.take_out(session);
            }
        }
        image
    }
}

impl Sorted {
    fn take_out(&self, image: &mut SessionImage) {
        let is_released = |(_, step): &(&u64, &Unfinished)| message(step).is_none();
        let from = image.queue.iter().rfind(is_released).map_or(0, |(last, _)| last + 1);
        let mut stored = image.queue.split_off(&from);
        let mut behind = stored.split_off(&self.before.max(from));
        image.queue.append(&mut behind);
        let Some((last, _)) = stored.last_key_value() else { return };
        let to = last + 1;
        let messages = stored.values().filter_map(message);
        let settled = self.messages.range(from..to).map(|(number, _)| *number);
        image.backlog = Backlog {
            from,
            to,
            messages: stored.len() as u64,
            bytes: messages.map(|queued| queued.message.len() as u64).sum(),
            settled: settled.filter(|number| !stored.contains_key(number)).collect(),
        };
    }
}

fn message(step: &Unfinished) -> Option<&QueuedMessage> {
    match step {
        Unfinished::Message(queued) => Some(queued),
        Unfinished::Released => None,
    }
}
