mod resend;
mod restore;

use super::delivery::{
    AckError, Context, Dropped, NewDelivery, Offered, QueueFull, QueueLimits, QueueRule,
};
use super::direct::{Direct, Unacknowledged};
use super::ring::{Entry, Ring, State};
use crate::request::{Delivery, Outgoing};
use crate::types::{GroupKey, Lsn, OutboundId, QoS, ReasonCode};

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
    in_flight: usize,
    /// Messages of the ring that wait to be sent.
    queued: usize,
    /// Their bytes.
    queued_bytes: usize,
    /// Unfinished messages that came through a shared subscription, so that sessions without
    /// any need not look for them.
    shared: usize,
    arrivals: u64,
}

impl Outbound {
    /// Queues a message, or says that there is no room for it.
    pub fn offer(&mut self, new: NewDelivery, limits: QueueLimits) -> Result<Offered, QueueFull> {
        let dropped = self.make_room(new.qos, new.message.len(), limits)?;
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.shared += usize::from(new.group.is_some());
        let NewDelivery { message, qos, retain, subscription_ids, gate, group } = new;
        if qos == QoS::AtMostOnce {
            let delivery =
                Unacknowledged { message, retain, subscription_ids, gate, arrival, group };
            self.direct.push(delivery);
            return Ok(Offered { number: None, dropped });
        }
        self.queued += 1;
        self.queued_bytes += message.len();
        let state = State::Queued(message);
        let number = self.ring.next();
        self.ring.push(Entry {
            number,
            state,
            qos,
            retain,
            subscription_ids,
            gate,
            arrival,
            group,
        });
        Ok(Offered { number: Some(number), dropped })
    }

    /// What to send next, if anything may be sent. Messages that will not be sent are reported.
    pub fn poll(&mut self, context: &Context, dropped: &mut Vec<Dropped>) -> Option<Outgoing> {
        if let Some(outgoing) = self.poll_resend(context, dropped) {
            return Some(outgoing);
        }
        self.drop_unsendable(context, dropped);
        let numbered = self.sendable_arrival(context);
        let direct = self.direct.front().filter(|delivery| delivery.gate <= context.durable);
        match (numbered, direct.map(|delivery| delivery.arrival)) {
            (None, None) => None,
            (Some(numbered), Some(direct)) if numbered > direct => self.send_direct(),
            (Some(_), _) => Some(self.send_numbered()),
            (None, Some(_)) => self.send_direct(),
        }
    }

    /// PUBACK. Returns the queue number of the message that is done.
    pub fn handle_puback(&mut self, id: OutboundId) -> Result<u64, AckError> {
        let index = self.find(id)?;
        let entry = self.ring.get(index).expect("found");
        match (&entry.state, entry.qos) {
            (State::Published(_), QoS::AtLeastOnce) => Ok(self.settle_in_flight(index)),
            (State::Done, _) => Err(AckError::Unknown),
            _ => Err(AckError::OutOfPlace),
        }
    }

    /// PUBREC with success: from here on the PUBLISH is never sent again (`[MQTT-4.3.3-6]`).
    /// Returns the queue number, and whether this was not known before.
    pub fn handle_pubrec(&mut self, id: OutboundId) -> Result<(u64, bool), AckError> {
        let index = self.find(id)?;
        let number = self.ring.number(index);
        let entry = self.ring.get_mut(index).expect("found");
        match (&entry.state, entry.qos) {
            (State::Published(_), QoS::ExactlyOnce) => {
                entry.state = State::Released;
                self.shared -= usize::from(entry.group.take().is_some());
                Ok((number, true))
            }
            (State::Released, _) => Ok((number, false)),
            (State::Done, _) => Err(AckError::Unknown),
            _ => Err(AckError::OutOfPlace),
        }
    }

    /// The PUBREL of this message waits for `gate`, also when it is sent again.
    pub fn gate_pubrel(&mut self, id: OutboundId, gate: Lsn) {
        if let Some(entry) = self.find(id).ok().and_then(|index| self.ring.get_mut(index)) {
            entry.gate = gate;
        }
    }

    /// What the PUBREL of this message waits for.
    pub fn pubrel_gate(&self, id: OutboundId) -> Lsn {
        let entry = self.find(id).ok().and_then(|index| self.ring.get(index));
        entry.map_or(Lsn::NONE, |entry| entry.gate)
    }

