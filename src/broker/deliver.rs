use super::{Actions, Broker, wake_session};
use crate::journal::Change;
use crate::session::{Offer, Offered, QueueFull, QueueLimits};
use crate::types::{Lsn, QoS, SessionKey};

impl Broker {
    /// Queues a message for one session; returns what must be durable before it is acknowledged.
    pub(super) fn deliver(
        &mut self,
        key: SessionKey,
        new: Offer<'_>,
        actions: &mut Actions,
    ) -> Lsn {
        let offline = self.sessions[key].conn.is_none();
        if offline && new.qos == QoS::AtMostOnce && !self.settings.queue_qos0_offline {
            self.stats.dropped.offline += 1;
            return Lsn::NONE;
        }
        if self.is_too_much_for(key, new.qos) {
            self.stats.dropped.queue_full += 1;
            return Lsn::NONE;
        }
        self.queue(key, new, self.settings.queue, actions)
    }

    /// Queues a message within `limits`, records it if the session is durable, and wakes its
    /// connection.
    pub(super) fn queue(
        &mut self,
        key: SessionKey,
        mut new: Offer<'_>,
        limits: QueueLimits,
        actions: &mut Actions,
    ) -> Lsn {
        let session = &mut self.sessions[key];
        let durable = session.is_durable() && new.qos > QoS::AtMostOnce;
        let current = self.journal.current();
        if durable && new.qos == QoS::ExactlyOnce {
            // It must not be seen under a packet id that a crash could take back.
            new.gate = new.gate.max(current);
        }
        let offered = session.outbound.offer(new, limits);
        let (number, dropped) = match offered {
            Ok(Offered { number, dropped }) => (Some(number), dropped),
            Err(QueueFull { dropped }) => (None, dropped),
        };
        if !dropped.is_empty() {
            self.settle_oldest(key, &dropped);
        }
        let Some(number) = number else {
            self.stats.dropped.queue_full += 1;
            return Lsn::NONE;
        };
        let session = &mut self.sessions[key];
        let session_number = session.number;
        wake_session(session, actions);
        if let (Some(id), true) = (session.conn, new.gate > self.durable) {
            self.wait_for(id, new.gate);
        }
        let Some(number) = number.filter(|_| durable) else { return Lsn::NONE };
        self.journal.record(|| Change::Queued {
            session: session_number,
            number,
            message: new.message.clone(),
            qos: new.qos,
            retain: new.retain,
            subscription_ids: new.subscription_ids.clone(),
        })
    }

    /// The oldest messages have made way for new ones.
    fn settle_oldest(&mut self, key: SessionKey, dropped: &[Option<u64>]) {
        self.stats.dropped.queue_full += dropped.len() as u64;
        self.count_backlog(key);
        let session = &self.sessions[key];
        let (conn, session, durable) = (session.conn, session.number, session.is_durable());
        let mut gate = Lsn::NONE;
        for number in dropped.iter().flatten().copied().filter(|_| durable) {
            gate = self.journal.record(|| Change::Settled { session, number });
        }
        self.sessions[key].outbound.gate_drops(gate);
        if let Some(id) = conn {
            self.wait_for(id, gate);
        }
    }
}
