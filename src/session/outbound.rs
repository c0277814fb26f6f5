mod acknowledge;
mod paging;
mod resend;
mod reserve;
mod restore;
mod room;
mod send;
mod shared;

use std::ops::Range;

pub use paging::LetGo;

use super::delivery::{
    AckError, Context, Dropped, NewDelivery, Offered, OfferedDirect, Pull, QueueFull, QueueLimits,
    QueueRule, Terms,
};
use super::direct::{Apart, Direct, Unacknowledged};
use super::paged::Paged;
use super::reservation::Reservation;
use super::ring::{Entry, Ring, State};
use super::spare::SpareRoom;
use crate::request::{Delivery, Outgoing};
use crate::types::{GroupKey, Lsn, Message, OutboundId, QoS, ReasonCode, SubscriptionIds};

/// Everything on its way to a client, in the order in which it was routed.
///
/// Messages of QoS 1 and 2 stand in one ring, from the oldest unfinished one on:
///
/// ```text
///   0 ........ resent ........ sent ........ len
///   | on this    | on an earlier | waiting     |
///   | connection | connection    |             |
/// ```
///
/// Within one connection nothing is sent twice (`[MQTT-4.4.0-1]`).
///
/// Where a store keeps the end of a long queue, the ring is only its front, from which is sent; behind
/// it comes the backlog, of which only the size is known, and behind that the tail, which the store
/// cannot give yet.
#[derive(Debug, Default)]
pub struct Outbound {
    ring: Ring,
    direct: Direct,
    /// Messages before this one have been sent on some connection.
    sent: usize,
    /// Messages before this one have been sent on this connection.
    resent: usize,
    /// For messages before this one PUBREL has been sent again on this connection.
    released: usize,
    /// Unfinished exchanges among those: held against the client's receive maximum.
    in_flight: u32,
    /// Messages of the ring that this process has not sent.
    queued: usize,
    /// Their bytes.
    queued_bytes: usize,
    /// Backlog and tail, while there are any.
    paged: Option<Box<Paged>>,
    /// The numbers that a store can give again.
    stored: Range<u64>,
    /// Numbers below this one may have been sent by an earlier process.
    sent_earlier: u64,
    reservation: Reservation,
    /// What must be durable before more is sent: the end of messages that were dropped. A crash that
    /// took it back would send them behind newer ones.
    drop_gate: Lsn,
    /// Unfinished messages that came through a shared subscription, so that sessions without
    /// any need not look for them.
    shared: u32,
    arrivals: u64,
}

impl Outbound {
    /// Queues a message of QoS 1 or 2, or says that there is no room for it.
    pub fn offer(
        &mut self,
        message: Message,
        terms: Terms<'_>,
        limits: QueueLimits,
        spare: &mut SpareRoom,
    ) -> Result<Offered, QueueFull> {
        let Terms { qos, retain, subscription_ids, gate, group } = terms;
        let dropped = self.make_room(message.len(), limits)?;
        let arrival = self.take_arrival();
        self.shared += u32::from(group.is_some());
        let subscription_ids = subscription_ids.clone();
        let number = self.ring.take_number();
        let state = State::Queued(message);
        let entry = Entry { number, state, qos, retain, subscription_ids, gate, arrival, group };
        match &mut self.paged {
            Some(paged) => paged.push(entry),
            None => {
                self.ring.take_room(&mut spare.ring);
                self.append(entry);
            }
        }
        Ok(Offered { number, dropped })
    }

    /// Queues messages of QoS 0, as far as there is room for them.
    pub fn offer_direct(
        &mut self,
        messages: impl ExactSizeIterator<Item = Message>,
        terms: Terms<'_>,
        limits: QueueLimits,
        spare: &mut SpareRoom,
    ) -> OfferedDirect {
        let Terms { retain, subscription_ids, gate, group, .. } = terms;
        let is_plain = !retain && group.is_none() && *subscription_ids == SubscriptionIds::None;
        let mut offered = OfferedDirect::default();
        self.direct.expect(messages.len(), &mut spare.direct);
        for message in messages {
            if !self.make_room_direct(message.len(), limits, &mut offered.dropped) {
                offered.refused += 1;
                continue;
            }
            let arrival = self.take_arrival();
            let apart = (!is_plain).then(|| Apart::boxed(retain, subscription_ids, group));
            self.shared += u32::from(group.is_some());
            self.direct.push(Unacknowledged { message, gate, arrival, apart });
            offered.queued += 1;
        }
        self.leave_room(spare);
        offered
    }

    /// Leaves the room of what was sent, if nothing waits, to others: owed after [`Self::poll`].
    pub fn leave_room(&mut self, spare: &mut SpareRoom) {
        self.direct.leave_room(&mut spare.direct);
    }

    /// Pulls what may be sent now. Whether that was all; messages that will not be sent are reported.
    pub fn poll(
        &mut self,
        context: &Context,
        pull: &mut Pull<'_>,
        dropped: &mut Vec<Dropped>,
    ) -> bool {
        while !pull.is_full() {
            if self.is_caught_up() {
                if self.sent == self.ring.len() {
                    return self.poll_direct(context, pull, dropped);
                }
                if self.direct.len() == 0 && self.poll_numbered(context, pull) {
                    continue;
                }
            }
            match self.poll_one(context, dropped) {
                Some(outgoing) => pull.push(outgoing),
                None => return true,
            }
        }
        false
    }