    /// PUBREC with an error: the client has refused the message and the exchange is over.
    pub fn handle_pubrec_refusal(&mut self, id: OutboundId) -> Result<u64, AckError> {
        let index = self.find(id)?;
        let entry = self.ring.get(index).expect("found");
        match (&entry.state, entry.qos) {
            (State::Published(_), QoS::ExactlyOnce) => Ok(self.settle_in_flight(index)),
            (State::Done, _) => Err(AckError::Unknown),
            _ => Err(AckError::OutOfPlace),
        }
    }

    /// PUBCOMP. Returns the queue number of the message that is done.
    pub fn handle_pubcomp(&mut self, id: OutboundId) -> Result<u64, AckError> {
        let index = self.find(id)?;
        match self.ring.get(index).expect("found").state {
            State::Released => Ok(self.settle_in_flight(index)),
            State::Done => Err(AckError::Unknown),
            _ => Err(AckError::OutOfPlace),
        }
    }

    /// A new connection: what is unfinished is sent again, from the oldest on (`[MQTT-4.4.0-1]`,
    /// `[MQTT-4.6.0-1]`).
    pub fn start_connection(&mut self) {
        self.resent = 0;
        self.released = 0;
        self.in_flight = 0;
    }

    /// Drops messages of QoS 0; returns how many.
    pub fn clear_direct(&mut self) -> usize {
        self.direct.clear()
    }

    /// Whether anything unfinished came through a shared subscription.
    pub fn has_shared(&self) -> bool {
        self.shared > 0
    }

    /// Takes out what came through shared subscriptions and `may_go` to another member, in order,
    /// with the queue numbers that they had.
    ///
    /// A message of QoS 2 that was sent stays: the client may have it (`[MQTT-4.8.2-4]`,
    /// `[MQTT-4.8.2-5]`).
    pub fn take_shared(
        &mut self,
        mut may_go: impl FnMut(GroupKey) -> bool,
    ) -> Vec<(u64, NewDelivery)> {
        if self.shared == 0 {
            return Vec::new();
        }
        let mut taken = Vec::new();
        for index in 0..self.ring.len() {
            let entry = self.ring.get(index).expect("within its length");
            let sent_qos_2 = entry.qos == QoS::ExactlyOnce && index < self.sent;
            let Some(delivery) = entry.handed_on().filter(|_| !sent_qos_2) else { continue };
            if delivery.group.is_some_and(&mut may_go) {
                taken.push((self.ring.number(index), delivery));
            }
        }
        for (number, _) in &taken {
            self.remove(*number);
        }
        taken
    }

    /// Takes out, in order, the messages of QoS 0 that came through shared subscriptions.
    pub fn take_shared_direct(&mut self) -> Vec<NewDelivery> {
        let taken = self.direct.take_shared();
        self.shared -= taken.len();
        taken.into_iter().map(NewDelivery::from).collect()
    }

    /// Messages that have not been sent, all QoS together.
    pub fn queued(&self) -> usize {
        self.queued + self.direct.len()
    }

