use std::io;

use hdrhistogram::Histogram;

use super::clock::Clock;
use super::error::Error;
use super::network::{End, Handler};
use super::pacer::Schedule;
use super::plan::{Plan, Topic};
use super::settings::Settings;
use super::stamp::Stamp;
use super::tally::{Tally, histogram};
use super::window::Window;
use super::wire::{self, Hello, Incoming, Template};
use crate::codec::{ConnAck, Frame, Packet};
use crate::types::{QoS, ReasonCode};

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

/// One publisher's messages.
pub struct Publisher {
    topics: Box<[(Template, u32)]>,
    topic: usize,
    pub window: Window,
    /// Messages that it may still send.
    pub left: u64,
    /// Copies hold its window open until they arrive.
    pub awaits_copies: bool,
    listed: bool,
}

/// What the templates of all topics together may take.
const TEMPLATE_BYTES_MAX: usize = 1 << 30;
/// What a persistent session asks for in 5.0: it has to last longer than the run.
const SESSION_EXPIRY_SECS: u32 = 86_400;
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

    fn handle_connack(
        &mut self,
        client: usize,
        connack: &ConnAck<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if connack.reason.is_error() {
            return Err(Error::Refused { client: self.name(client), reason: connack.reason });
        }
        let stream = client.checked_sub(self.subscribers);
        if let Some(stream) = stream.filter(|_| self.settings.version.is_v5()) {
            let receive_maximum = connack.receive_maximum.unwrap_or(u16::MAX);
            self.publishers[stream].window.limit_unanswered(receive_maximum);
        }
        let filters = &self.clients[client].filters;
        if !self.manner.subscribe || filters.is_empty() || connack.session_present {
            self.handle_ready(client, out);
            return Ok(());
        }
        wire::put_subscribe(filters, self.settings.qos, self.settings.version, out);
        self.clients[client].stage = Stage::Subscribing;
        Ok(())
    }

    fn handle_ready(&mut self, client: usize, out: &mut Vec<u8>) {
        let took = self.now_nanos.saturating_sub(self.clients[client].opened_nanos);
        self.handshakes.saturating_record(took);
        self.ready += 1;
        self.clients[client].stage = Stage::Ready;
        if self.manner.leave {
            self.leave(client, out);
        }
    }

    fn handle_other(
        &mut self,
        client: usize,
        packet: &Packet<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.progress += 1;
        match packet {
            Packet::ConnAck(connack) => self.handle_connack(client, connack, out)?,
            Packet::SubAck(suback) => {
                if let Some(&reason) = suback.reasons.iter().find(|reason| reason.is_error()) {
                    return Err(Error::Subscription { client: self.name(client), reason });
                }
                self.handle_ready(client, out);
            }
            Packet::PingResp => self.pongs += 1,
            Packet::Disconnect(disconnect) if self.clients[client].stage != Stage::Leaving => {
                let reason: ReasonCode = disconnect.reason;
                return Err(Error::Disconnected { client: self.name(client), reason });
            }
            _ => {}
        }
        Ok(())
    }

    fn handle_publish(&mut self, client: usize, payload: &[u8]) {
        let Some(stamp) = Stamp::read(payload) else {
            self.tally.counts.foreign += 1;
            return;
        };
        self.progress += 1;
        if self.tally.deliver(client, stamp, self.now_nanos) {
            let stream = stamp.stream as usize;
            self.publishers[stream].window.handle_delivery(stamp.number);
            self.list(stream);
        }
    }

    fn handle_answer(&mut self, client: usize, id: crate::types::PacketId, refused: bool) {
        let Some(stream) = client.checked_sub(self.subscribers) else { return };
        self.progress += 1;
        let voided = self.publishers[stream].window.handle_answer(id, refused);
        self.tally.counts.refused += u64::from(refused);
        self.tally.counts.expected -= u64::from(voided);
        self.list(stream);
    }
}

impl Publisher {
    fn new(topics: &[Topic], settings: &Settings, retain: bool) -> Self {
        let Settings { qos, payload_len, version, .. } = *settings;
        let template =
            |topic: &Topic| Template::new(&topic.name, qos, retain, payload_len, version);
        Self {
            topics: topics.iter().map(|topic| (template(topic), topic.copies)).collect(),
            topic: 0,
            window: Window::new(settings.in_flight),
            left: 0,
            awaits_copies: true,
            listed: false,
        }
    }

