use super::conns::Conn;
use super::publish::is_servers_own;
use super::timers::Timer;
use super::{Actions, Broker};
use crate::auth::rules::Subject;
use crate::journal::{Change, SessionNumber};
use crate::request::{ConnAck, Connect, Outgoing, Will};
use crate::session::Session;
use crate::types::{ConnId, Lsn, ReasonCode, SessionKey, Timestamp};

impl Broker {
    /// Takes a client in: its session is there, old or new, and CONNACK waits to be sent.
    ///
    /// # Errors
    ///
    /// The reason for CONNACK; nothing has changed then.
    pub fn handle_connect(
        &mut self,
        mut connect: Connect,
        now: Timestamp,
        actions: &mut Actions,
    ) -> Result<ConnId, ReasonCode> {
        let subject = subject(&mut connect);
        if let Some(Will { message, .. }) = &connect.will
            && (is_servers_own(message) || !self.guards.may_publish_as(&subject, message.topic()))
        {
            self.stats.denied += 1;
            return Err(ReasonCode::NotAuthorized);
        }
        let found = self.sessions.find(&connect.client_id);
        let existing = found.and_then(|key| self.catch_up(key, now, actions));
        if existing.is_none() && self.sessions.len() >= self.settings.sessions_max {
            return Err(ReasonCode::QuotaExceeded);
        }
        let resumed = existing.and_then(|key| self.take_over(key, &connect, now, actions));
        // Told too early that an old session is gone, the client might find it again after a crash.
        let (key, ended) = match resumed {
            Some(key) => (key, Lsn::NONE),
            None => (self.open_session(&connect), self.last_end),
        };
        let expiry_secs = connect.session_expiry_secs.min(self.settings.session_expiry_max_secs);
        let id = self.attach(key, &connect, now);
        self.guards.set(key, subject);
        let gate = self.record_connect(key, expiry_secs, connect.will.as_ref()).max(ended);
        self.start_reserving(key, id);
        self.load_more(key);

        let asked = connect.session_expiry_secs;
        let server_keep_alive_secs = self.server_keep_alive(&connect);
        self.sessions[key].will = connect.will.map(Box::new);
        let conn_ack = ConnAck {
            session_present: resumed.is_some(),
            session_expiry_secs: (expiry_secs != asked).then_some(expiry_secs),
            server_keep_alive_secs,
            assigned_client_id: connect.client_id_assigned.then_some(connect.client_id),
            authentication_data: connect.authentication_data,
        };
        self.reply(id, gate, Outgoing::ConnAck(Box::new(conn_ack)));
        self.stats.packets_received += 1;
        self.stats.connections += 1;
        self.stats.clients_maximum = self.stats.clients_maximum.max(self.conns.len() as u64);
        Ok(id)
    }

    /// Does what is due for the session of a client that has come before anybody looked at the
    /// timers; returns the session if it is not over.
    fn catch_up(
        &mut self,
        key: SessionKey,
        now: Timestamp,
        actions: &mut Actions,
    ) -> Option<SessionKey> {
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if is_due(self.sessions[key].ends_at) {
            self.expire_session(key, now, actions);
            return None;
        }
        if is_due(self.sessions[key].will_due) {
            self.publish_will(key, now, actions);
        }
        Some(key)
    }

    /// Ends what an earlier connection of this client left, as far as it must: returns the session
    /// if it goes on (`[MQTT-3.1.2-4]`, `[MQTT-3.1.2-5]`, `[MQTT-3.1.4-3]`).
    fn take_over(
        &mut self,
        key: SessionKey,
        connect: &Connect,
        now: Timestamp,
        actions: &mut Actions,
    ) -> Option<SessionKey> {
        let session = &mut self.sessions[key];
        let outlives = session.is_durable();
        let goes_on = outlives && !connect.clean_start;
        if let Some(old) = session.conn {
            // A delayed will of a session that goes on is never due: the client is back
            // (`[MQTT-3.1.3-9]`).
            if goes_on && session.will.as_ref().is_some_and(|will| will.delay_secs > 0) {
                session.will = None;
            }
            self.close(old, ReasonCode::SessionTakenOver, "session taken over", now, actions);
        }
        if outlives && !goes_on {
            self.end_session(key, now, actions);
        }
        if !goes_on {
            return None;
        }
        self.cancel_timers(key);
        self.sessions[key].will = None;
        Some(key)
    }

    /// The client is back: neither its session's end nor its delayed will is due any more.
    fn cancel_timers(&mut self, key: SessionKey) {
        let session = &mut self.sessions[key];
        if let Some(at) = session.ends_at.take() {
            self.timers.cancel(at, Timer::SessionEnd(key));
        }
        if let Some(at) = session.will_due.take() {
            self.timers.cancel(at, Timer::Will(key));
        }
    }

    fn open_session(&mut self, connect: &Connect) -> SessionKey {
        let number = SessionNumber(self.next_session_number);
        self.next_session_number += 1;
        let session = Session::new(connect.client_id.clone(), number);
        self.sessions.insert(session)
    }

    fn attach(&mut self, key: SessionKey, connect: &Connect, now: Timestamp) -> ConnId {
        let keep_alive_secs = self.server_keep_alive(connect).unwrap_or(connect.keep_alive_secs);
        let mut conn = Conn::new(key, connect.protocol, now);
        conn.keep_alive_secs = (keep_alive_secs > 0).then_some(keep_alive_secs);
        conn.receive_maximum = connect.receive_maximum.min(self.settings.in_flight_max);
        conn.maximum_packet_size = connect.maximum_packet_size;
        conn.acknowledged_at_once = connect.acknowledged_at_once;
        let silent_at = conn.silent_at();
        conn.keep_alive_due = silent_at;
        let id = self.conns.insert(conn);
        if let Some(at) = silent_at {
            self.timers.set(at, Timer::KeepAlive(id));
        }
        let session = &mut self.sessions[key];
        session.conn = Some(id);
        session.scheduled = true;
        session.outbound.start_connection();
        id
    }

    /// Notes what must survive of this CONNECT; CONNACK waits for the number returned.
    fn record_connect(&mut self, key: SessionKey, expiry_secs: u32, will: Option<&Will>) -> Lsn {
        let session = &mut self.sessions[key];
        session.expiry_secs = expiry_secs;
        if !session.journaled && !session.is_durable() {
            return Lsn::NONE;
        }
        let number = session.number;
        let client_id = session.client_id.clone();
        let known = self.sessions.note_journaled(key);
        let session = &mut self.sessions[key];
        session.gate = self.journal.record(|| match known {
            true => Change::SessionResumed { session: number, expiry_secs },
            false => Change::SessionOpened { session: number, client_id, expiry_secs },
        });
        if known {
            self.journal.record(|| Change::WillCleared { session: number });
        }
        if let Some(will) = will {
            self.journal.record(|| Change::WillArmed { session: number, will: will.clone() });
        }
        session.gate
    }

    /// The keep alive that the client must keep to instead of its own (`[MQTT-3.2.2-21]`).
    fn server_keep_alive(&self, connect: &Connect) -> Option<u16> {
        let maximum = self.settings.keep_alive_max_secs;
        let unlimited = maximum == u16::MAX;
        let within = connect.keep_alive_secs != 0 && connect.keep_alive_secs <= maximum;
        (connect.protocol.is_v5() && !unlimited && !within).then_some(maximum)
    }
}

/// Whom rules are asked about.
fn subject(connect: &mut Connect) -> Subject {
    Subject {
        client_id: connect.client_id.clone(),
        identity: std::mem::take(&mut connect.identity),
        origin: std::mem::take(&mut connect.origin),
    }
}
