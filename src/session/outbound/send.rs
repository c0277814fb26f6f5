use super::{Apart, Context, Delivery, Dropped, Outbound, Pull, QoS, State, Unacknowledged};
use crate::session::delivery::may_be_too_large;

impl Outbound {
    /// Passes over what stands at the front of the queues and must not be sent.
    pub(super) fn drop_unsendable(&mut self, context: &Context, dropped: &mut Vec<Dropped>) {
        self.skip_holes();
        while let Some(entry) = self.ring.get(self.sent) {
            let message = entry.message().expect("holes are skipped");
            let cause = context.cause_to_drop(message, entry.qos, &entry.subscription_ids);
            let Some(cause) = cause else { break };
            dropped.push(Dropped { number: Some(self.ring.number(self.sent)), cause });
            self.gate_drops(context.recorded);
            self.skip_next();
            self.skip_holes();
        }
        self.drop_unsendable_direct(context, dropped);
    }

    #[inline]
    fn drop_unsendable_direct(&mut self, context: &Context, dropped: &mut Vec<Dropped>) {
        while let Some(next) = self.direct.front() {
            let ids = next.subscription_ids();
            let Some(cause) = context.cause_to_drop(&next.message, QoS::AtMostOnce, ids) else {
                break;
            };
            self.shared -= u32::from(next.group().is_some());
            self.direct.pop();
            dropped.push(Dropped { number: None, cause });
        }
    }

    /// Pulls where nothing but messages of QoS 0 waits. Whether that was all that may be sent now.
    pub(super) fn poll_direct(
        &mut self,
        context: &Context,
        pull: &mut Pull<'_>,
        dropped: &mut Vec<Dropped>,
    ) -> bool {
        self.pull_plain(context, pull);
        while let Some(next) = self.direct.front() {
            let ids = next.subscription_ids();
            if context.cause_to_drop(&next.message, QoS::AtMostOnce, ids).is_some() {
                self.drop_unsendable_direct(context, dropped);
                continue;
            }
            if next.gate > context.durable {
                return true;
            }
            if pull.is_full() {
                return false;
            }
            self.send_direct().into_iter().for_each(|delivery| pull.publish(delivery));
        }
        true
    }

    /// Pulls messages of QoS 0 from the front as long as there is nothing to find out about them that
    /// does not stand in the queue or at the front of the message. They are all looked at before the
    /// first is moved, so that the memory of many is fetched at a time.
    fn pull_plain(&mut self, context: &Context, pull: &mut Pull<'_>) {
        if context.denies.is_some() || context.maximum_packet_size != u32::MAX {
            return;
        }
        pull.take_plain(&mut self.direct, |next| {
            next.apart.is_none()
                && next.gate <= context.durable
                && !next.message.is_expired(context.now)
                && !may_be_too_large(&next.message)
        });
    }

    /// Pulls where nothing but messages of QoS 1 and 2 waits, up to the first one of which more has to be
    /// found out. Whether there was any before that.
    pub(super) fn poll_numbered(&mut self, context: &Context, pull: &mut Pull<'_>) -> bool {
        let first = self.sent;
        let before = self.reservation.before(context.durable);
        while !pull.is_full()
            && self.in_flight < u32::from(context.receive_maximum)
            && self.ring.has_own_id(self.sent)
        {
            let Some(entry) = self.ring.get(self.sent) else { break };
            let State::Queued(message) = &entry.state else { break };
            let gate = entry.gate.max(self.drop_gate);
            if entry.number >= before || gate > context.durable {
                break;
            }
            if context.cause_to_drop(message, entry.qos, &entry.subscription_ids).is_some() {
                break;
            }
            pull.publish(self.send_numbered());
        }
        self.sent > first
    }

    /// Passes over messages that were taken away before they were sent.
    pub(super) fn skip_holes(&mut self) {
        while matches!(self.ring.get(self.sent), Some(entry) if matches!(entry.state, State::Done))
        {
            self.skip_next();
        }
    }

    /// The arrival of the next numbered message, if it may be sent now.
    pub(super) fn sendable_arrival(&self, context: &Context) -> Option<u64> {
        let entry = self.ring.get(self.sent)?;
        let may_go = self.resent == self.sent
            && self.in_flight < u32::from(context.receive_maximum)
            && self.ring.has_own_id(self.sent)
            && entry.number < self.reservation.before(context.durable)
            && entry.gate.max(self.drop_gate) <= context.durable;
        may_go.then_some(entry.arrival)
    }

    #[inline]
    pub(super) fn send_numbered(&mut self) -> Delivery {
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
        delivery
    }

    #[inline]
    pub(super) fn send_direct(&mut self) -> Option<Delivery> {
        let Unacknowledged { message, apart, .. } = self.direct.pop()?;
        let Apart { retain, subscription_ids, group } =
            apart.map(|apart| *apart).unwrap_or_default();
        self.shared -= u32::from(group.is_some());
        let (qos, id, dup) = (QoS::AtMostOnce, None, false);
        Some(Delivery { message, qos, id, dup, retain, subscription_ids })
    }

    /// Finishes the first message that has not been sent, unsent.
    pub(super) fn skip_next(&mut self) {
        let at_front = self.resent == self.sent;
        self.finish(self.sent);
        self.sent += 1;
        self.resent += usize::from(at_front);
        self.released += usize::from(at_front);
        self.trim();
    }
}
