//! The broker: sessions, subscriptions, retained messages, wills and timers, and the rules that tie
//! them together. One state machine without IO, clock or randomness: what happens is an argument,
//! what follows is a value.

mod acknowledge;
mod backlog;
mod certificate_sys;
mod clock;
mod connect;
mod conns;
mod deliver;
mod detach;
mod full;
mod guard_sys;
mod guards;
mod held_up;
mod lock_sys;
mod outgoing;
mod publish;
mod replay;
mod reserve;
mod restore;
mod route;
mod scarce;
mod sessions;
mod settings;
mod share;
mod stats;
mod store_sys;
mod subscribe;
mod sys;
mod timers;

use std::collections::{BTreeMap, VecDeque};

use ahash::RandomState;

pub use held_up::Pause;
pub use lock_sys::{LockReport, LockTimes};
pub use outgoing::Budget;
pub use settings::Settings;
pub use stats::{Drops, Stats};

use crate::journal::{Batch, Journal, Load};
use crate::request::{Outgoing, Request};
use crate::retained::Retained;
use crate::session::{LetGo, Session, SpareRoom};
use crate::subscriptions::Subscriptions;
use crate::types::{ClientId, ConnId, Lsn, ReasonCode, SessionKey, Timestamp};
use conns::{Conn, Conns};
use full::Fullness;
use guards::Guards;
use replay::Replay;
use route::Answers;
use sessions::Sessions;
use sys::Sys;
use timers::{Timer, Timers};

/// All state that clients share.
///
/// Callers keep an order: each `handle_…` may record durable changes, so [`Self::take_batch`] comes
/// after it, and what [`Self::poll_outgoing`] gives out never runs ahead of what
/// [`Self::handle_committed`] has reported.
pub struct Broker {
    settings: Settings,
    sessions: Sessions,
    conns: Conns,
    guards: Guards,
    subscriptions: Subscriptions,
    retained: Retained,
    /// What new subscriptions are still owed of the retained messages; sparse.
    replays: BTreeMap<SessionKey, VecDeque<Replay>>,
    timers: Timers,
    fullness: Fullness,
    memory_is_short: bool,
    journal: Journal,
    /// Everything up to here is on disk.
    durable: Lsn,
    /// With it the last session that was on disk ends there.
    last_end: Lsn,
    /// Connections to wake when the store has come so far, in its order.
    waiting: VecDeque<(Lsn, ConnId)>,
    /// What [`Self::take_loads`] gives.
    loads: Vec<Load>,
    next_session_number: u64,
    sys: Sys,
    stats: Stats,
    /// Room for the answers to messages that are being routed; empty.
    answers: Answers,
    spare: SpareRoom,
}

/// What the caller has to do next.
#[derive(Debug, Default)]
pub struct Actions {
    /// Connections that have something to send: each pulls when its socket can take it.
    pub wake: Vec<ConnId>,
    /// Messages that only the store has from now on. There may be very many of them: they are to be
    /// dropped when nobody waits for the broker.
    pub let_go: Vec<LetGo>,
}

impl Broker {
    /// A broker without sessions. `entropy` seeds the hash tables, so that clients cannot choose
    /// names that collide.
    pub fn new(settings: Settings, entropy: u64, now: Timestamp) -> Self {
        let hasher = RandomState::with_seeds(entropy, !entropy, entropy.rotate_left(32), 0);
        Self {
            sessions: Sessions::new(hasher.clone()),
            conns: Conns::default(),
            guards: Guards::new(hasher.clone(), &settings),
            subscriptions: Subscriptions::new(hasher, settings.cached_topics_max),
            retained: Retained::new(settings.retained),
            replays: BTreeMap::new(),
            timers: Timers::default(),
            fullness: Fullness::default(),
            memory_is_short: false,
            journal: Journal::new(settings.journal, Lsn::NONE),
            durable: Lsn::NONE,
            last_end: Lsn::NONE,
            waiting: VecDeque::new(),
            loads: Vec::new(),
            next_session_number: 1,
            sys: Sys::new(now, settings.sys_interval_secs),
            stats: Stats::default(),
            answers: Answers::new(),
            spare: SpareRoom::default(),
            settings,
        }
    }

