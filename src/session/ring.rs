use std::collections::VecDeque;

use super::delivery::NewDelivery;
use super::spare::Rooms;
use crate::types::{GroupKey, Lsn, Message, OutboundId, PacketId, QoS, SubscriptionIds};

/// How many packet ids there are, and so how many unfinished messages can be told apart.
pub const IDS: u64 = 65_535;

/// The numbered messages of a session, from the oldest unfinished one on.
///
/// A message keeps the queue number it gets here, and the number fixes its packet id
/// (`number mod 65535 + 1`): a restart cannot renumber what was already sent. Numbers ascend, mostly
/// without gaps: a restart leaves out those that have been used up.
#[derive(Debug, Default)]
pub struct Ring {
    entries: VecDeque<Entry>,
    /// The queue number of the next message.
    next: u64,
}

/// A message on its way to the client.
#[derive(Debug)]
pub struct Entry {
    /// Its queue number.
    pub number: u64,
    pub state: State,
    pub qos: QoS,
    pub retain: bool,
    pub subscription_ids: SubscriptionIds,
    /// What must be durable before it is sent.
    pub gate: Lsn,
    /// Orders it against messages of QoS 0.
    pub arrival: u64,
    /// The shared subscription it came through.
    pub group: Option<GroupKey>,
}

/// How far the delivery has come (figure 4.3 of the standard, the sender's side).
#[derive(Debug)]
pub enum State {
    /// Not sent yet.
    Queued(Message),
    /// An earlier process may have sent it; this one has not.
    Restored(Message),
    /// PUBLISH sent; PUBACK or PUBREC is due.
    Published(Message),
    /// PUBREC seen; PUBREL sent, PUBCOMP is due.
    Released,
    /// Finished, waiting for older ones to be so.
    Done,
}

impl Entry {
    /// The message, as long as it may have to be sent.
    pub fn message(&self) -> Option<&Message> {
        match &self.state {
            State::Queued(message) | State::Restored(message) | State::Published(message) => {
                Some(message)
            }
            State::Released | State::Done => None,
        }
    }

    /// The message, as long as this process has not sent it.
    pub fn waiting(&self) -> Option<&Message> {
        match &self.state {
            State::Queued(message) | State::Restored(message) => Some(message),
            State::Published(_) | State::Released | State::Done => None,
        }
    }

    /// The delivery for another client, if the message may still have to be sent. The identifiers
    /// stay behind: they are this client's.
    pub fn handed_on(&self) -> Option<NewDelivery> {
        Some(NewDelivery {
            message: self.message()?.clone(),
            qos: self.qos,
            retain: self.retain,
            subscription_ids: SubscriptionIds::None,
            gate: self.gate,
            group: self.group,
        })
    }
}

impl Ring {
    /// The next message gets a number of at least `number`.
    pub fn skip_to(&mut self, number: u64) {
        self.next = self.next.max(number);
    }

    /// The queue number of the next message.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Uses up the number of the next message.
    pub fn take_number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    /// Appends a message, whose number is above all those here.
    pub fn push(&mut self, entry: Entry) {
        debug_assert!(self.entries.back().is_none_or(|last| last.number < entry.number), "ascend");
        self.next = self.next.max(entry.number.saturating_add(1));
        self.entries.push_back(entry);
    }

    /// Takes away the messages from the one at `index` on.
    pub fn split_off(&mut self, index: usize) -> VecDeque<Entry> {
        if index == 0 {
            return std::mem::take(&mut self.entries);
        }
        let rest = self.entries.split_off(index);
        // What is not held should not take up memory either.
        self.entries.shrink_to(2 * self.entries.len());
        rest
    }

    /// Where the first message stands whose number is at least `number`.
    pub fn first_from(&self, number: u64) -> usize {
        self.entries.partition_point(|entry| entry.number < number)
    }

    /// Forgets finished messages at the front; returns how many.
    pub fn trim(&mut self) -> usize {
        let done = |entry: &&Entry| matches!(entry.state, State::Done);
        let trimmed = self.entries.iter().take_while(done).count();
        self.entries.drain(..trimmed);
        trimmed
    }

    /// Takes room from others where it has none.
    pub fn take_room(&mut self, spare: &mut Rooms<Entry>) {
        if self.entries.capacity() == 0 {
            self.entries = spare.take();
        }
    }

    /// Its room, if it needs none.
    pub fn spare_room(&mut self) -> VecDeque<Entry> {
        if self.entries.is_empty() { std::mem::take(&mut self.entries) } else { VecDeque::new() }
    }

    /// Where the message with packet id `id` stands, if it is one of the first `sent`.
    ///
    /// Unambiguous because no more than 65,535 numbers lie between those that are sent.
    pub fn find(&self, id: OutboundId, sent: usize) -> Option<usize> {
        let wanted = u64::from(id.0.get()) - 1;
        let base = self.entries.front()?.number;
        let distance = (wanted + IDS - base % IDS) % IDS;
        self.position(base + distance).filter(|index| *index < sent)
    }

    /// Where the message with this queue number stands: at once where no numbers are left out.
    pub fn position(&self, number: u64) -> Option<usize> {
        let base = self.entries.front()?.number;
        let dense = usize::try_from(number.checked_sub(base)?).ok()?;
        match self.entries.get(dense) {
            Some(entry) if entry.number == number => Some(dense),
            _ => self.entries.binary_search_by_key(&number, |entry| entry.number).ok(),
        }
    }

    /// Whether the message at `index` could be sent without sharing its packet id with another.
    pub fn has_own_id(&self, index: usize) -> bool {
        let base = self.entries.front().map_or(self.next, |entry| entry.number);
        self.number(index) - base < IDS
    }

    /// The packet id of the message at `index`.
    pub fn id(&self, index: usize) -> OutboundId {
        let id = (self.number(index) % IDS + 1) as u16;
        OutboundId(PacketId::new(id).expect("at least 1"))
    }

    /// The queue number of the message at `index`; behind the last one, that of the next.
    pub fn number(&self, index: usize) -> u64 {
        self.entries.get(index).map_or(self.next, |entry| entry.number)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get_mut(index)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}
