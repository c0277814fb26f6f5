use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use fulmar::auth::{Authenticator as _, NoCredentials, PeerInfo};
use fulmar::broker::{Actions, Broker, Budget, Settings};
use fulmar::connection::{Connection, Input, Inputs, Limits, Output};
use fulmar::journal::{Batch, Image, SessionNumber};
use fulmar::request::{AuthAnswer, AuthRequest, Request};
use fulmar::store::Event;
use fulmar::types::{ConnId, Lsn, Timestamp};

use super::pages::Pages;

/// The glue between connections and the broker: what the network driver does, with byte queues
/// where it has sockets and a number where it has a clock.
pub struct Shell {
    pub broker: Broker,
    pub now: Timestamp,
    pub commits: Commits,
    /// Batches that the broker gave out and nobody has reported durable, oldest first.
    pub waiting: VecDeque<Batch>,
    /// What the durable batches come to.
    pub image: Image,
    /// The last of them.
    pub durable: Lsn,
    /// What is sorted by session, so that the broker need not hold it in memory.
    pub pages: Pages,
    /// When loads are answered.
    pub answers: Answers,
    settings: Settings,
    limits: Arc<Limits>,
    authenticator: Box<dyn Authenticator>,
    entropy: u64,
    links: BTreeMap<LinkId, Link>,
    by_conn: BTreeMap<ConnId, LinkId>,
    due: BTreeSet<LinkId>,
    next_link: u64,
    /// What [`Self::take_log`] gives; `None` while nobody asks.
    log: Option<Vec<Observed>>,
}

/// What the server did to a link, in the order it did it.
#[derive(Debug)]
pub enum Observed {
    /// It encoded these bytes; the socket may not have taken them yet.
    Produced(LinkId, Vec<u8>),
    /// The broker knows that the link is over.
    Ended(LinkId),
}

/// One network connection. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// When a batch of durable changes counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// At once, as with the store in memory.
    Immediate,
    /// When [`Shell::commit`] says so.
    Delayed,
}

/// When the store answers a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// At once.
    Immediate,
    /// When [`Shell::answer`] says so.
    Delayed,
}

/// Decides about credentials. A closure will do.
pub trait Authenticator {
    fn answer(&mut self, request: AuthRequest) -> AuthAnswer;
}

impl<F: FnMut(AuthRequest) -> AuthAnswer> Authenticator for F {
    fn answer(&mut self, request: AuthRequest) -> AuthAnswer {
        self(request)
    }
}

struct Link {
    connection: Connection,
    conn: Option<ConnId>,
    /// Sent by the client, not yet taken by the connection.
    arrived: Vec<u8>,
    inputs: Inputs,
    requests: VecDeque<Request>,
    /// Encoded, not yet taken by the socket.
    unsent: VecDeque<u8>,
    /// Taken by the socket, not yet read by the client.
    sent: VecDeque<u8>,
    /// How many bytes `sent` holds at most.
    capacity: usize,
    /// Nothing goes to the broker any more; what is unsent is still flushed.
    ended: bool,
}

const BUDGET: Budget = Budget { messages: 512, bytes: 64 * 1024 };