    /// Its messages from now on go to `topics`, with nothing in them.
    pub fn publish_nothing(&mut self, topics: &[Topic], settings: &Settings) {
        let empty = Settings { payload_len: 0, ..settings.clone() };
        self.topics = Self::new(topics, &empty, true).topics;
        self.topic = 0;
    }

    /// Its socket takes nothing now.
    pub fn unlist(&mut self) {
        self.listed = false;
    }

    fn may_send(&self) -> bool {
        self.left > 0 && self.window.room() > 0
    }

    /// Appends the next message and returns how many copies of it are to arrive.
    fn put(&mut self, stamp: Stamp, qos: QoS, out: &mut Vec<u8>) -> u64 {
        let (template, copies) = &self.topics[self.topic];
        let id = self.window.send(*copies, self.awaits_copies, qos);
        template.put(id, stamp, out);
        self.left -= 1;
        self.topic = (self.topic + 1) % self.topics.len();
        (*copies).into()
    }
}

impl Handler for State {
    type Error = Error;

    fn handle_open(&mut self, client: usize, output: &mut Vec<u8>) {
        let name = self.name(client);
        let Settings { version, persistent, username, password, .. } = &self.settings;
        let hello = Hello {
            version: *version,
            client_id: &name,
            clean_start: self.manner.clean_start,
            session_expiry_secs: persistent
                .then_some(SESSION_EXPIRY_SECS)
                .filter(|_| !self.manner.clean_start),
            username: username.as_deref(),
            password: password.as_deref(),
        };
        wire::put_connect(hello, output);
    }

    fn handle_writable(&mut self, client: usize) {
        if let Some(stream) = client.checked_sub(self.subscribers) {
            self.list(stream);
        }
    }

    fn handle_read(&mut self) {
        self.now_nanos = self.clock.nanos();
    }

    fn handle_frame(
        &mut self,
        client: usize,
        frame: Frame<'_>,
        output: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let incoming = wire::read(frame, self.settings.version)
            .map_err(|cause| Error::Packet { client: self.name(client), cause })?;
        match incoming {
            Incoming::Publish { qos, id, payload } => {
                self.handle_publish(client, payload);
                let first = if qos == QoS::ExactlyOnce { wire::PUBREC } else { wire::PUBACK };
                if let Some(id) = id {
                    wire::put_answer(first, id, output);
                }
            }
            Incoming::PubRel { id } => wire::put_answer(wire::PUBCOMP, id, output),
            Incoming::PubRec { id, refused: false } => {
                wire::put_answer(wire::PUBREL, id, output);
            }
            Incoming::PubAck { id, refused } | Incoming::PubRec { id, refused } => {
                self.handle_answer(client, id, refused);
            }
            Incoming::PubComp { id } => self.handle_answer(client, id, false),
            Incoming::Other(packet) => self.handle_other(client, &packet, output)?,
        }
        Ok(())
    }

    fn handle_end(&mut self, client: usize, end: End) -> Result<(), Error> {
        let stage = std::mem::replace(&mut self.clients[client].stage, Stage::Away);
        if stage == Stage::Leaving {
            self.progress += 1;
            self.gone.push(client);
            return Ok(());
        }
        let limit = self.settings.packet_bytes_max();
        Err(error(self.name(client), stage, end, limit))
    }
}

fn error(client: String, stage: Stage, end: End, limit: usize) -> Error {
    let during = match stage {
        Stage::Connecting => "before CONNACK",
        Stage::Subscribing => "before SUBACK",
        _ => "in the middle of the run",
    };
    match end {
        End::NotConnected(cause) => Error::Connect { client, cause },
        End::Lost(cause) if cause.kind() == io::ErrorKind::ConnectionReset => {
            Error::Closed { client, during }
        }
        End::Lost(cause) => Error::Lost { client, cause },
        End::Closed => Error::Closed { client, during },
        End::Malformed(cause) => Error::Packet { client, cause },
        End::PacketTooLarge => Error::PacketTooLarge { client, limit },
    }
}
