use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::lock::{Hold, Lock};
use super::paused::Paused;
use super::{Clock, Doorkeeper, DoorkeeperSettings, Entropy, Mistakes, Seats, WakeCell};
use crate::auth::rules::Rules;
use crate::auth::{Authenticator, Authorizer};
use crate::broker::{Actions, Broker, Budget};
use crate::journal::StoreState;
use crate::request::{Connect, Outgoing, Request};
use crate::store::{Commits, Event};
use crate::types::{ConnId, ReasonCode, Timestamp};

/// What one connection takes from the broker under one hold of the lock. Smaller pulls cost more
/// holds, larger ones only let everybody else wait longer.
pub const PULL_MESSAGES_MAX: usize = 512;
/// The same in bytes; the message that passes it is the last of its pull.
pub const PULL_BYTES_MAX: usize = 64 * 1024;
/// Holds of the lock, one after the other, for the requests of one visit. Others have it in between,
/// but whoever is to receive something is woken behind the last one: with fewer, many receivers would
/// each pull a few messages at a time, and a message would cost them up to twice as much.
pub const TURNS_PER_VISIT: usize = 8;
/// Sessions that one hold of the lock hears of what is stored of them.
const STORED_PER_HOLD: usize = 512;

/// What all connections of a server share.
pub struct Shared {
    /// The broker and whom to wake on its behalf: the one lock on the path of a message.
    ///
    /// It is a lock and not a task with a queue because a burst costs one hold of it (well under a
    /// microsecond a message) where a hop to another task costs two wakes. It is held for one burst
    /// of one connection or a part of it, never across an await, a system call on a socket, or encoding. Batches go
    /// to the store inside it, so that their order there is the order of decisions.
    pub(super) core: Lock<Core>,
    pub(super) commits: Commits,
    pub(super) paused: Paused,
    /// Times that what was due has been done.
    pub(super) turns: AtomicU64,
    /// What an acknowledgement promises.
    pub(super) durability: &'static str,
    /// The store has failed.
    pub(super) failure: Notify,
    /// Decides about credentials; asked outside the lock.
    pub authenticator: Box<dyn Authenticator>,
    /// Who is asked what clients may do, before the broker is, and how many of the answers each
    /// connection remembers.
    pub(super) authorizer: Option<(Arc<dyn Authorizer>, usize)>,
    /// The one clock.
    pub clock: Clock,
    /// The one source of chance.
    pub entropy: Entropy,
    /// What the log says about peers.
    pub mistakes: Mistakes,
    /// What keeps clients out that want too much.
    pub doorkeeper: Arc<Doorkeeper>,
    /// One for each connection whose CONNECT was accepted, until its socket is closed.
    pub clients: Arc<Seats>,
    /// Between the opening of a socket and the acceptance of its CONNECT.
    pub connect_timeout: Duration,
    /// For an authentication begun during a connection.
    pub re_authentication_timeout: Duration,
}

/// What a server decides once for all its connections.
pub struct Setup {
    /// What an acknowledgement promises: the name of the level.
    pub durability: &'static str,
    /// Decides about credentials.
    pub authenticator: Box<dyn Authenticator>,
    /// Says what clients may do, and how many of its answers each connection remembers; `None` where
    /// the broker's rules alone decide.
    pub authorizer: Option<(Arc<dyn Authorizer>, usize)>,
    /// The most that pass between the opening of a socket and the acceptance of its CONNECT.
    pub connect_timeout: Duration,
    /// The most that an authentication begun during a connection takes, the client's turns included.
    pub re_authentication_timeout: Duration,
    /// What keeps clients out that want too much.
    pub doorkeeper: DoorkeeperSettings,
    /// Log lines a second about what peers do wrong.
    pub mistakes_per_second: u32,
}

/// Bytes that came from and went to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// From the client.
    pub received: u64,
    /// To the client.
    pub sent: u64,
}

pub(super) struct Core {
    pub(super) broker: Broker,
    /// Nobody is let in any more.
    stopping: bool,
    /// Nothing is kept any more: who comes in now would be promised what nobody holds.
    store_failed: bool,
    /// By the slot of their [`ConnId`].
    cells: Vec<Option<Arc<WakeCell>>>,
}

/// A connection as the broker knows it.
#[derive(Debug, Default)]
pub struct Link {
    /// From the acceptance of CONNECT until the broker is told that the connection is gone.
    pub conn: Option<ConnId>,
    /// How its task is woken.
    pub cell: Arc<WakeCell>,
}