    /// Handles requests from the front until none is left, the work of one call is done, or the
    /// client has so many answers waiting that it must read before it is read from.
    ///
    /// The caller polls the connection afterwards: it is not woken for what its own requests cause.
    pub fn handle_requests(
        &mut self,
        id: ConnId,
        requests: &mut VecDeque<Request>,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        if requests.is_empty() {
            // A visit only to fetch something is no sign of life of the client.
            return;
        }
        let Some(conn) = self.conns.get_mut(id) else { return requests.clear() };
        conn.last_received = now;
        if let Some(key) = conn.session {
            self.sessions[key].scheduled = true;
        }
        self.take_requests(id, requests, now, actions);
        if let Some(conn) = self.conns.get_mut(id) {
            conn.has_requests = !requests.is_empty();
        }
    }

    fn take_requests(
        &mut self,
        id: ConnId,
        requests: &mut VecDeque<Request>,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        let mut work = 0;
        while work < self.settings.work_max {
            let Some(conn) = self.conns.get(id) else { return };
            let Some(key) = conn.session else { return requests.clear() };
            if conn.owes_reading(self.settings.replies_max)
                || self.must_answer_first(conn, requests)
            {
                return;
            }
            if self.must_hold_back(conn, requests) {
                self.conns.get_mut(id).expect("just seen").held_back = true;
                return;
            }
            let left = self.settings.work_max - work;
            work += match requests.front() {
                None => return,
                Some(Request::Publish { .. }) => {
                    self.handle_publish((id, key), requests, left, now, actions)
                }
                Some(Request::PubAck { .. }) => {
                    self.handle_pubacks((id, key), requests, left, now, actions)
                }
                Some(_) => {
                    let Some(request) = requests.pop_front() else { return };
                    1 + self.handle_request(id, key, request, now, actions)
                }
            };
        }
    }

    /// Whether the next message may only be too many because answers to those before it have not
    /// been sent yet. A client that sends a burst without counting is slowed down, not thrown out.
    fn must_answer_first(&self, conn: &Conn, requests: &VecDeque<Request>) -> bool {
        // Before 5.0 there is no such maximum.
        let full =
            conn.protocol.is_v5() && conn.unfinished >= u32::from(self.settings.receive_maximum);
        let next = requests.front();
        full && !conn.replies.is_empty()
            && matches!(
                next,
                Some(
                    Request::Publish { id: Some(_), .. }
                        | Request::RefusePublish { id: Some(_), .. }
                )
            )
    }

    /// One request other than PUBLISH and PUBACK; returns how much work it was beside itself, in subscriptions.
    fn handle_request(
        &mut self,
        id: ConnId,
        key: SessionKey,
        request: Request,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        self.stats.packets_received += u64::from(!matches!(request, Request::Progress));
        match request {
            Request::Publish { .. } | Request::PubAck { .. } => {
                unreachable!("handled with those behind them")
            }
            Request::RefusePublish { id: packet, qos, reason } => {
                self.handle_refused_publish(id, key, (packet, qos), reason, now, actions);
            }
            Request::PubRec { id: packet, reason } => {
                self.handle_pubrec(id, key, packet, reason, now, actions);
            }
            Request::PubRel { id: packet } => self.handle_pubrel(id, key, packet),
            Request::PubComp { id: packet } => {
                self.handle_pubcomp(id, key, packet, now, actions);
            }
            Request::Subscribe { id: packet, filters } => {
                return self.handle_subscribe(id, key, packet, filters);
            }
            Request::Unsubscribe { id: packet, filters } => {
                return self.handle_unsubscribe(id, key, packet, filters);
            }
            Request::Ping => self.conns.get_mut(id).expect("just seen").add_ping(),
            Request::Identify(identity) => self.handle_identity(key, *identity),
            Request::Progress => {}
            Request::Disconnect { reason, session_expiry_secs } => {
                self.handle_disconnect(key, reason, session_expiry_secs, now, actions);
            }
        }
        0
    }

