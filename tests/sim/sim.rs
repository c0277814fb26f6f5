use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use fulmar::codec::{Connect, Packet, Publish};
use fulmar::connection::Limits;
use fulmar::types::{ClientId, QoS, Timestamp};

use crate::client::Client;
use crate::common::{Commits, LinkId, Observed, Shell, settings};
use crate::ledger::{Ledger, WATCHER};
use crate::packets::Key;
use crate::plan::{Habits, Plan};
use crate::rng::Rng;
use crate::wire::Wire;

/// One run: broker, clients, the links between them, and those who check.
pub struct Sim {
    rng: Rng,
    plan: Plan,
    shell: Shell,
    /// The watcher first; last the one that connects when all is over.
    clients: Vec<Client>,
    paths: BTreeMap<LinkId, Path>,
    wire: Wire,
    ledger: Ledger,
    last_key: u64,
    /// Of everything that the server wrote.
    digest: u64,
    trace: Option<VecDeque<String>>,
}

/// The network between one client and the server.
struct Path {
    client: usize,
    /// On its way to the server.
    up: VecDeque<u8>,
    up_from: Timestamp,
    down_from: Timestamp,
    /// The client has gone: what it wrote may still arrive.
    abandoned: bool,
    /// Nothing arrives in either direction, and nobody says so.
    dead: bool,
}

const TRACE_EVENTS: usize = 4_000;

/// Rounds in which everything must drain once faults have stopped.
const DRAIN_ROUNDS: usize = 3_000;

impl Sim {
    pub fn new(seed: u64, traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let plan = Plan::draw(&mut rng);
        let mut shell = Shell::new(settings(), Limits::default(), seed);
        shell.take_log();
        if plan.delayed_commits {
            shell.commits = Commits::Delayed;
        }
        let habits = [Habits::watcher()].into_iter().chain(plan.clients.iter().copied());
        let habits = habits.chain([Habits::watcher()]);
        let clients: Vec<Client> =
            habits.enumerate().map(|(index, habits)| Client::new(index, habits)).collect();
        Self {
            rng,
            plan,
            shell,
            paths: BTreeMap::new(),
            wire: Wire::new(clients.len()),
            ledger: Ledger::new(clients.len()),
            clients,
            last_key: 0,
            digest: 0,
            trace: traced.then(VecDeque::new),
        }
    }

    /// Runs to the end and returns a digest of everything that the server wrote.
    pub fn run(&mut self) -> u64 {
        self.open_watcher(WATCHER, "#");
        for _ in 0..self.plan.steps {
            self.step();
        }
        self.drain();
        self.check();
        self.digest
    }

