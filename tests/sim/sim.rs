mod crash;
mod links;
mod paging;
mod storing;

use std::collections::BTreeMap;
use std::time::Duration;

use fulmar::broker::Drops;
use fulmar::connection::Limits;
use fulmar::session::QueueLimits;
use fulmar::types::{ClientId, QoS, Timestamp};

use crate::client::{Client, Opening};
use crate::common::{Answers, Commits, LinkId, Shell};
use crate::ledger::{Ledger, WATCHER};
use crate::packets::Key;
use crate::plan::{Habits, Plan};
use crate::rng::Rng;
use crate::stack::{Deaths, Stack};
use crate::trace::Trace;
use crate::wire::Wire;
use links::Path;

/// One run: broker, clients, the links between them, and those who check.
pub struct Sim {
    rng: Rng,
    /// The chance of crashes, apart from all others.
    crashing: Rng,
    /// The chance of what a store sorts and loads, apart from all others.
    paging: Rng,
    /// Messages and bytes that stood in the queues of the clients after a crash.
    restored: Vec<(usize, usize)>,
    /// What servers that have crashed had to drop.
    dropped: Drops,
    plan: Plan,
    shell: Shell,
    /// What the server keeps its state in; without it that is a list of batches.
    stack: Option<Stack>,
    /// The watcher first; last the one that connects when all is over.
    clients: Vec<Client>,
    paths: BTreeMap<LinkId, Path>,
    wire: Wire,
    ledger: Ledger,
    last_key: u64,
    /// Faults have stopped.
    draining: bool,
    /// Of everything that the server wrote.
    digest: u64,
    trace: Trace,
}

/// Rounds in which everything must drain once faults have stopped.
const DRAIN_ROUNDS: usize = 3_000;

impl Sim {
    pub fn new(seed: u64, traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let mut crashing = Rng::new(!seed);
        let mut paging = Rng::new(seed.rotate_left(32));
        let mut storing = Rng::new(seed.rotate_left(16));
        let mut plan = Plan::draw(&mut rng, &mut crashing, &mut paging, &mut storing);
        plan.draw_hasty(&mut Rng::new(!seed.rotate_left(16)));
        let stack = plan.store.map(|store| Stack::new(storing, store));
        let mut shell = Shell::new(plan.settings.clone(), Limits::default(), seed);
        shell.take_log();
        if plan.delayed_commits {
            shell.commits = Commits::Delayed;
        }
        if plan.loads_wait {
            shell.answers = Answers::Delayed;
        }
        let habits = [Habits::watcher()].into_iter().chain(plan.clients.iter().copied());
        let habits = habits.chain([Habits::watcher()]);
        let clients: Vec<Client> =
            habits.enumerate().map(|(index, habits)| Client::new(index, habits)).collect();
        Self {
            rng,
            crashing,
            paging,
            restored: vec![(0, 0); clients.len()],
            dropped: Drops::default(),
            plan,
            shell,
            stack,
            paths: BTreeMap::new(),
            wire: Wire::new(clients.len()),
            ledger: Ledger::new(clients.iter().map(|client| &client.habits)),
            clients,
            last_key: 0,
            draining: false,
            digest: 0,
            trace: Trace::new(traced),
        }
    }

    /// Runs to the end and returns a digest of everything that the server wrote.
    pub fn run(&mut self) -> u64 {
        self.open_watcher(WATCHER, "#", Client::last_opening());
        for _ in 0..self.plan.steps {
            self.step();
        }
        self.drain();
        self.check();
        self.check_store();
        self.digest
    }

    pub fn last_events(&self) -> String {
        self.trace.text()
    }

    /// Whether the server keeps its state on a disk.
    pub fn has_disk(&self) -> bool {
        self.stack.is_some()
    }

    /// Where the server died so far, if it has a disk.
    pub fn deaths(&self) -> Deaths {
        self.stack.as_ref().map(|stack| stack.deaths.clone()).unwrap_or_default()
    }

    fn step(&mut self) {
        self.ledger.clock += 1;
        let millis = match self.rng.range(0..1000) {
            0..4 => self.rng.range(1_000..40_000),
            4..600 => 0,
            _ => self.rng.range(0..40),
        };
        self.advance(Duration::from_millis(millis));
        if self.plan.delayed_commits && self.rng.chance(150) {
            self.commit_some();
        }
        if self.shell.waiting.is_empty() {
            self.ledger.all_is_durable();
        }
        self.page();
        if self.store_some().is_err() || self.crashing.chance(self.plan.crashes) {
            self.crash();
        }
        let client = self.any_client();
        if self.rng.chance(self.plan.faults) {
            self.fault(client);
        } else if self.clients[client].session.is_none() {
            if self.rng.chance(250) {
                self.connect(client);
            }
        } else {
            self.act(client);
        }
        self.move_some();
        self.watch();
        self.check_limits();
        if !self.plan.delayed_commits && self.rng.chance(5) {
            self.answer_all();
            self.watch();
            self.probe_retained();
        }
    }

