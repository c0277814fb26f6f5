mod handle;

use hdrhistogram::Histogram;

use super::clock::Clock;
use super::error::Error;
use super::pacer::Schedule;
use super::plan::Plan;
use super::publisher::Publisher;
use super::settings::Settings;
use super::stamp::Stamp;
use super::tally::{Tally, histogram};
use super::wire;

/// All clients of a run: what each of them is about to do, and what has come so far.
///
/// Subscribers have the first numbers, publishers those behind them.
pub struct State {
    pub settings: Settings,
    pub clock: Clock,
    clients: Vec<Client>,
    subscribers: usize,
    pub publishers: Vec<Publisher>,
    pub tally: Tally,
    /// Publishers that may have room to send, each once.
    pub may_send: Vec<usize>,
    /// Clients whose connection is over because they wanted it so.
    pub gone: Vec<usize>,
    /// Clients that have all they need since the last [`Self::open_as`].
    pub ready: usize,
    /// How often anything came that a run waits for.
    pub progress: u64,
    /// Answers to PINGREQ.
    pub pongs: usize,
    /// From the begin of connecting until a client had all it needed, in nanoseconds.
    pub handshakes: Histogram<u64>,
    pub schedule: Option<Schedule>,
    manner: Manner,
    now_nanos: u64,
}

/// What clients do once they are connected.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    pub clean_start: bool,
    pub subscribe: bool,
    /// They leave as soon as they have all they need.
    pub leave: bool,
}

impl Manner {
    /// They come to stay, with the sessions that the settings ask for.
    pub fn of(settings: &Settings) -> Self {
        Self { clean_start: !settings.persistent, subscribe: true, leave: false }
    }
}

struct Client {
    stage: Stage,
    filters: Box<[String]>,
    opened_nanos: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Away,
    Connecting,
    Subscribing,
    Ready,
    Leaving,
}

/// What the templates of all topics together may take.
const TEMPLATE_BYTES_MAX: usize = 1 << 30;
/// A publisher gives way to the others after so much output.
const OUTPUT_BYTES: usize = 64 * 1024;

impl State {
    /// # Errors
    ///
    /// [`Error::Options`] if the run would take too much memory.
    pub fn new(
        settings: Settings,
        clock: Clock,
        plan: Plan,
        tally: Tally,
        retain: bool,
    ) -> Result<Self, Error> {
        let client = |filters: Vec<String>| Client {
            stage: Stage::Away,
            filters: filters.into(),
            opened_nanos: 0,
        };
        let topics = plan.publishers.iter().map(|it| it.topics.len()).sum::<usize>();
        if topics.saturating_mul(settings.payload_len) > TEMPLATE_BYTES_MAX {
            return Err(Error::Options("the payloads of all topics are more than 1 GiB".into()));
        }
        let subscribers = plan.subscribers.len();
        let manner = Manner::of(&settings);
        let speakers = plan.publishers.iter().map(|_| client(Vec::new()));
        let clients: Vec<Client> =
            plan.subscribers.into_iter().map(|it| client(it.filters)).chain(speakers).collect();
        let publishers =
            plan.publishers.iter().map(|it| Publisher::new(&it.topics, &settings, retain));
        Ok(Self {
            publishers: publishers.collect(),
            settings,
            clock,
            clients,
            subscribers,
            tally,
            may_send: Vec::new(),
            gone: Vec::new(),
            ready: 0,
            progress: 0,
            pongs: 0,
            handshakes: histogram(),
            schedule: None,
            manner,
            now_nanos: 0,
        })
    }

    pub fn subscribers(&self) -> std::ops::Range<usize> {
        0..self.subscribers
    }

    pub fn publishing(&self) -> std::ops::Range<usize> {
        self.subscribers..self.clients.len()
    }

    /// The client that a publisher is.
    pub fn client_of(&self, stream: usize) -> usize {
        self.subscribers + stream
    }

    /// Those who connect from now on do so in this manner.
    pub fn open_as(&mut self, manner: Manner) {
        self.manner = manner;
        self.ready = 0;
    }

    pub fn handle_opening(&mut self, client: usize, now_nanos: u64) {
        self.clients[client].stage = Stage::Connecting;
        self.clients[client].opened_nanos = now_nanos;
    }

    /// Says goodbye, if there is a connection to say it on.
    pub fn leave(&mut self, client: usize, out: &mut Vec<u8>) {
        self.clients[client].stage = Stage::Leaving;
        out.extend_from_slice(&wire::DISCONNECT);
    }

    /// Puts a publisher among those that may send, if it has room for a burst.
    pub fn list(&mut self, stream: usize) {
        let publisher = &mut self.publishers[stream];
        let enough = self.settings.burst.min(publisher.window.room_max());
        if !publisher.listed && publisher.left > 0 && publisher.window.room() >= enough {
            publisher.listed = true;
            self.may_send.push(stream);
        }
    }

    /// Stops waiting for what is under way.
    pub fn give_up(&mut self) {
        for stream in 0..self.publishers.len() {
            self.publishers[stream].window.give_up();
            self.list(stream);
        }
    }

    /// Appends what the publisher may send now; false if that is nothing.
    pub fn publish(&mut self, stream: usize, out: &mut Vec<u8>) -> bool {
        let publisher = &mut self.publishers[stream];
        publisher.listed = false;
        let before = out.len();
        let now_nanos = self.clock.nanos();
        while publisher.may_send() && out.len() < OUTPUT_BYTES {
            let number = publisher.window.next();
            let sent_nanos = match self.schedule {
                None => now_nanos,
                Some(schedule) => schedule.due_nanos(stream as u32, number),
            };
            if sent_nanos > now_nanos {
                break;
            }
            self.tally.counts.published += 1;
            let stamp = Stamp { stream: stream as u32, number, sent_nanos };
            self.tally.counts.expected += publisher.put(stamp, self.settings.qos, out);
        }
        out.len() > before
    }

    fn name(&self, client: usize) -> String {
        let prefix = &self.settings.prefix;
        match client.checked_sub(self.subscribers) {
            None => format!("{prefix}s{client}"),
            Some(stream) => format!("{prefix}p{stream}"),
        }
    }
}