    /// The store has everything up to `lsn` on disk.
    pub fn handle_committed(&mut self, lsn: Lsn, actions: &mut Actions) {
        self.durable = self.durable.max(lsn);
        while self.waiting.front().is_some_and(|(waits_for, _)| *waits_for <= self.durable) {
            let (_, id) = self.waiting.pop_front().expect("just seen");
            self.wake(id, actions);
        }
    }

    /// Handles what is due. When [`Self::next_deadline`] still lies in the past afterwards, the work
    /// of one call was done: call again.
    pub fn handle_deadline(&mut self, now: Timestamp, actions: &mut Actions) {
        let mut work = 0;
        while work < self.settings.work_max {
            let Some(timer) = self.timers.pop_due(now) else { break };
            work += 1 + self.handle_timer(timer, now, actions);
        }
        self.close_turned_away(now, actions);
        self.expire_retained(now);
        self.publish_sys(now, actions);
    }

    fn handle_timer(&mut self, timer: Timer, now: Timestamp, actions: &mut Actions) -> usize {
        match timer {
            Timer::KeepAlive(id) => self.check_keep_alive(id, now, actions),
            Timer::Will(key) => self.publish_will(key, now, actions),
            Timer::SessionEnd(key) => self.expire_session(key, now, actions),
        }
    }

    /// When [`Self::handle_deadline`] has something to do next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        [self.timers.next(), self.retained.next_expiry(), self.sys.next(), self.fullness.next()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Ends every connection: MQTT 5 clients learn that the server is shutting down.
    pub fn handle_shutdown(&mut self, now: Timestamp, actions: &mut Actions) {
        for id in self.conns.ids() {
            self.close(id, ReasonCode::ServerShuttingDown, "server is shutting down", now, actions);
        }
    }

    /// The durable changes since the last call, in one batch.
    pub fn take_batch(&mut self) -> Option<Batch> {
        self.journal.take_batch()
    }

    /// Messages to fetch from the store since the last call: each is answered by
    /// [`Self::handle_loaded`], in any order.
    pub fn take_loads(&mut self) -> std::vec::Drain<'_, Load> {
        self.loads.drain(..)
    }

    /// Adds what a connection has read and written.
    pub fn count_traffic(&mut self, received_bytes: u64, sent_bytes: u64) {
        self.stats.bytes_received += received_bytes;
        self.stats.bytes_sent += sent_bytes;
    }

    /// What has been counted so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The session of `client_id`, connected or not.
    pub fn session(&self, client_id: &ClientId) -> Option<&Session> {
        Some(&self.sessions[self.sessions.find(client_id)?])
    }

    /// How many sessions there are, connected or not.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many connections have not been reported as gone.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// The retained messages.
    pub fn retained(&self) -> &Retained {
        &self.retained
    }

    /// Puts an answer where its connection finds it, behind those before it.
    fn reply(&mut self, id: ConnId, gate: Lsn, outgoing: Outgoing) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.push_reply(gate, outgoing);
        self.wait_for(id, gate);
    }

    /// Has the connection woken when the store has come as far as `gate`.
    fn wait_for(&mut self, id: ConnId, gate: Lsn) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if gate > self.durable && conn.waits_for != gate {
            conn.waits_for = gate;
            self.waiting.push_back((gate, id));
        }
    }

    /// Wakes the connection unless it is awake already.
    fn wake(&mut self, id: ConnId, actions: &mut Actions) {
        let Some(conn) = self.conns.get(id) else { return };
        let Some(key) = conn.session else { return actions.wake.push(id) };
        wake_session(&mut self.sessions[key], actions);
    }

    fn expire_retained(&mut self, now: Timestamp) {
        for topic in self.retained.expire(now, self.settings.work_max) {
            self.journal.record(|| crate::journal::Change::RetainedCleared { topic });
        }
    }
}

fn wake_session(session: &mut Session, actions: &mut Actions) {
    if let (Some(id), false) = (session.conn, session.scheduled) {
        session.scheduled = true;
        actions.wake.push(id);
    }
}
