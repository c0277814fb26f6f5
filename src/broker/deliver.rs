use super::{Actions, Broker, wake_session};
use crate::journal::Change;
use crate::session::{Offered, OfferedDirect, QueueFull, QueueLimits, Terms};
use crate::types::{Lsn, Message, QoS, SessionKey};

impl Broker {
    /// Queues messages for one session; returns what must be durable before they are acknowledged.
    pub(super) fn deliver(
        &mut self,
        key: SessionKey,
        messages: impl ExactSizeIterator<Item = Message>,
        terms: Terms<'_>,
        actions: &mut Actions,
    ) -> Lsn {
        let offline = self.sessions[key].conn.is_none();
        if offline && terms.qos == QoS::AtMostOnce && !self.settings.queue_qos0_offline {
            self.stats.dropped.offline += messages.len() as u64;
            return Lsn::NONE;
        }
        if self.is_too_much_for(key, terms.qos) {
            self.stats.dropped.queue_full += messages.len() as u64;
            return Lsn::NONE;
        }
        self.queue(key, messages, terms, self.settings.queue, actions)
    }

    /// Queues messages within `limits`, records them if the session is durable, and wakes its
    /// connection.
    pub(super) fn queue(
        &mut self,
        key: SessionKey,
        messages: impl ExactSizeIterator<Item = Message>,
        mut terms: Terms<'_>,
        limits: QueueLimits,
        actions: &mut Actions,
    ) -> Lsn {
        if terms.qos == QoS::AtMostOnce {
            self.queue_direct(key, messages, terms, limits, actions);
            return Lsn::NONE;
        }
        let durable = self.sessions[key].is_durable();
        if durable && terms.qos == QoS::ExactlyOnce {
            // It must not be seen under a packet id that a crash could take back.
            terms.gate = terms.gate.max(self.journal.current());
        }
        let (mut some_queued, mut recorded) = (false, Lsn::NONE);
        for message in messages {
            let recordable = durable.then(|| message.clone());
            let offered =
                self.sessions[key].outbound.offer(message, terms, limits, &mut self.spare);
            let (number, dropped) = match offered {
                Ok(Offered { number, dropped }) => (Some(number), dropped),
                Err(QueueFull { dropped }) => (None, dropped),
            };
            if !dropped.is_empty() {
                self.settle_oldest(key, &dropped);
            }
            let Some(number) = number else {
                self.stats.dropped.queue_full += 1;
                continue;
            };
            some_queued = true;
            if let Some(message) = recordable {
                recorded = self.record_queued(key, number, message, terms);
            }
        }
        if some_queued {
            self.wake_for(key, terms.gate, actions);
        }
        recorded
    }

    fn queue_direct(
        &mut self,
        key: SessionKey,
        messages: impl ExactSizeIterator<Item = Message>,
        terms: Terms<'_>,
        limits: QueueLimits,
        actions: &mut Actions,
    ) {
        let OfferedDirect { queued, refused, dropped } =
            self.sessions[key].outbound.offer_direct(messages, terms, limits, &mut self.spare);
        self.stats.dropped.queue_full += (refused + dropped) as u64;
        if dropped > 0 {
            self.count_backlog(key);
        }
        if queued > 0 {
            self.wake_for(key, terms.gate, actions);
        }
    }

    /// Wakes the connection of a session for what was queued for it, now and when `gate` is durable.
    fn wake_for(&mut self, key: SessionKey, gate: Lsn, actions: &mut Actions) {
        let session = &mut self.sessions[key];
        wake_session(session, actions);
        if let (Some(id), true) = (session.conn, gate > self.durable) {
            self.wait_for(id, gate);
        }
    }

    fn record_queued(
        &mut self,
        key: SessionKey,
        number: u64,
        message: Message,
        terms: Terms<'_>,
    ) -> Lsn {
        let Terms { qos, retain, subscription_ids, .. } = terms;
        let (session, subscription_ids) = (self.sessions[key].number, subscription_ids.clone());
        self.journal.record(|| Change::Queued {
            session,
            number,
            message,
            qos,
            retain,
            subscription_ids,
        })
    }

    /// The oldest messages have made way for new ones.
    fn settle_oldest(&mut self, key: SessionKey, dropped: &[u64]) {
        self.stats.dropped.queue_full += dropped.len() as u64;
        self.count_backlog(key);
        let session = &self.sessions[key];
        let (conn, session, durable) = (session.conn, session.number, session.is_durable());
        let mut gate = Lsn::NONE;
        for number in dropped.iter().copied().filter(|_| durable) {
            gate = self.journal.record(|| Change::Settled { session, number });
        }
        self.sessions[key].outbound.gate_drops(gate);
        if let Some(id) = conn {
            self.wait_for(id, gate);
        }
    }
}
