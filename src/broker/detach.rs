use super::timers::Timer;
use super::{Actions, Broker};
use crate::journal::{Change, session_ends_at};
use crate::request::Request;
use crate::types::{ConnId, Lsn, MessageHead, ReasonCode, SessionKey, Timestamp};

impl Broker {
    /// The socket is gone. Called once for every connection, however it ended.
    pub fn handle_disconnected(&mut self, id: ConnId, now: Timestamp, actions: &mut Actions) {
        let Some(conn) = self.conns.remove(id) else { return };
        if let Some(at) = conn.keep_alive_due {
            self.timers.cancel(at, Timer::KeepAlive(id));
        }
        if let Some(key) = conn.session {
            self.detach(key, now, actions);
        }
    }

    /// The socket is gone while requests still waited. They are lost with it, but a DISCONNECT at their
    /// end counts: whoever sent it has no will any more (`[MQTT-3.14.4-3]`).
    pub fn handle_last_request(
        &mut self,
        id: ConnId,
        last: Request,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        let Some(key) = self.conns.get(id).and_then(|conn| conn.session) else { return };
        if let Request::Disconnect { .. } = last {
            self.handle_request(id, key, last, now, actions);
        }
    }

    /// DISCONNECT from the client. The socket is still there, but nothing more comes or goes.
    pub(super) fn handle_disconnect(
        &mut self,
        key: SessionKey,
        reason: ReasonCode,
        session_expiry_secs: Option<u32>,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        let session = &mut self.sessions[key];
        if let Some(secs) = session_expiry_secs {
            session.expiry_secs = secs.min(self.settings.session_expiry_max_secs);
        }
        if reason == ReasonCode::Success {
            session.will = None;
        }
        let id = session.conn.expect("a request comes over a connection");
        self.conns.get_mut(id).expect("of a live connection").session = None;
        self.detach(key, now, actions);
    }

    /// Ends a connection from our side. Its session goes on, or ends, without waiting for the socket.
    /// Returns how much work it was.
    pub(super) fn close(
        &mut self,
        id: ConnId,
        reason: ReasonCode,
        why: &'static str,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let Some(conn) = self.conns.get_mut(id) else { return 0 };
        let Some(key) = conn.session.take() else { return 0 };
        conn.close = Some((reason, why).into());
        actions.wake.push(id);
        self.detach(key, now, actions)
    }

    /// Returns how much work it was.
    pub(super) fn check_keep_alive(
        &mut self,
        id: ConnId,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let Some(conn) = self.conns.get_mut(id).filter(|conn| conn.session.is_some()) else {
            return 0;
        };
        if conn.is_held_up(self.durable) {
            conn.last_received = now;
        }
        let Some(silent_at) = conn.silent_at() else { return 0 };
        if silent_at > now {
            conn.keep_alive_due = Some(silent_at);
            self.timers.set(silent_at, Timer::KeepAlive(id));
            return 0;
        }
        self.close(id, ReasonCode::KeepAliveTimeout, "keep alive timeout", now, actions)
    }

    /// The session has lost its connection: the will is due, the expiry interval runs.
    /// Returns how much work it was.
    pub(super) fn detach(
        &mut self,
        key: SessionKey,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let session = &mut self.sessions[key];
        session.conn = None;
        session.scheduled = false;
        if !session.is_durable() {
            return self.end_session(key, now, actions);
        }
        let expiry_secs = session.expiry_secs;
        let ends_at = session_ends_at(now, expiry_secs);
        session.ends_at = Some(ends_at);
        self.timers.set(ends_at, Timer::SessionEnd(key));
        let number = session.number;
        self.journal.record(|| Change::SessionDetached { session: number, expiry_secs, at: now });
        let before = session.outbound.sent_before();
        self.journal.record(|| Change::Sent { session: number, before });

        let handed_on = self.hand_on_to_others(key, actions);
        self.let_go(key);
        if !self.settings.queue_qos0_offline {
            let cleared = self.sessions[key].outbound.clear_direct();
            self.stats.dropped.offline += cleared as u64;
        }
        handed_on + self.schedule_will(key, ends_at, now, actions)
    }

    /// The will goes out at once, or when its delay is over, or when the session is, whichever is
    /// first (`[MQTT-3.1.2-8]`, `[MQTT-3.1.3-9]`).
    fn schedule_will(
        &mut self,
        key: SessionKey,
        ends_at: Timestamp,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let session = &mut self.sessions[key];
        match session.will.as_ref().map(|will| will.delay_secs) {
            None => {
                let number = session.number;
                self.journal.record(|| Change::WillCleared { session: number });
            }
            Some(0) => return self.publish_will(key, now, actions),
            Some(secs) => {
                let due = now.plus_secs(u64::from(secs)).min(ends_at);
                session.will_due = Some(due);
                self.timers.set(due, Timer::Will(key));
            }
        }
        0
    }

    /// Publishes the will, if the session still has one, and forgets it (`[MQTT-3.1.2-10]`).
    /// Returns how much work it was.
    pub(super) fn publish_will(
        &mut self,
        key: SessionKey,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let session = &mut self.sessions[key];
        if let Some(at) = session.will_due.take() {
            self.timers.cancel(at, Timer::Will(key));
        }
        let Some(will) = session.will.take() else { return 0 };
        let mut gate = Lsn::NONE;
        if session.journaled {
            // Seen before this is durable, it would be seen again after a crash.
            let number = session.number;
            gate = self.journal.record(|| Change::WillCleared { session: number });
        }
        let expires_at = MessageHead::expiry(now, will.expiry_secs);
        if !self.may_publish(key, &will.message) {
            self.stats.denied += 1;
            return 0;
        }
        let message = match expires_at {
            None => will.message,
            Some(_) => will.message.with_head(MessageHead { expires_at, ..will.message.head() }),
        };
        if message.retain() {
            // There is nobody to tell when there is no room: it is counted.
            let _ = self.retain(&message);
        }
        self.route(&message, Some(key), gate, actions)
    }

    /// The session expiry interval has passed; returns how much work that was.
    pub(super) fn expire_session(
        &mut self,
        key: SessionKey,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        self.stats.sessions_expired += 1;
        self.end_session(key, now, actions)
    }

    /// The session is over, with all that is in it (`[MQTT-3.1.2-23]`). Returns how much work it was.
    pub(super) fn end_session(
        &mut self,
        key: SessionKey,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let will = self.publish_will(key, now, actions);
        let filters = std::mem::take(&mut self.sessions[key].subscriptions);
        for (filter, _) in filters.iter() {
            self.subscriptions.unsubscribe(key, filter);
        }
        self.replays.remove(&key);
        let handed_on = self.hand_on_all(key, actions);

        let session = self.sessions.remove(key);
        self.guards.remove(key);
        self.stats.backlog_messages -= u64::from(session.backlog_counted);
        if let Some(at) = session.ends_at {
            self.timers.cancel(at, Timer::SessionEnd(key));
        }
        self.stats.dropped.session_ended += session.outbound.queued() as u64;
        if session.journaled {
            self.last_end =
                self.journal.record(|| Change::SessionEnded { session: session.number });
        }
        will + filters.len() + handed_on
    }
}