    fn any_client(&mut self) -> usize {
        1 + self.rng.index(self.plan.clients.len())
    }

    /// A client does something of its own.
    fn act(&mut self, index: usize) {
        let now = self.shell.now;
        let diligent = self.rng.chance(self.clients[index].habits.diligence);
        let client = &mut self.clients[index];
        let online = client.session.as_ref().expect("has a link");
        let full = self.paths[&online.link].up.len() >= self.plan.capacity;
        if full || !client.is_online() {
            return;
        }
        if diligent {
            let count = 1 + self.rng.index(6);
            client.write_replies(count, now);
        }
        client.ping_if_due(now);
        match self.rng.range(0..100) {
            0..35 => {
                self.last_key += 1;
                client.publish(Key(self.last_key), &mut self.rng, &mut self.ledger, now);
            }
            35..42 => client.subscribe(&mut self.rng, &mut self.ledger, now),
            42..44 => client.unsubscribe(&mut self.rng, &mut self.ledger, now),
            _ => {}
        }
        self.collect(index);
    }

    fn fault(&mut self, index: usize) {
        let Some(link) = self.clients[index].session.as_ref().map(|online| online.link) else {
            return;
        };
        match self.rng.range(0..10) {
            0..3 => self.cut(link),
            3 => {
                self.trace.note(self.shell.now, || {
                    format!("c{index} loses {link}, the server is not told")
                });
                self.clients[index].session = None;
                let path = self.paths.get_mut(&link).expect("open");
                (path.abandoned, path.dead) = (true, true);
            }
            4..6 => {
                // A CONNECT that is still on its way must not arrive behind a later one: it would
                // take over in its turn, and the client could not know.
                let accepted = self.clients[index].is_online();
                let path = self.paths.get_mut(&link).expect("open");
                (path.abandoned, path.dead) = (true, !accepted);
                self.connect(index);
            }
            6..8 => {
                let until = self.shell.now + Duration::from_millis(self.rng.range(100..20_000));
                self.trace
                    .note(self.shell.now, || format!("{link} of c{index} stalls until {until:?}"));
                let up = self.rng.chance(500);
                let path = self.paths.get_mut(&link).expect("open");
                *(if up { &mut path.up_from } else { &mut path.down_from }) = until;
            }
            _ if self.clients[index].is_online() => {
                let now = self.shell.now;
                self.clients[index].disconnect(&mut self.rng, now);
                self.collect(index);
                self.clients[index].session = None;
                self.paths.get_mut(&link).expect("open").abandoned = true;
            }
            _ => {}
        }
    }

    fn connect(&mut self, index: usize) {
        self.last_key += 1;
        let key = Key(self.last_key);
        let opening = self.clients[index].opening(&mut self.rng, || key);
        self.open(index, opening, self.plan.capacity);
    }

    fn open(&mut self, index: usize, opening: Opening, capacity: usize) {
        let client = &mut self.clients[index];
        let hasty = client.habits.hasty;
        self.shell.change_limits(|limits| limits.acknowledged_at_once = hasty);
        let link = self.shell.accept(capacity);
        self.wire.opened(link, index, client.habits.protocol);
        self.paths.insert(link, Path::new(index));
        client.connect(link, opening, &mut self.ledger, self.shell.now);
        self.trace.note(self.shell.now, || format!("c{index} opens {link}"));
        self.collect(index);
    }

    fn advance(&mut self, by: Duration) {
        let until = self.shell.now + by;
        while self.shell.now < until {
            let next = self.shell.broker.next_deadline().map_or(until, |at| at.min(until));
            self.on_shell(|shell| shell.advance_to(next));
        }
    }

    fn commit_some(&mut self) {
        let waiting = self.shell.waiting.len();
        if waiting > 0 && self.stack.is_none() {
            let at = self.rng.index(waiting);
            let lsn = self.shell.waiting[at].lsn;
            self.on_shell(|shell| shell.commit(lsn));
        }
    }

    /// The watcher reads and answers everything at once.
    fn watch(&mut self) {
        while self.serve(WATCHER) {}
    }

