use std::collections::VecDeque;

use super::spare::Rooms;
use crate::types::{GroupKey, Lsn, Message, SubscriptionIds};

/// Messages of QoS 0 that wait for the socket: no packet id, no acknowledgement, no disk.
#[derive(Debug, Default)]
pub struct Direct {
    waiting: VecDeque<Unacknowledged>,
    bytes: usize,
}

/// Messages that there is room for as soon as there is one: they come in bursts, and growing by doubling
/// from one on would move the first ones again and again.
const FIRST_ROOM: usize = 16;

/// A delivery of QoS 0.
#[derive(Debug)]
pub struct Unacknowledged {
    pub message: Message,
    /// What must be durable before it is sent.
    pub gate: Lsn,
    /// Orders it against numbered messages.
    pub arrival: u64,
    pub apart: Option<Box<Apart>>,
}

/// A queue of many is written and read from end to end: how fast depends on its size.
const _: () = assert!(size_of::<Unacknowledged>() <= 40, "what few have stands apart");

/// What few deliveries have.
#[derive(Debug, Default)]
pub struct Apart {
    pub retain: bool,
    pub subscription_ids: SubscriptionIds,
    /// The shared subscription it came through.
    pub group: Option<GroupKey>,
}

impl Apart {
    pub fn boxed(
        retain: bool,
        subscription_ids: &SubscriptionIds,
        group: Option<GroupKey>,
    ) -> Box<Self> {
        Box::new(Self { retain, subscription_ids: subscription_ids.clone(), group })
    }
}

impl Unacknowledged {
    pub fn subscription_ids(&self) -> &SubscriptionIds {
        self.apart.as_ref().map_or(&SubscriptionIds::None, |apart| &apart.subscription_ids)
    }

    pub fn group(&self) -> Option<GroupKey> {
        self.apart.as_ref()?.group
    }
}

impl Direct {
    /// So many are to be pushed.
    pub fn expect(&mut self, deliveries: usize, spare: &mut Rooms<Unacknowledged>) {
        if self.waiting.capacity() == 0 {
            self.waiting = spare.take();
            self.waiting.reserve(deliveries.max(FIRST_ROOM));
        }
    }

    /// Leaves its room to others if nothing waits. Whoever empties it owes that.
    pub fn leave_room(&mut self, spare: &mut Rooms<Unacknowledged>) {
        if self.waiting.is_empty() && self.waiting.capacity() > 0 {
            spare.keep(std::mem::take(&mut self.waiting));
        }
    }

    pub fn push(&mut self, delivery: Unacknowledged) {
        self.bytes += delivery.message.len();
        self.waiting.push_back(delivery);
    }

    pub fn front(&self) -> Option<&Unacknowledged> {
        self.waiting.front()
    }

    pub fn pop(&mut self) -> Option<Unacknowledged> {
        let delivery = self.waiting.pop_front()?;
        self.bytes -= delivery.message.len();
        Some(delivery)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Unacknowledged> {
        self.waiting.iter()
    }

    /// Takes out the first ones.
    pub fn take(&mut self, count: usize) -> impl Iterator<Item = Unacknowledged> {
        let bytes = &mut self.bytes;
        self.waiting.drain(..count).inspect(|delivery| *bytes -= delivery.message.len())
    }

    /// Takes out, in order, those that came through a shared subscription.
    pub fn take_shared(&mut self) -> Vec<Unacknowledged> {
        let all = std::mem::take(&mut self.waiting);
        let (shared, own): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|delivery| delivery.group().is_some());
        self.bytes -= shared.iter().map(|delivery| delivery.message.len()).sum::<usize>();
        self.waiting = own.into();
        shared
    }

    /// Drops all of them; returns how many there were.
    pub fn clear(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.waiting).len()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