/// One visit of a connection to the broker: what it brings and what it takes away.
#[derive(Default)]
pub struct Visit {
    /// To be handled first.
    pub connect: Option<Box<Connect>>,
    /// What the broker does not take in this visit stays here.
    pub requests: VecDeque<Request>,
    /// Why the broker did not accept [`Self::connect`].
    pub refused: Option<ReasonCode>,
    /// For this connection's socket.
    pub outgoing: Vec<Outgoing>,
    /// The broker has more for this socket than fitted the visit.
    pub more: bool,
    /// What passed the socket since the last visit.
    pub traffic: Traffic,
    /// When the visit was.
    pub now: Timestamp,
    actions: Actions,
    wakes: Vec<Arc<WakeCell>>,
}

impl Shared {
    /// A server's shared part around `broker`, whose durable changes go to `commits`.
    pub fn new(broker: Broker, commits: Commits, clock: Clock, setup: Setup) -> Self {
        Self {
            core: Lock::new(Core::new(broker), clock),
            commits,
            paused: Paused::default(),
            turns: AtomicU64::new(0),
            durability: setup.durability,
            failure: Notify::new(),
            authenticator: setup.authenticator,
            authorizer: setup.authorizer,
            clock,
            entropy: Entropy::default(),
            mistakes: Mistakes::new(setup.mistakes_per_second),
            doorkeeper: Doorkeeper::new(setup.doorkeeper, clock),
            clients: Seats::new(usize::MAX),
            connect_timeout: setup.connect_timeout,
            re_authentication_timeout: setup.re_authentication_timeout,
        }
    }

    /// Hands over what `visit` brings and, if there is `room` for output, pulls what is ready, all in
    /// one hold of the lock unless it is very much. Afterwards the caller owes [`Visit::wake_others`].
    pub fn visit(&self, link: &mut Link, visit: &mut Visit, room: bool) {
        // The buffers are the thread's: this is what its last connection left.
        visit.more = false;
        let mut core = self.core.hold();
        visit.now = core.now();
        core.broker.count_traffic(visit.traffic.received, visit.traffic.sent);
        if let Some(connect) = visit.connect.take() {
            core.connect(*connect, link, visit);
        }
        match link.conn {
            Some(conn) => self.bring(conn, &mut core, visit),
            None => self.commit(&mut core, &mut visit.actions),
        }
        if let Some(conn) = link.conn {
            core.pull(conn, visit, room);
        }
        // What the pull itself decided: messages dropped, retained ones queued.
        self.commit(&mut core, &mut visit.actions);
        core.collect(&mut visit.actions, &mut visit.wakes);
    }

    /// Has the broker handle the requests, in as many turns as there may be.
    fn bring(&self, conn: ConnId, core: &mut Hold<'_, Core>, visit: &mut Visit) {
        for turn in 1.. {
            let before = visit.requests.len();
            core.broker.handle_requests(conn, &mut visit.requests, visit.now, &mut visit.actions);
            self.commit(core, &mut visit.actions);
            let left = visit.requests.len();
            if left == 0 || left == before || turn == TURNS_PER_VISIT {
                break;
            }
            core.give_way();
            visit.now = core.now();
        }
    }

    /// Tells the broker what passed a socket that has nothing else to tell.
    pub fn count(&self, traffic: Traffic) {
        if traffic != Traffic::default() {
            self.core.hold().broker.count_traffic(traffic.received, traffic.sent);
        }
    }

    /// Tells the broker that the connection is gone, once, and what the client sent `last` if that had to
    /// wait until now.
    pub fn leave(&self, link: &mut Link, last: Option<Request>) {
        let Some(conn) = link.conn.take() else { return };
        self.act(|core, now, actions| {
            core.cells[conn.slot as usize] = None;
            if let Some(last) = last {
                core.broker.handle_last_request(conn, last, now, actions);
            }
            core.broker.handle_disconnected(conn, now, actions);
        });
    }

    /// Does what is due by now, as much as one hold may take. Returns when there is more to do.
    pub fn handle_deadline(&self) -> Option<Timestamp> {
        let (report, guarded) = (self.store_report(), self.doorkeeper.report());
        let lock = self.core.take_report();
        let due = self.act(|core, now, actions| {
            if report.state == StoreState::Failed {
                self.fail(core, actions);
            }
            core.broker.handle_store_report(report);
            core.broker.handle_guard_report(guarded);
            core.broker.handle_lock_report(lock);
            core.broker.handle_deadline(now, actions);
            core.broker.next_deadline()
        });
        self.turns.fetch_add(1, Ordering::Relaxed);
        // What waits becomes less without a word, too: it cancels out, or is taken for a write that hangs.
        self.resume_paused();
        due
    }