    pub fn last_events(&self) -> String {
        let events = self.trace.iter().flatten();
        events.fold(String::new(), |text, event| text + event + "\n")
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
                self.note(|| format!("c{index} loses {link}, the server is not told"));
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
                self.note(|| format!("{link} of c{index} stalls until {until:?}"));
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

    fn open(&mut self, index: usize, opening: crate::client::Opening, capacity: usize) {
        let link = self.shell.accept(capacity);
        let client = &mut self.clients[index];
        self.wire.opened(link, index, client.habits.protocol);
        let path = Path {
            client: index,
            up: VecDeque::new(),
            up_from: Timestamp(0),
            down_from: Timestamp(0),
            abandoned: false,
            dead: false,
        };
        self.paths.insert(link, path);
        client.connect(link, opening, &mut self.ledger, self.shell.now);
        self.note(|| format!("c{index} opens {link}"));
        self.collect(index);
    }

    /// Puts what a client wrote on its way.
    fn collect(&mut self, index: usize) {
        let Some(online) = self.clients[index].session.as_mut() else { return };
        let path = self.paths.get_mut(&online.link).expect("open");
        path.up.extend(online.written.drain(..));
    }

    /// Some bytes arrive, on some links.
    fn move_some(&mut self) {
        let links: Vec<LinkId> = self.paths.keys().copied().collect();
        for link in links {
            if self.rng.chance(600) {
                let bytes = self.some_bytes();
                self.move_up(link, bytes);
            }
            let Some(path) = self.paths.get(&link) else { continue };
            if self.rng.chance(self.clients[path.client].habits.diligence) {
                let bytes = self.some_bytes();
                self.move_down(link, bytes);
            }
            let is_over = self.paths.get(&link).is_some_and(|path| path.abandoned && !path.dead);
            if is_over && self.rng.chance(100) {
                self.cut(link);
            }
        }
    }

    fn some_bytes(&mut self) -> usize {
        let most = self.rng.pick(&[1, 10, 100, 10_000]);
        1 + self.rng.index(most)
    }

    fn move_up(&mut self, link: LinkId, most: usize) {
        let now = self.shell.now;
        let Some(path) = self.paths.get_mut(&link) else { return };
        let full = self.shell.has_unhandled(link) && self.shell.backlog(link) > self.plan.capacity;
        if full || path.dead || path.up_from > now || path.up.is_empty() {
            return;
        }
        let bytes: Vec<u8> = path.up.drain(..most.min(path.up.len())).collect();
        let client = path.client;
        let trace = &mut self.trace;
        self.wire.arriving(link, &bytes, now, &mut |packet| {
            note(trace, || format!("{} c{client} {link} -> {}", now.0, told(packet)));
        });
        self.on_shell(|shell| shell.receive(link, &bytes));
    }

    fn move_down(&mut self, link: LinkId, most: usize) {
        let now = self.shell.now;
        let Some(path) = self.paths.get(&link) else { return };
        if path.dead || path.abandoned || path.down_from > now {
            return;
        }
        let client = path.client;
        let mut bytes = Vec::new();
        self.on_shell(|shell| bytes = shell.take(link, most));
        self.give(client, &bytes);
        if self.shell.is_closed(link) {
            self.cut(link);
        }
    }

    fn give(&mut self, client: usize, bytes: &[u8]) {
        let now = self.shell.now;
        let passed_on = self.clients[client].read(bytes, &mut self.ledger, now);
        if client == WATCHER {
            passed_on.into_iter().for_each(|key| self.wire.sessions.watched(key, now));
        }
        self.collect(client);
    }

    /// The link is gone for both sides; part of what was on its way to the client arrives.
    fn cut(&mut self, link: LinkId) {
        let Some(path) = self.paths.remove(&link) else { return };
        let client = path.client;
        self.note(|| format!("{link} of c{client} is cut"));
        let current = self.clients[client].session.as_ref().is_some_and(|on| on.link == link);
        if current && !path.dead {
            let most = self.some_bytes();
            let mut bytes = Vec::new();
            self.on_shell(|shell| bytes = shell.take(link, most));
            let now = self.shell.now;
            self.clients[client].read(&bytes, &mut self.ledger, now);
        }
        if current {
            self.clients[client].session = None;
        }
        self.wire.sessions.cutting(link);
        self.on_shell(|shell| shell.lose(link));
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
        if waiting > 0 {
            let at = self.rng.index(waiting);
            let lsn = self.shell.waiting[at].lsn;
            self.on_shell(|shell| shell.commit(lsn));
        }
    }

    /// Calls the server and shows what it did to those who check.
    fn on_shell(&mut self, call: impl FnOnce(&mut Shell)) {
        let links = self.paths.keys().copied();
        let unread: BTreeSet<LinkId> = links.filter(|&id| self.shell.has_unhandled(id)).collect();
        call(&mut self.shell);
        let now = self.shell.now;
        for observed in self.shell.take_log() {
            let trace = &mut self.trace;
            match observed {
                Observed::Produced(link, bytes) => {
                    self.digest = bytes.iter().fold(self.digest, |digest, byte| {
                        (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
                    });
                    self.wire.produced(link, &bytes, now, &mut |client, packet| {
                        note(trace, || format!("{} c{client} {link} <- {}", now.0, told(packet)));
                    });
                }
                Observed::Ended(link) => {
                    note(trace, || format!("{} the server ends {link}", now.0));
                    self.wire.ended(link, now, !unread.contains(&link));
                }
            }
        }
    }

    /// The watcher reads and answers everything at once.
    fn watch(&mut self) {
        while self.serve(WATCHER) {}
    }

    /// Moves everything that can move for one client. True if anything did.
    fn serve(&mut self, index: usize) -> bool {
        let Some(online) = self.clients[index].session.as_ref() else { return false };
        let link = online.link;
        self.clients[index].write_replies(usize::MAX, self.shell.now);
        self.collect(index);
        let written = self.paths[&link].up.len();
        self.move_up(link, usize::MAX);
        let digest = self.digest;
        let before = self.clients[index].session.as_ref().map(|on| on.bytes_read);
        self.move_down(link, usize::MAX);
        let after = self.clients[index].session.as_ref().map(|on| on.bytes_read);
        written > 0 || before != after || digest != self.digest
    }

    fn open_watcher(&mut self, index: usize, filter: &str) {
        self.open(index, Client::last_opening(), usize::MAX);
        while self.serve(index) {
            self.commit_all();
        }
        let now = self.shell.now;
        let client = &mut self.clients[index];
        client.ask_for(&[(filter, QoS::ExactlyOnce)], &mut self.ledger, now);
        while self.serve(index) {
            self.commit_all();
        }
    }

    fn commit_all(&mut self) {
        if let Some(lsn) = self.shell.waiting.back().map(|batch| batch.lsn) {
            self.on_shell(|shell| shell.commit(lsn));
        }
    }

    /// Faults stop, everybody connects, and everything under way comes to its end.
    fn drain(&mut self) {
        self.note(|| "faults stop".to_owned());
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
        self.ledger.check_owed();
        let watched = |key| self.ledger.watched(key);
        self.wire.sessions.check_wills(self.shell.now, watched);
        for client in &self.clients[..=self.plan.clients.len()] {
            assert!(client.storage.incoming.is_empty(), "PUBREL never came");
            let id = ClientId::new(&client.name);
            let session = self.shell.broker.session(&id).expect("it is connected");
            assert!(session.outbound.is_empty(), "left in the queue of {id}");
        }
        let fresh = self.clients.len() - 1;
        self.open_watcher(fresh, "r/#");
        self.ledger.check_retained(fresh);
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        let now = self.shell.now;
        note(&mut self.trace, || format!("{} {}", now.0, text()));
    }
}

fn note(trace: &mut Option<VecDeque<String>>, text: impl FnOnce() -> String) {
    let Some(trace) = trace else { return };
    if trace.len() == TRACE_EVENTS {
        trace.pop_front();
    }
    trace.push_back(text());
}

/// A packet in few words.
fn told(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Publish(Publish { dup, qos, retain, topic, packet_id, payload, .. }) => {
            let id = packet_id.map_or(0, |id| id.get());
            let key = Key::of(payload).0;
            let (dup, retain) = (u8::from(*dup), u8::from(*retain));
            format!("PUBLISH {key} {topic:?} {qos:?} id {id} dup {dup} retain {retain}")
        }
        Packet::Connect(connect) => {
            let will = connect.will.as_ref();
            let will = will.map(|will| (Key::of(will.payload).0, will.qos, will.delay_secs));
            let Connect { clean_start, keep_alive_secs, session_expiry_secs, .. } = &**connect;
            format!(
                "CONNECT clean {clean_start} keep alive {keep_alive_secs} \
                 expiry {session_expiry_secs:?} will {will:?}"
            )
        }
        Packet::ConnAck(connack) => {
            format!("CONNACK {:?} session {}", connack.reason, connack.session_present)
        }
        Packet::PubAck(ack) => format!("PUBACK {} {:?}", ack.packet_id, ack.reason),
        Packet::PubRec(ack) => format!("PUBREC {} {:?}", ack.packet_id, ack.reason),
        Packet::PubRel(ack) => format!("PUBREL {} {:?}", ack.packet_id, ack.reason),
        Packet::PubComp(ack) => format!("PUBCOMP {} {:?}", ack.packet_id, ack.reason),
        Packet::Subscribe(subscribe) => {
            let filters: Vec<_> =
                subscribe.filters.iter().map(|asked| (asked.filter, asked.options.qos)).collect();
            format!("SUBSCRIBE {} {filters:?}", subscribe.packet_id)
        }
        other => format!("{other:?}"),
    }
}
