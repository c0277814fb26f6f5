use std::collections::BTreeMap;

use super::{Entry, Outbound, QoS, State};
use crate::journal::{QueuedMessage, Unfinished};
use crate::session::ring::IDS;
use crate::types::{Lsn, SubscriptionIds};

impl Outbound {
    /// What a journal has kept of the deliveries to a client. Those with numbers below
    /// `sent_before`, and those before one of them, count as sent: they are sent again with DUP and
    /// the packet ids that they had (`[MQTT-3.3.1-1]`, `[MQTT-4.4.0-1]`).
    ///
    /// New messages get numbers from `next_number` on, or behind the last one kept.
    pub fn restore(
        mut queue: BTreeMap<u64, Unfinished>,
        sent_before: u64,
        next_number: u64,
    ) -> Self {
        let mut outbound = Self::default();
        let is_released = |(_, step): &(&u64, &Unfinished)| **step == Unfinished::Released;
        let released_before = queue.iter().rfind(is_released).map_or(0, |(last, _)| last + 1);
        // Where a journal has lost its end, a message is finished if its packet id was used again.
        let queue = queue.split_off(&released_before.saturating_sub(IDS));
        let sent_before = sent_before.max(released_before);
        for (number, step) in queue {
            outbound.arrivals += 1;
            outbound.ring.push(entry(number, step, outbound.arrivals));
            // Nothing is ever sent while an unfinished message has its packet id.
            let last = outbound.ring.len() - 1;
            if number < sent_before && outbound.ring.has_own_id(last) {
                outbound.count_as_sent(last);
            } else {
                outbound.count_as_queued(last);
            }
        }
        outbound.ring.skip_to(next_number);
        outbound
    }

    /// The queue numbers below this one may have been sent; from it on none has.
    pub fn sent_before(&self) -> u64 {
        self.ring.number(self.sent)
    }

    /// The queue number of the next message.
    pub fn next_number(&self) -> u64 {
        self.ring.next()
    }

    /// The deliveries that are not finished, as a journal has them: by queue number, in order.
    pub fn unfinished(&self) -> impl Iterator<Item = (u64, Unfinished)> + '_ {
        self.ring.iter().filter_map(|entry| Some((entry.number, unfinished(entry)?)))
    }

    fn count_as_sent(&mut self, index: usize) {
        self.sent = index + 1;
        let entry = self.ring.get_mut(index).expect("just added");
        if let State::Queued(message) = &entry.state {
            entry.state = State::Published(message.clone());
        }
    }

    fn count_as_queued(&mut self, index: usize) {
        let entry = self.ring.get(index).expect("just added");
        let message = entry.message().expect("what is released was sent");
        self.queued += 1;
        self.queued_bytes += message.len();
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
        State::Queued(message) | State::Published(message) => {
            Some(Unfinished::Message(QueuedMessage {
                message: message.clone(),
                qos: entry.qos,
                retain: entry.retain,
                subscription_ids: entry.subscription_ids.clone(),
            }))
        }
    }
}