    /// Whether nothing that an earlier connection left is to be sent again.
    fn is_caught_up(&self) -> bool {
        self.resent == self.sent && self.released == self.sent
    }

    /// What to send next, if anything may be sent.
    fn poll_one(&mut self, context: &Context, dropped: &mut Vec<Dropped>) -> Option<Outgoing> {
        if let Some(outgoing) = self.poll_resend(context, dropped) {
            return Some(outgoing);
        }
        self.drop_unsendable(context, dropped);
        let numbered = self.sendable_arrival(context);
        let direct = self.direct.front().filter(|delivery| delivery.gate <= context.durable);
        match (numbered, direct.map(|delivery| delivery.arrival)) {
            (None, None) => None,
            (Some(numbered), Some(direct)) if numbered > direct => {
                self.send_direct().map(Outgoing::Publish)
            }
            (Some(_), _) => Some(Outgoing::Publish(self.send_numbered())),
            (None, Some(_)) => self.send_direct().map(Outgoing::Publish),
        }
    }

    /// A new connection: what is unfinished is sent again, from the oldest on (`[MQTT-4.4.0-1]`,
    /// `[MQTT-4.6.0-1]`).
    pub fn start_connection(&mut self) {
        self.resent = 0;
        self.released = 0;
        self.in_flight = 0;
        self.reservation = Reservation::UNLIMITED;
    }

    /// Nothing numbered is sent until `gate` is durable, with which older messages end unsent
    /// (`[MQTT-4.6.0-6]`).
    pub fn gate_drops(&mut self, gate: Lsn) {
        self.drop_gate = self.drop_gate.max(gate);
    }

    /// Drops messages of QoS 0; returns how many.
    pub fn clear_direct(&mut self) -> usize {
        self.direct.clear()
    }

    /// Messages that have not been sent, all QoS together.
    pub fn queued(&self) -> usize {
        self.queued_numbered().0 + self.direct.len()
    }

    /// Messages that have been sent and are unfinished on this connection.
    pub fn in_flight(&self) -> usize {
        self.in_flight as usize
    }

    /// Bytes of messages that have not been sent.
    pub fn queued_bytes(&self) -> usize {
        self.queued_numbered().1 + self.direct.bytes()
    }

    /// Bytes of those of them that are in memory.
    pub fn held_bytes(&self) -> usize {
        let tail = self.paged.as_ref().map_or(0, |paged| paged.tail_bytes());
        self.queued_bytes + tail + self.direct.bytes()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.ring.len() == 0 && self.paged.is_none() && self.direct.len() == 0
    }

    /// Messages of QoS 1 and 2 that this process has not sent, and their bytes.
    fn queued_numbered(&self) -> (usize, usize) {
        let (messages, bytes) =
            self.paged.as_ref().map_or((0, 0), |paged| (paged.messages(), paged.bytes()));
        (self.queued.saturating_add(messages), self.queued_bytes.saturating_add(bytes))
    }

    /// Puts a message at the end of the ring. Its number decides whether it may have been sent.
    fn append(&mut self, entry: Entry) {
        if let Some(message) = entry.message() {
            self.queued += 1;
            self.queued_bytes += message.len();
        }
        let number = entry.number;
        self.ring.push(entry);
        if number < self.sent_earlier {
            self.count_as_sent(self.ring.len() - 1);
        }
    }

    /// An earlier process may have sent the last message of the ring. Nothing is ever sent while an
    /// unfinished message has its packet id.
    fn count_as_sent(&mut self, last: usize) {
        if last != self.sent || !self.ring.has_own_id(last) {
            return;
        }
        self.sent += 1;
        let entry = self.ring.get_mut(last).expect("just added");
        if let State::Queued(message) = &entry.state {
            entry.state = State::Restored(message.clone());
        }
    }

    fn take_arrival(&mut self) -> u64 {
        let arrival = self.arrivals;
        self.arrivals += 1;
        arrival
    }

    fn finish(&mut self, index: usize) {
        let entry = self.ring.get_mut(index).expect("within the ring");
        if let Some(message) = entry.waiting() {
            self.queued -= 1;
            self.queued_bytes -= message.len();
        }
        entry.state = State::Done;
        self.shared -= u32::from(entry.group.take().is_some());
    }

    /// Forgets what is finished, and leaves the room for that to others.
    pub fn trim_into(&mut self, spare: &mut SpareRoom) {
        self.trim_entries();
        spare.ring.keep(self.ring.spare_room());
    }

    fn trim(&mut self) {
        self.trim_entries();
        self.ring.spare_room();
    }

    fn trim_entries(&mut self) {
        let trimmed = self.ring.trim();
        self.sent = self.sent.saturating_sub(trimmed);
        self.resent = self.resent.saturating_sub(trimmed);
        self.released = self.released.saturating_sub(trimmed);
    }
}