    /// Tells the broker what the store has to tell.
    pub fn handle_store(&self, event: Event) {
        match event {
            Event::Durable(lsn) => {
                self.act(|core, _, actions| core.broker.handle_committed(lsn, actions));
            }
            Event::Stored(stored) => {
                for some in stored.chunks(STORED_PER_HOLD) {
                    self.act(|core, _, actions| core.broker.handle_stored(some, actions));
                }
            }
            Event::Loaded(page) => {
                self.act(|core, now, actions| core.broker.handle_loaded(page, now, actions));
            }
            Event::Full(full) => {
                self.act(|core, now, actions| core.broker.handle_store_full(full, now, actions));
            }
        }
        self.resume_paused();
    }

    /// From now on clients may do what these rules allow.
    pub fn set_rules(&self, rules: Arc<Rules>) {
        self.act(|core, _, _| core.broker.set_rules(rules));
    }

    /// Makes durable what is waiting for the store. Nothing is to be asked of the broker afterwards.
    pub fn finish(&self) {
        self.commits.finish();
    }

    /// Has the broker end every connection, as a server that goes down does, and accept no more.
    pub fn handle_shutdown(&self) {
        self.act(|core, now, actions| {
            core.stopping = true;
            core.broker.handle_shutdown(now, actions);
        });
    }

    /// One hold on behalf of no connection, and the wakes that follow from it.
    pub(super) fn act<R>(&self, act: impl FnOnce(&mut Core, Timestamp, &mut Actions) -> R) -> R {
        let (mut actions, mut wakes) = (Actions::default(), Vec::new());
        let mut core = self.core.hold();
        let now = core.now();
        let result = act(&mut core, now, &mut actions);
        self.commit(&mut core, &mut actions);
        core.collect(&mut actions, &mut wakes);
        drop(core);
        wakes.iter().for_each(|cell| cell.wake());
        result
    }

    /// Has the store keep what was decided. What waits for a batch that it did not take is never
    /// sent: the client gets no acknowledgement and keeps its message.
    fn commit(&self, core: &mut Core, actions: &mut Actions) {
        core.broker.take_loads().for_each(|load| self.commits.load(load));
        let Some(batch) = core.broker.take_batch() else { return };
        match self.commits.submit(batch) {
            Ok(durable) => core.broker.handle_committed(durable, actions),
            Err(_) => self.fail(core, actions),
        }
    }

    /// The store has failed. Whoever is there goes on with what needs no disk.
    fn fail(&self, core: &mut Core, actions: &mut Actions) {
        if !std::mem::replace(&mut core.store_failed, true) {
            core.broker.handle_store_full(true, self.clock.now(), actions);
            self.failure.notify_one();
        }
    }
}

impl Core {
    fn new(broker: Broker) -> Self {
        Self { broker, stopping: false, store_failed: false, cells: Vec::new() }
    }

    fn connect(&mut self, connect: Connect, link: &mut Link, visit: &mut Visit) {
        if self.stopping || self.store_failed {
            visit.refused = Some(match self.stopping {
                true => ReasonCode::ServerShuttingDown,
                false => ReasonCode::ServerUnavailable,
            });
            return;
        }
        match self.broker.handle_connect(connect, visit.now, &mut visit.actions) {
            Ok(conn) => {
                let slot = conn.slot as usize;
                if slot >= self.cells.len() {
                    self.cells.resize(slot + 1, None);
                }
                self.cells[slot] = Some(Arc::clone(&link.cell));
                link.conn = Some(conn);
            }
            Err(reason) => visit.refused = Some(reason),
        }
    }

    fn pull(&mut self, conn: ConnId, visit: &mut Visit, room: bool) {
        let budget = match room {
            true => Budget { messages: PULL_MESSAGES_MAX, bytes: PULL_BYTES_MAX },
            // Only what may not wait for room: that the connection is to be closed.
            false => Budget { messages: 0, bytes: 0 },
        };
        visit.more = self.broker.poll_outgoing(conn, budget, visit.now, &mut visit.outgoing);
        visit.actions.wake.retain(|woken| *woken != conn);
    }

    /// Turns connections to wake into cells that can be woken without the lock.
    fn collect(&self, actions: &mut Actions, wakes: &mut Vec<Arc<WakeCell>>) {
        let cell = |conn: ConnId| self.cells.get(conn.slot as usize)?.clone();
        wakes.extend(actions.wake.drain(..).filter_map(cell));
    }
}

impl Visit {
    /// Whether anything is to be brought.
    pub fn brings_something(&self) -> bool {
        self.connect.is_some() || !self.requests.is_empty()
    }

    /// Wakes the connections that the visit gave something to send.
    pub fn wake_others(&mut self) {
        self.wakes.drain(..).for_each(|cell| cell.wake());
    }
}
