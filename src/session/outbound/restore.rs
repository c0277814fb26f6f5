use std::collections::BTreeMap;

use super::{Entry, Outbound, Paged, QoS, State};
use crate::journal::{Backlog, QueuedMessage, Unfinished};
use crate::session::ring::IDS;
use crate::types::{Lsn, SubscriptionIds};

impl Outbound {
    /// What a journal has kept of the deliveries to a client, and what only a store has. Those with
    /// numbers below `sent_before`, and those before one whose PUBREC was seen, count as sent: they are
    /// sent again with DUP and the packet ids that they had (`[MQTT-3.3.1-1]`, `[MQTT-4.4.0-1]`).
    ///
    /// New messages get numbers from `next_number` on, but none that may have been sent or is kept.
    pub fn restore(
        mut queue: BTreeMap<u64, Unfinished>,
        backlog: Backlog,
        sent_before: u64,
        next_number: u64,
    ) -> Self {
        let is_released = |(_, step): &(&u64, &Unfinished)| **step == Unfinished::Released;
        let released_before = queue.iter().rfind(is_released).map_or(0, |(last, _)| last + 1);
        // Where a journal has lost its end, a message is finished if its packet id was used again.
        let mut queue = queue.split_off(&released_before.saturating_sub(IDS));
        let mut outbound =
            Self { sent_earlier: sent_before.max(released_before), ..Self::default() };
        let tail = match backlog.is_empty() {
            true => BTreeMap::new(),
            false => queue.split_off(&backlog.from).split_off(&backlog.to),
        };
        for (number, step) in queue {
            outbound.arrivals += 1;
            outbound.append(entry(number, step, outbound.arrivals));
        }
        let last = tail.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        let next = next_number.max(outbound.sent_earlier).max(last);
        if !backlog.is_empty() {
            outbound.ring.skip_to(backlog.to);
            outbound.stored = backlog.from..backlog.to;
            let is_message = |(_, step): &(u64, Unfinished)| *step != Unfinished::Released;
            let tail = tail.into_iter().filter(is_message);
            let tail = tail.map(|(number, step)| entry(number, step, 0));
            outbound.paged = Some(Box::new(Paged::new(backlog, tail)));
        }
        outbound.ring.skip_to(next);
        outbound
    }

    /// The queue number of the next message.
    pub fn next_number(&self) -> u64 {
        self.ring.next()
    }

    /// The deliveries that are not finished and not in the backlog, as a journal has them: by queue
    /// number, in order.
    pub fn unfinished(&self) -> impl Iterator<Item = (u64, Unfinished)> + '_ {
        let tail = self.paged.iter().flat_map(|paged| paged.tail());
        self.ring.iter().chain(tail).filter_map(|entry| Some((entry.number, unfinished(entry)?)))
    }
}

fn entry(number: u64, step: Unfinished, arrival: u64) -> Entry {
    let (state, qos, retain, subscription_ids) = match step {
        Unfinished::Message(QueuedMessage { message, qos, retain, subscription_ids }) => {
            (State::Queued(message), qos, retain, subscription_ids)
        }
        Unfinished::Released => (State::Released, QoS::ExactlyOnce, false, SubscriptionIds::None),
    };
    Entry { number, state, qos, retain, subscription_ids, gate: Lsn::NONE, arrival, group: None }
}

fn unfinished(entry: &Entry) -> Option<Unfinished> {
    match &entry.state {
        State::Done => None,
        State::Released => Some(Unfinished::Released),
        State::Queued(message) | State::Restored(message) | State::Published(message) => {
            Some(Unfinished::Message(QueuedMessage {
                message: message.clone(),
                qos: entry.qos,
                retain: entry.retain,
                subscription_ids: entry.subscription_ids.clone(),
            }))
        }
    }
}