impl Shell {
    pub fn new(settings: Settings, limits: Limits, seed: u64) -> Self {
        let now = Timestamp(1_000_000);
        Self {
            broker: Broker::new(settings.clone(), seed, now),
            settings,
            image: Image::default(),
            durable: Lsn::NONE,
            pages: Pages::default(),
            answers: Answers::Immediate,
            now,
            commits: Commits::Immediate,
            waiting: VecDeque::new(),
            limits: Arc::new(limits),
            authenticator: Box::new(take_everybody),
            entropy: seed,
            links: BTreeMap::new(),
            by_conn: BTreeMap::new(),
            due: BTreeSet::new(),
            next_link: 0,
            log: None,
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the server did since the last call; recorded from the first call on.
    pub fn take_log(&mut self) -> Vec<Observed> {
        self.log.replace(Vec::new()).unwrap_or_default()
    }

    pub fn set_authenticator(&mut self, authenticator: impl Authenticator + 'static) {
        self.authenticator = Box::new(authenticator);
    }

    /// Sockets that are accepted from here on come by a listener with other limits.
    pub fn change_limits(&mut self, change: impl FnOnce(&mut Limits)) {
        change(Arc::make_mut(&mut self.limits));
    }

    /// A socket is accepted that takes `capacity` bytes more than its client has read.
    pub fn accept(&mut self, capacity: usize) -> LinkId {
        let id = LinkId(self.next_link);
        self.next_link += 1;
        let link = Link {
            connection: Connection::new(self.limits.clone()),
            conn: None,
            arrived: Vec::new(),
            inputs: Inputs::default(),
            requests: VecDeque::new(),
            unsent: VecDeque::new(),
            sent: VecDeque::new(),
            capacity,
            ended: false,
        };
        self.links.insert(id, link);
        id
    }

    /// Bytes arrive from the client.
    pub fn receive(&mut self, id: LinkId, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.arrived.extend_from_slice(bytes);
        self.due.insert(id);
        self.run();
    }

    /// Links whose decoded packets still wait for the broker to take them.
    pub fn unhandled(&self) -> BTreeSet<LinkId> {
        let waiting = |link: &Link| !link.requests.is_empty() || !link.inputs.is_empty();
        self.links.iter().filter(|(_, link)| waiting(link)).map(|(id, _)| *id).collect()
    }

    /// The client reads at most `max` bytes.
    pub fn take(&mut self, id: LinkId, max: usize) -> Vec<u8> {
        let Some(link) = self.links.get_mut(&id) else { return Vec::new() };
        let count = max.min(link.sent.len());
        let bytes = link.sent.drain(..count).collect();
        self.due.insert(id);
        self.run();
        bytes
    }

    /// From now on the socket takes `capacity` bytes more than its client has read.
    pub fn set_capacity(&mut self, id: LinkId, capacity: usize) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.capacity = capacity;
        self.due.insert(id);
        self.run();
    }

    /// Whether the server has closed the socket and the client has read what came before that.
    pub fn is_closed(&self, id: LinkId) -> bool {
        self.links
            .get(&id)
            .is_none_or(|link| link.ended && link.unsent.is_empty() && link.sent.is_empty())
    }

    /// The socket fails or the client closes it: nothing of it can be read or sent any more.
    pub fn lose(&mut self, id: LinkId) {
        self.end(id);
        self.links.remove(&id);
        self.due.remove(&id);
        self.run();
    }

    /// Time moves on; everything due on the way happens at its moment.
    pub fn advance_to(&mut self, until: Timestamp) {
        let mut at_this_moment = 0;
        while let Some(at) = self.broker.next_deadline().filter(|&at| at <= until) {
            at_this_moment = if at > self.now { 0 } else { at_this_moment + 1 };
            assert!(at_this_moment < 100_000, "a deadline stays due at {:?}", self.now);
            self.now = self.now.max(at);
            self.with_broker(|broker, now, actions| broker.handle_deadline(now, actions));
            self.run();
        }
        self.now = self.now.max(until);
    }

    /// Everything given out up to `lsn` is durable.
    pub fn commit(&mut self, lsn: Lsn) {
        self.keep(lsn);
        self.with_broker(|broker, _, actions| broker.handle_committed(lsn, actions));
        self.run();
    }

    /// The store has sorted in the durable messages of a session below `before`, and says so.
    pub fn store(&mut self, session: SessionNumber, before: u64) {
        let stored = self.pages.sort(&self.image, session, before);
        self.handle_store(Event::Stored(vec![stored]));
    }

    /// The store answers one of the loads that wait. Those of one session are never two.
    pub fn answer(&mut self, index: usize) {
        let load = self.pages.asked.remove(index).expect("one that waits");
        let page = self.pages.answer(&load);
        self.handle_store(Event::Loaded(page));
    }

    /// The store has something to tell.
    pub fn handle_store(&mut self, event: Event) {
        match event {
            Event::Durable(lsn) => return self.commit(lsn),
            Event::Full(full) => return self.set_disk_full(full),
            Event::Stored(stored) => {
                self.with_broker(|broker, _, actions| broker.handle_stored(&stored, actions));
            }
            Event::Loaded(page) => {
                self.with_broker(|broker, now, actions| broker.handle_loaded(page, now, actions));
            }
        }
        self.run();
    }

    /// The process dies. The store has everything up to `lsn`, whether the broker was told or not;
    /// the rest is lost, and so is every link. Another process goes on from the store.
    pub fn crash(&mut self, lsn: Lsn) {
        self.keep(lsn);
        let image = self.pages.split(self.image.clone());
        self.restart(image, self.durable);
    }

    /// Another process goes on from what a store has, with the number of its last batch.
    pub fn restart(&mut self, image: Image, last: Lsn) {
        self.durable = last;
        self.waiting.clear();
        self.links.clear();
        self.by_conn.clear();
        self.due.clear();
        self.pages.asked.clear();
        let settings = self.settings.clone();
        self.broker = Broker::restore(settings, self.entropy, self.now, image, last);
        self.journal();
    }

    /// Everything given out up to `lsn` is in the store, and nobody has told the broker.
    pub fn keep(&mut self, lsn: Lsn) {
        while self.waiting.front().is_some_and(|batch| batch.lsn <= lsn) {
            let batch = self.waiting.pop_front().expect("just seen");
            self.durable = batch.lsn;
            batch.changes.into_iter().for_each(|change| self.image.apply(change));
        }
    }

    pub fn shut_down(&mut self) {
        self.with_broker(|broker, now, actions| broker.handle_shutdown(now, actions));
        self.run();
    }

    /// The store has too little room, or has enough of it again.
    pub fn set_disk_full(&mut self, full: bool) {
        self.with_broker(|broker, now, actions| broker.handle_store_full(full, now, actions));
        self.run();
    }

    /// Too much memory is in use, or there is enough again.
    pub fn set_memory_short(&mut self, short: bool) {
        self.with_broker(|broker, now, actions| broker.handle_memory_short(short, now, actions));
        self.run();
    }

    /// Runs every link that has something to do until none has.
    fn run(&mut self) {
        while let Some(id) = self.due.pop_first() {
            let mut rounds = 0;
            while self.step(id) {
                rounds += 1;
                assert!(rounds < 1_000_000, "a link never comes to rest");
            }
        }
    }

    /// One round of the driver: read, ask the broker, pull, write, close. True if anything moved.
    fn step(&mut self, id: LinkId) -> bool {
        let read = self.read(id);
        let asked = self.ask(id);
        let pulled = self.pull(id);
        let flushed = self.links.get_mut(&id).is_some_and(Link::flush);
        let moved = read || asked || pulled || flushed;
        if !moved && self.links.get(&id).is_some_and(Link::is_done) {
            self.end(id);
        }
        moved
    }

    /// Decodes what has arrived, unless earlier requests still wait for the broker.
    fn read(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        let busy = !link.requests.is_empty() || !link.inputs.is_empty();
        if link.ended || busy || link.arrived.is_empty() {
            return false;
        }
        let entropy = &mut self.entropy;
        let mut draw = || splitmix(entropy);
        let taken = link.connection.receive(&link.arrived, self.now, &mut draw, &mut link.inputs);
        link.arrived.drain(..taken);
        taken > 0 || !link.inputs.is_empty()
    }

    /// Passes decoded input on, in order; requests in one burst.
    fn ask(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        if link.ended {
            return false;
        }
        link.inputs.pop_requests(&mut link.requests);
        if !link.requests.is_empty() {
            return self.hand_over(id);
        }
        match link.inputs.pop_front() {
            Some(input) => self.handle(id, input),
            None => return false,
        }
        true
    }

    fn handle(&mut self, id: LinkId, input: Input) {
        let mut output = Output::default();
        match input {
            Input::Request(_) => unreachable!("requests go in bursts"),
            Input::Connect(connect) => {
                match self.with_broker(|broker, now, act| broker.handle_connect(*connect, now, act))
                {
                    Ok(conn) => self.connected(id, conn),
                    Err(reason) => self.link(id).connection.refuse(reason, "", &mut output),
                }
            }
            Input::Auth(request) => {
                let answer = self.authenticator.answer(*request);
                let link = self.links.get_mut(&id).expect("the caller has it");
                link.connection.handle_auth(answer, &mut link.inputs, &mut output);
            }
            Input::Fault(fault) => {
                while self.poll(id, BUDGET) {}
                self.link(id).connection.fault(&fault, &mut output);
            }
        }
        self.queue(id, &output);
    }

    fn connected(&mut self, id: LinkId, conn: ConnId) {
        self.by_conn.insert(conn, id);
        self.link(id).conn = Some(conn);
    }

    fn hand_over(&mut self, id: LinkId) -> bool {
        let link = self.link(id);
        let Some(conn) = link.conn else { unreachable!("a request before CONNECT") };
        let mut requests = std::mem::take(&mut link.requests);
        let before = requests.len();
        self.with_broker(|broker, now, act| broker.handle_requests(conn, &mut requests, now, act));
        let moved = requests.len() < before;
        self.link(id).requests = requests;
        moved
    }

    /// Asks for more to send once the socket has taken everything; until then only whether the
    /// broker wants the connection closed.
    fn pull(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.get(&id).filter(|link| !link.ended) else { return false };
        let stuck = !link.unsent.is_empty();
        let moved = self.poll(id, if stuck { Budget { messages: 0, bytes: 0 } } else { BUDGET });
        moved && !stuck
    }

    /// Encodes what the broker has to send. True if there was anything.
    fn poll(&mut self, id: LinkId, budget: Budget) -> bool {
        let Some(conn) = self.link(id).conn else { return false };
        let mut outgoing = Vec::new();
        let more = self.broker.poll_outgoing(conn, budget, self.now, &mut outgoing);
        let moved = more || !outgoing.is_empty();
        let mut output = Output::default();
        let now = self.now;
        for packet in outgoing {
            self.link(id).connection.encode(&packet, now, &mut output);
        }
        self.queue(id, &output);
        self.journal();
        moved
    }

    fn queue(&mut self, id: LinkId, output: &Output) {
        let bytes: Vec<u8> = output.chunks(0).flatten().copied().collect();
        if bytes.is_empty() {
            return;
        }
        self.link(id).unsent.extend(&bytes);
        self.log.iter_mut().for_each(|log| log.push(Observed::Produced(id, bytes.clone())));
    }

    fn end(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !std::mem::replace(&mut link.ended, true) {
            self.log.iter_mut().for_each(|log| log.push(Observed::Ended(id)));
        }
        if let Some(conn) = link.conn.take() {
            self.by_conn.remove(&conn);
            self.with_broker(|broker, now, act| broker.handle_disconnected(conn, now, act));
        }
    }

    /// One burst: the call, the batch of what it changed, the links it woke.
    fn with_broker<T>(
        &mut self,
        call: impl FnOnce(&mut Broker, Timestamp, &mut Actions) -> T,
    ) -> T {
        let mut actions = Actions::default();
        let result = call(&mut self.broker, self.now, &mut actions);
        self.wake(actions);
        self.journal();
        result
    }

    fn journal(&mut self) {
        while let Some(batch) = self.broker.take_batch() {
            let lsn = batch.lsn;
            self.waiting.push_back(batch);
            if self.commits == Commits::Immediate {
                self.keep(lsn);
                let mut actions = Actions::default();
                self.broker.handle_committed(lsn, &mut actions);
                self.wake(actions);
            }
        }
        self.pages.asked.extend(self.broker.take_loads());
        if self.answers == Answers::Immediate {
            while let Some(load) = self.pages.asked.pop_front() {
                let page = self.pages.answer(&load);
                self.with_broker(|broker, now, actions| broker.handle_loaded(page, now, actions));
            }
        }
    }

    fn wake(&mut self, actions: Actions) {
        self.due.extend(actions.wake.iter().filter_map(|conn| self.by_conn.get(conn)));
    }

    fn link(&mut self, id: LinkId) -> &mut Link {
        self.links.get_mut(&id).expect("the link is open")
    }
}

impl Link {
    /// Whether the connection is over and everything that came before its end is handled.
    fn is_done(&self) -> bool {
        self.connection.is_closing() && self.inputs.is_empty() && self.requests.is_empty()
    }

    fn flush(&mut self) -> bool {
        let count = self.unsent.len().min(self.capacity.saturating_sub(self.sent.len()));
        self.sent.extend(self.unsent.drain(..count));
        count > 0
    }
}

fn take_everybody(request: AuthRequest) -> AuthAnswer {
    let peer = PeerInfo { allow_anonymous: true, ..PeerInfo::default() };
    NoCredentials.decide(&request, &peer).now().expect("it answers at once")
}

/// The next number of the sequence that `state` stands in.
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