    /// Messages that have been sent and are unfinished on this connection.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Bytes of messages that have not been sent.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes + self.direct.bytes()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.ring.len() == 0 && self.direct.len() == 0
    }

    fn find(&self, id: OutboundId) -> Result<usize, AckError> {
        self.ring.find(id, self.sent).ok_or(AckError::Unknown)
    }

    fn make_room(
        &mut self,
        qos: QoS,
        bytes: usize,
        limits: QueueLimits,
    ) -> Result<Vec<Option<u64>>, QueueFull> {
        if bytes > limits.bytes_max || limits.messages_max == 0 {
            // However much gave way, there would be no room.
            return Err(QueueFull);
        }
        let mut dropped = Vec::new();
        while !self.has_room(qos, bytes, limits) {
            if limits.rule == QueueRule::RefuseNew {
                return Err(QueueFull);
            }
            dropped.push(self.drop_oldest(qos).ok_or(QueueFull)?);
        }
        Ok(dropped)
    }

    fn has_room(&self, qos: QoS, bytes: usize, limits: QueueLimits) -> bool {
        let (messages, used) = match qos {
            QoS::AtMostOnce => (self.direct.len(), self.direct.bytes()),
            _ => (self.queued, self.queued_bytes),
        };
        messages < limits.messages_max && used.saturating_add(bytes) <= limits.bytes_max
    }

    /// Drops the oldest message that has not been sent; `None` if there is none.
    fn drop_oldest(&mut self, qos: QoS) -> Option<Option<u64>> {
        if qos == QoS::AtMostOnce {
            let delivery = self.direct.pop()?;
            self.shared -= usize::from(delivery.group.is_some());
            return Some(None);
        }
        self.skip_holes();
        (self.sent < self.ring.len()).then(|| {
            let number = self.ring.number(self.sent);
            self.skip_next();
            Some(number)
        })
    }

    /// Passes over what stands at the front of the queues and must not be sent.
    fn drop_unsendable(&mut self, context: &Context, dropped: &mut Vec<Dropped>) {
        self.skip_holes();
        while let Some(entry) = self.ring.get(self.sent) {
            let message = entry.message().expect("holes are skipped");
            let cause = context.cause_to_drop(message, entry.qos, &entry.subscription_ids);
            let Some(cause) = cause else { break };
            dropped.push(Dropped { number: Some(self.ring.number(self.sent)), cause });
            self.skip_next();
            self.skip_holes();
        }
        while let Some(next) = self.direct.front() {
            let ids = &next.subscription_ids;
            let Some(cause) = context.cause_to_drop(&next.message, QoS::AtMostOnce, ids) else {
                break;
            };
            self.shared -= usize::from(next.group.is_some());
            self.direct.pop();
            dropped.push(Dropped { number: None, cause });
        }
    }

    /// Passes over messages that were taken away before they were sent.
    fn skip_holes(&mut self) {
        while matches!(self.ring.get(self.sent), Some(entry) if matches!(entry.state, State::Done))
        {
            self.skip_next();
        }
    }

    /// The arrival of the next numbered message, if it may be sent now.
    fn sendable_arrival(&self, context: &Context) -> Option<u64> {
        let entry = self.ring.get(self.sent)?;
        let may_go = self.resent == self.sent
            && self.in_flight < usize::from(context.receive_maximum)
            && self.ring.has_own_id(self.sent)
            && entry.gate <= context.durable;
        may_go.then_some(entry.arrival)
    }

    fn send_numbered(&mut self) -> Outgoing {
        let id = self.ring.id(self.sent);
        let entry = self.ring.get_mut(self.sent).expect("seen to be sendable");
        let State::Queued(message) = std::mem::replace(&mut entry.state, State::Done) else {
            unreachable!("messages behind `sent` are queued")
        };
        entry.state = State::Published(message.clone());
        self.queued -= 1;
        self.queued_bytes -= message.len();
        let delivery = Delivery {
            message,
            qos: entry.qos,
            id: Some(id),
            dup: false,
            retain: entry.retain,
            subscription_ids: entry.subscription_ids.clone(),
        };
        self.sent += 1;
        self.resent += 1;
        self.released += 1;
        self.in_flight += 1;
        Outgoing::Publish(delivery)
    }

    fn send_direct(&mut self) -> Option<Outgoing> {
        let delivery = self.direct.pop()?;
        self.shared -= usize::from(delivery.group.is_some());
        Some(Outgoing::Publish(Delivery {
            message: delivery.message,
            qos: QoS::AtMostOnce,
            id: None,
            dup: false,
            retain: delivery.retain,
            subscription_ids: delivery.subscription_ids,
        }))
    }

    /// Finishes the first message that has not been sent, unsent.
    fn skip_next(&mut self) {
        let at_front = self.resent == self.sent;
        self.finish(self.sent);
        self.sent += 1;
        self.resent += usize::from(at_front);
        self.released += usize::from(at_front);
        self.trim();
    }

    fn settle_in_flight(&mut self, index: usize) -> u64 {
        let number = self.ring.number(index);
        self.in_flight -= usize::from(index < self.resent);
        self.finish(index);
        self.trim();
        number
    }

    /// Finishes the message with this queue number wherever it stands.
    fn remove(&mut self, number: u64) {
        let index = self.ring.position(number).expect("it is in the ring");
        self.in_flight -= usize::from(index < self.resent);
        self.finish(index);
        self.trim();
    }

    fn finish(&mut self, index: usize) {
        let entry = self.ring.get_mut(index).expect("within the ring");
        if let State::Queued(message) = &entry.state {
            self.queued -= 1;
            self.queued_bytes -= message.len();
        }
        entry.state = State::Done;
        self.shared -= usize::from(entry.group.take().is_some());
    }

    fn trim(&mut self) {
        let trimmed = self.ring.trim();
        self.sent = self.sent.saturating_sub(trimmed);
        self.resent = self.resent.saturating_sub(trimmed);
        self.released = self.released.saturating_sub(trimmed);
    }
}