    /// Connects a client that reads everything at once, and subscribes.
    fn open_watcher(&mut self, index: usize, filter: &str, opening: Opening) {
        self.open(index, opening, usize::MAX);
        while self.serve(index) {
            self.commit_all();
        }
        let now = self.shell.now;
        let client = &mut self.clients[index];
        client.ask_for(&[(filter, QoS::ExactlyOnce)], &mut self.ledger, now);
        while self.serve(index) {
            self.commit_all();
            self.answer_all();
        }
    }

    fn commit_all(&mut self) {
        self.store_all();
        if let Some(lsn) = self.shell.waiting.back().map(|batch| batch.lsn) {
            self.on_shell(|shell| shell.commit(lsn));
        }
    }

    /// Faults stop, everybody connects, and everything under way comes to its end.
    fn drain(&mut self) {
        self.trace.note(self.shell.now, || "faults stop".to_owned());
        self.draining = true;
        let useless: Vec<LinkId> =
            self.paths.iter().filter(|(_, path)| path.abandoned).map(|(link, _)| *link).collect();
        useless.into_iter().for_each(|link| self.cut(link));
        for path in self.paths.values_mut() {
            (path.up_from, path.down_from) = (Timestamp(0), Timestamp(0));
        }
        let mut quiet = 0;
        for _ in 0..DRAIN_ROUNDS {
            quiet = if self.drain_round() { 0 } else { quiet + 1 };
            if quiet > 3 {
                return;
            }
        }
        let busy = self.clients.iter().filter(|client| !client.is_done());
        let busy: Vec<String> = busy.map(Client::state).collect();
        panic!("it does not drain: {busy:?}");
    }

    fn drain_round(&mut self) -> bool {
        self.ledger.clock += 1;
        self.commit_all();
        self.page();
        self.store_some().expect("faults have stopped");
        self.answer_all();
        self.advance(Duration::from_millis(1));
        let mut moved = false;
        for index in 0..=self.plan.clients.len() {
            if self.clients[index].session.is_none() {
                self.open(index, Client::last_opening(), self.plan.capacity);
            }
            moved |= self.serve(index) || !self.clients[index].is_done();
        }
        moved
    }

    fn check(&mut self) {
        self.wire.check_drained();
        assert_eq!(self.shell.broker.stats().dropped.lost, 0, "the store gives all that it has");
        assert_eq!(self.shell.broker.stats().backlog_messages, 0);
        for client in &self.clients[..=self.plan.clients.len()] {
            assert!(client.storage.incoming.is_empty(), "PUBREL never came");
            let id = ClientId::new(&client.name);
            let session = self.shell.broker.session(&id).expect("it is connected");
            assert!(session.outbound.is_empty(), "left in the queue of {id}");
        }
        if !self.dropped_queued() {
            self.ledger.check_owed();
            let watched = |key| self.ledger.watched(key);
            self.wire.sessions.check_wills(self.shell.now, watched);
        }
        self.probe_retained();
    }

    /// A new client asks for all retained messages. Where a full queue or a full store has dropped
    /// one, nobody can say what there should be.
    fn probe_retained(&mut self) {
        let fresh = self.clients.len() - 1;
        self.ledger.forget_replays(fresh);
        self.open_watcher(fresh, "r/#", Opening::without_a_past());
        if !self.dropped_queued() && !self.dropped_retained() {
            self.ledger.check_retained(fresh);
        }
        let link = self.clients[fresh].session.as_ref().expect("just opened").link;
        self.cut(link);
        self.ledger.session_over(fresh);
    }

    /// Queues and stores keep within the settings. Replays of retained messages stand in a queue
    /// beside the limit, and messages of QoS 0 and of the others have a limit each.
    fn check_limits(&self) {
        let (broker, settings) = (&self.shell.broker, &self.plan.settings);
        for client in &self.clients {
            let Some(session) = broker.session(&ClientId::new(&client.name)) else { continue };
            if self.ledger.had_replays(client.index) {
                continue;
            }
            let (messages, bytes) = (session.outbound.queued(), session.outbound.queued_bytes());
            // What was in flight at a crash waits again.
            let (restored, restored_bytes) = self.restored[client.index];
            let QueueLimits { messages_max, bytes_max, .. } = settings.queue;
            let most = restored.max(messages_max) + messages_max;
            assert!(messages <= most, "{messages} messages queued");
            assert!(bytes <= restored_bytes.max(bytes_max) + bytes_max, "{bytes} bytes queued");
        }
        let retained = broker.retained().len();
        assert!(retained <= settings.retained.messages_max, "{retained} retained");
    }
}
