use std::collections::VecDeque;

use slab::Slab;

use super::held_up::PAUSES;
use crate::request::Outgoing;
use crate::types::{ConnId, Lsn, Protocol, ReasonCode, SessionKey, Timestamp};

/// So many reason codes take as much room as an answer without any.
const REASONS_PER_REPLY: usize = 64;

/// The connections that got past CONNECT.
#[derive(Debug, Default)]
pub struct Conns {
    slots: Slab<Conn>,
    generation: u32,
}

/// One of them, as far as the broker has to do with it.
#[derive(Debug)]
pub struct Conn {
    generation: u32,
    /// `None` once the session has gone on without this connection.
    pub session: Option<SessionKey>,
    pub protocol: Protocol,
    /// Silence after which it is closed; `None` for any.
    pub keep_alive_secs: Option<u16>,
    /// When that is looked at next.
    pub keep_alive_due: Option<Timestamp>,
    pub last_received: Timestamp,
    /// Deliveries of QoS 1 and 2 it takes at a time.
    pub receive_maximum: u16,
    /// Bytes of the largest packet it takes.
    pub maximum_packet_size: u32,
    /// PUBACK and PUBREC to it wait for nothing.
    pub acknowledged_at_once: bool,
    /// Answers in the order of the requests, each with what must be durable before it is sent.
    pub replies: VecDeque<(Lsn, Outgoing)>,
    /// Reason codes in those among them that have one for each filter.
    reasons: u32,
    /// PINGREQ that have not been answered.
    pub pings: u32,
    /// QoS 1 and 2 messages from the client that are unfinished: held against our receive maximum.
    pub unfinished: u32,
    /// Which reasons there are to read nothing from it, by [`Pause`](super::Pause).
    pub pauses: [bool; PAUSES],
    /// Its next message is not taken until there is memory again, and it could not be told.
    pub held_back: bool,
    /// Requests have been read that were not handled yet.
    pub has_requests: bool,
    /// A message of QoS 1 or 2 was not taken and it could not be told: no later one is taken either.
    pub turned_away: bool,
    /// The last number it was put on the list of those waiting for the store with.
    pub waits_for: Lsn,
    /// Decided to end it; taken when it is told.
    pub close: Option<Box<(ReasonCode, &'static str)>>,
}

impl Conn {
    pub fn new(session: SessionKey, protocol: Protocol, now: Timestamp) -> Self {
        Self {
            generation: 0,
            session: Some(session),
            protocol,
            keep_alive_secs: None,
            keep_alive_due: None,
            last_received: now,
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            acknowledged_at_once: false,
            replies: VecDeque::new(),
            reasons: 0,
            pings: 0,
            unfinished: 0,
            pauses: [false; PAUSES],
            held_back: false,
            has_requests: false,
            turned_away: false,
            waits_for: Lsn::NONE,
            close: None,
        }
    }

    pub fn push_reply(&mut self, gate: Lsn, reply: Outgoing) {
        self.reasons += reasons_in(&reply);
        self.replies.push_back((gate, reply));
    }

    /// The next answer, if everything up to `durable` is all that it waits for.
    pub fn pop_reply(&mut self, durable: Lsn) -> Option<Outgoing> {
        self.replies.front().filter(|(gate, _)| *gate <= durable)?;
        let (_, reply) = self.replies.pop_front()?;
        self.reasons -= reasons_in(&reply);
        Some(reply)
    }

    /// Whether so many answers wait, by number or by size, that the client has to read first.
    pub fn owes_reading(&self, replies_max: usize) -> bool {
        self.replies.len() + self.reasons as usize / REASONS_PER_REPLY >= replies_max
    }

    pub fn add_ping(&mut self) {
        self.pings = self.pings.saturating_add(1);
    }

    /// When it has been silent for one and a half times its keep alive (`[MQTT-3.1.2-22]`).
    pub fn silent_at(&self) -> Option<Timestamp> {
        let secs = self.keep_alive_secs?;
        Some(Timestamp(self.last_received.0 + u64::from(secs) * 1500))
    }
}

fn reasons_in(reply: &Outgoing) -> u32 {
    match reply {
        Outgoing::SubAck { reasons, .. } | Outgoing::UnsubAck { reasons, .. } => {
            reasons.len() as u32
        }
        _ => 0,
    }
}

impl Conns {
    pub fn insert(&mut self, mut conn: Conn) -> ConnId {
        self.generation = self.generation.wrapping_add(1);
        conn.generation = self.generation;
        let slot = self.slots.insert(conn) as u32;
        ConnId { slot, generation: self.generation }
    }

    pub fn get(&self, id: ConnId) -> Option<&Conn> {
        self.slots.get(id.slot as usize).filter(|conn| conn.generation == id.generation)
    }

    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.slots.get_mut(id.slot as usize).filter(|conn| conn.generation == id.generation)
    }

    pub fn remove(&mut self, id: ConnId) -> Option<Conn> {
        self.get(id)?;
        Some(self.slots.remove(id.slot as usize))
    }

    pub fn ids(&self) -> Vec<ConnId> {
        self.those(|_| true).collect()
    }

    /// Those that were turned away, in the order of their slots.
    pub fn turned_away(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.those(|conn| conn.turned_away)
    }

    /// Those whose next message waits for memory, in the order of their slots.
    pub fn held_back(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.those(|conn| conn.held_back)
    }

    fn those(&self, are: fn(&Conn) -> bool) -> impl Iterator<Item = ConnId> + '_ {
        let those = self.slots.iter().filter(move |(_, conn)| are(conn));
        those.map(|(slot, conn)| ConnId { slot: slot as u32, generation: conn.generation })
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }
}
