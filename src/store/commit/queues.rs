use std::collections::{BTreeMap, BTreeSet};

use super::blob::{Blob, BlobError};
use super::load::load;
use super::segment::{Left, Segment};
use crate::journal::{Backlog, Change, Image, Load, SessionNumber, Unfinished};
use crate::store::{Store, StoreError};

/// Says at a restart which of the queued messages come to memory and which stay in the store.
///
/// In memory is what the groups say that are not folded yet, and everything up to the last message
/// whose PUBREC has come: it was sent, and so was all before it. The rest is counted, by what segments
/// say; no message of it is read.
#[derive(Default)]
pub struct Queues {
    /// What the groups say.
    told: BTreeMap<SessionNumber, Told>,
    /// The session at hand, and the last of its messages whose PUBREC has come, as groups say.
    released: Option<(SessionNumber, Option<u64>)>,
    /// Messages that are to be read, by session: all that are unfinished below this number.
    wanted: BTreeMap<SessionNumber, u64>,
}

/// What groups say about a queue whose messages are in segments.
#[derive(Default)]
struct Told {
    /// From this number on messages are in groups, whether they are in segments already or not.
    first_queued: Option<u64>,
    settled: BTreeSet<u64>,
}

/// What came of reading messages.
#[derive(Default)]
pub struct Read {
    pub quarantined: u64,
    pub lost: u64,
}

/// Messages and bytes to a page while reading.
const PAGE_MESSAGES: usize = 1024;
const PAGE_BYTES: usize = 1024 * 1024;

impl Queues {
    /// Sees the next change of a group.
    pub fn note(&mut self, change: &Change) {
        match change {
            Change::Queued { session, number, .. } => {
                let first = &mut self.told.entry(*session).or_default().first_queued;
                *first = Some(first.map_or(*number, |first| first.min(*number)));
            }
            Change::Settled { session, number } => {
                self.told.entry(*session).or_default().settle(*number);
            }
            Change::SessionEnded { session } => _ = self.told.remove(session),
            _ => {}
        }
    }

    /// Takes in what a segment says; segments of a session come in their order, after all groups.
    pub fn count(&mut self, image: &mut Image, stored: &Blob) -> Result<(), BlobError> {
        let segment = Segment::open(stored)?;
        let number = super::keys::session(&stored.key).ok_or(BlobError::Damaged)?;
        let Some(session) = image.sessions.get_mut(&number) else { return Ok(()) };
        session.next_number = session.next_number.max(segment.end());
        let told = self.told.entry(number).or_default();
        let in_groups_from = told.first_queued.unwrap_or(u64::MAX);
        let last_released = match self.released {
            Some((at_hand, last)) if at_hand == number => last,
            _ => last_released(&session.queue),
        };
        self.released = Some((number, last_released));
        for (at, left) in segment.unfinished() {
            if at >= in_groups_from || session.queue.contains_key(&at) {
                continue;
            }
            let is_settled = told.settled.contains(&at);
            let is_sent = last_released.is_some_and(|last| at < last);
            match left {
                _ if is_settled && is_sent => {}
                _ if is_settled => _ = session.backlog.settled.insert(at),
                Left::Released => {
                    if session.backlog.messages > 0 {
                        self.wanted.insert(number, at);
                    }
                    session.backlog = Backlog::default();
                    session.queue.insert(at, Unfinished::Released);
                }
                Left::Message { .. } if is_sent => {
                    let wanted = self.wanted.entry(number).or_default();
                    *wanted = (*wanted).max(at + 1);
                }
                Left::Message { len, .. } => take_in(&mut session.backlog, at, len),
            }
        }
        Ok(())
    }

    /// Reads the messages that come to memory.
    pub fn finish(self, store: &mut dyn Store, image: &mut Image) -> Result<Read, StoreError> {
        let mut read = Read::default();
        for (session, before) in &self.wanted {
            let settled = self.told.get(session).map(|told| &told.settled);
            read_queue(store, image, *session, *before, settled, &mut read)?;
        }
        for session in image.sessions.values_mut() {
            let Backlog { from, to, .. } = session.backlog;
            session.backlog.settled.retain(|number| (from..to).contains(number));
        }
        Ok(read)
    }
}

impl Told {
    /// A message that is in groups only is settled by them, too.
    fn settle(&mut self, number: u64) {
        if self.first_queued.is_none_or(|first| number < first) {
            self.settled.insert(number);
        }
    }
}

fn last_released(queue: &BTreeMap<u64, Unfinished>) -> Option<u64> {
    let released = queue.iter().rev().find(|(_, step)| matches!(step, Unfinished::Released));
    released.map(|(number, _)| *number)
}

fn take_in(backlog: &mut Backlog, number: u64, len: u32) {
    if backlog.messages == 0 {
        backlog.from = number;
    }
    backlog.to = number.saturating_add(1);
    backlog.messages += 1;
    backlog.bytes += u64::from(len);
}

fn read_queue(
    store: &mut dyn Store,
    image: &mut Image,
    session: SessionNumber,
    before: u64,
    settled: Option<&BTreeSet<u64>>,
    read: &mut Read,
) -> Result<(), StoreError> {
    let Some(queue) = image.sessions.get_mut(&session).map(|session| &mut session.queue) else {
        return Ok(());
    };
    let (messages_max, bytes_max) = (PAGE_MESSAGES, PAGE_BYTES);
    let mut from = 0;
    while from < before {
        let loaded = load(store, &Load { session, from, to: before, messages_max, bytes_max })?;
        from = loaded.page.next;
        (read.quarantined, read.lost) =
            (read.quarantined + loaded.quarantined, read.lost + loaded.lost);
        for (number, message) in loaded.page.messages {
            if !settled.is_some_and(|settled| settled.contains(&number)) {
                queue.entry(number).or_insert(Unfinished::Message(message));
            }
        }
    }
    Ok(())
}
