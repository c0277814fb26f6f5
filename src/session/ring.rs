use std::collections::VecDeque;

use super::delivery::NewDelivery;
use crate::types::{GroupKey, Lsn, Message, OutboundId, PacketId, QoS, SubscriptionIds};

/// How many packet ids there are, and so how many unfinished messages can be told apart.
const IDS: u64 = 65_535;

/// The numbered messages of a session, from the oldest unfinished one on.
///
/// A message keeps the queue number it gets here, and the number fixes its packet id
/// (`number mod 65535 + 1`): a restart cannot renumber what was already sent.
#[derive(Debug, Default)]
pub struct Ring {
    entries: VecDeque<Entry>,
    /// The queue number of `entries[0]`.
    base: u64,
}

/// A message on its way to the client.
#[derive(Debug)]
pub struct Entry {
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
            State::Queued(message) | State::Published(message) => Some(message),
            State::Released | State::Done => None,
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
    /// Appends a message and returns its queue number.
    pub fn push(&mut self, entry: Entry) -> u64 {
        self.entries.push_back(entry);
        self.base + self.entries.len() as u64 - 1
    }

    /// Forgets finished messages at the front; returns how many.
    pub fn trim(&mut self) -> usize {
        let mut trimmed = 0;
        while matches!(self.entries.front(), Some(entry) if matches!(entry.state, State::Done)) {
            self.entries.pop_front();
            trimmed += 1;
        }
        self.base += trimmed as u64;
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        trimmed
    }

    /// Where the message with packet id `id` stands, if it is one of the first `sent`.
    ///
    /// Unambiguous because no more than 65,535 are ever sent and unfinished.
    pub fn find(&self, id: OutboundId, sent: usize) -> Option<usize> {
        let wanted = u64::from(id.0.get()) - 1;
        let distance = (wanted + IDS - self.base % IDS) % IDS;
        let index = usize::try_from(distance).ok()?;
        (index < sent).then_some(index)
    }

    /// Whether a message at `index` could be sent without sharing its packet id with another.
    pub fn has_own_id(index: usize) -> bool {
        (index as u64) < IDS
    }

    /// The packet id of the message at `index`.
    pub fn id(&self, index: usize) -> OutboundId {
        let id = (self.number(index) % IDS + 1) as u16;
        OutboundId(PacketId::new(id).expect("at least 1"))
    }

    /// The queue number of the message at `index`.
    pub fn number(&self, index: usize) -> u64 {
        self.base + index as u64
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
