mod publishing;
mod receiving;
mod subscribing;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use fulmar::codec::{ConnAck, Connect, LastWill, Packet};
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode};

use crate::kill::Kind;
use crate::ledger::{Ledger, NEVER, Violation};
use crate::link::{Link, decoded};
use crate::rng::Rng;
use publishing::Unfinished;
pub use subscribing::Standing;
use subscribing::Wanted;

/// As a message with the number 1 has it.
const WILL_PAYLOAD: &[u8] = b"1:.";

/// A client whose side of every exchange survives the broker, and its own connection.
pub struct Client {
    pub name: String,
    pub habits: Habits,
    /// The session is there: a CONNACK came.
    known: bool,
    outgoing: Vec<Unfinished>,
    /// QoS 2 messages that have not been released (section 4.3.3, method A), with topic and number.
    incoming: BTreeMap<PacketId, (String, u64)>,
    wanted: Vec<Wanted>,
    link: Option<Link>,
    /// The link that the present one takes the session over from, until that is accepted.
    taken_over: Option<Link>,
}

/// What a client is there for.
#[derive(Clone)]
pub struct Habits {
    pub protocol: Protocol,
    pub publishes: bool,
    /// Under which name the ledger has what it receives, if anybody counts that.
    pub account: Option<String>,
    /// Takes further subscriptions as it goes, and gives them up.
    pub collects: bool,
    pub session: Lasting,
    pub will: Option<WillPlan>,
    /// In how many of a thousand cycles it is there.
    pub presence: u64,
    /// The disk may be full, so that the broker has no room for a message.
    pub may_be_refused: bool,
}

/// What becomes of a session while its client is away.
#[derive(Clone, Copy, PartialEq)]
pub enum Lasting {
    /// It is not there any more: Clean Start.
    Not,
    /// It is there whenever the client comes back. In seconds, on 5.0 only.
    Seconds(u32),
    /// So short, in seconds, that it is over before the client comes back.
    Briefly(u32),
}

/// The will of a client that speaks 5.0.
#[derive(Clone)]
pub struct WillPlan {
    pub topic: String,
    pub qos: QoS,
    pub retain: bool,
    pub delay_secs: u32,
}

/// What became of a client's turn.
pub enum Turn {
    Packet(Kind),
    Idle,
    /// The broker has gone, or has closed the connection.
    Closed,
}

impl Client {
    pub fn new(name: impl Into<String>, habits: Habits) -> Self {
        Self {
            name: name.into(),
            habits,
            known: false,
            outgoing: Vec::new(),
            incoming: BTreeMap::new(),
            wanted: Vec::new(),
            link: None,
            taken_over: None,
        }
    }

    /// Connects; where it is connected already, the new connection takes over.
    pub fn connect(&mut self, address: SocketAddr, receive_maximum: u16, ledger: &mut Ledger) {
        let mut link = Link::open(address, self.habits.protocol);
        link.write(&self.connect_packet(receive_maximum));
        link.flush();
        self.begin(link, ledger);
        ledger.note(format_args!("{} > CONNECT, receive maximum {receive_maximum}", self.name));
    }

    /// CONNECT is on its way over `link`.
    pub fn begin(&mut self, link: Link, ledger: &mut Ledger) {
        if let Some(will) = self.will() {
            ledger.will_sent(&will.topic, will.qos, will.retain);
        }
        // Its socket stays open until the other one is accepted, or there would be nothing to take.
        self.taken_over = self.link.replace(link);
    }

    fn connect_packet(&self, receive_maximum: u16) -> Packet<'_> {
        let v5 = self.habits.protocol.is_v5();
        let mut connect = Connect::new(self.habits.protocol, &self.name);
        connect.clean_start = self.habits.session == Lasting::Not;
        connect.will = self.habits.will.as_ref().map(|will| LastWill {
            qos: will.qos,
            retain: will.retain,
            topic: &will.topic,
            payload: WILL_PAYLOAD,
            delay_secs: Some(will.delay_secs),
            message_expiry_secs: None,
            passed_on: Cow::Borrowed(&[]),
        });
        if let (Lasting::Seconds(secs) | Lasting::Briefly(secs), true) = (self.habits.session, v5) {
            connect.session_expiry_secs = Some(secs);
        }
        connect.receive_maximum = v5.then_some(receive_maximum);
        Packet::Connect(Box::new(connect))
    }

    /// A will that is to be published at some time.
    fn will(&self) -> Option<&WillPlan> {
        self.habits.will.as_ref().filter(|will| will.topic != NEVER)
    }

    /// What of it survives its connection.
    pub fn without_link(&self) -> Self {
        Self {
            name: self.name.clone(),
            habits: self.habits.clone(),
            known: self.known,
            outgoing: self.outgoing.clone(),
            incoming: self.incoming.clone(),
            wanted: self.wanted.clone(),
            link: None,
            taken_over: None,
        }
    }

    /// Goes without a word.
    pub fn hang_up(&mut self) {
        self.link = None;
        self.taken_over = None;
    }

    /// Whether it has a connection, accepted or not.
    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    pub fn is_accepted(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.accepted)
    }

    /// Whether a CONNACK ever came.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Whether nothing is owed to it or by it, as far as it knows.
    pub fn is_done(&self) -> bool {
        let asks = self.link.as_ref().is_none_or(|link| link.asked.is_some());
        self.is_accepted()
            && self.outgoing.is_empty()
            && self.incoming.is_empty()
            && !asks
            && self.wanted.iter().all(Wanted::is_settled)
    }

    /// What it waits for, for people.
    pub fn state(&self) -> String {
        let unfinished: Vec<String> = self.outgoing.iter().map(Unfinished::to_string).collect();
        let accepted = self.is_accepted();
        let incoming = &self.incoming;
        format!("{}: accepted {accepted}, out {unfinished:?}, in {incoming:?}", self.name)
    }

    /// Handles the next packet that has come.
    pub fn turn(&mut self, ledger: &mut Ledger) -> Turn {
        let Some(link) = &mut self.link else { return Turn::Idle };
        let mut bytes = link.next_packet();
        while bytes.is_none() {
            match link.fill() {
                None => return Turn::Closed,
                Some(0) => return Turn::Idle,
                Some(_) => bytes = link.next_packet(),
            }
        }
        let bytes = bytes.expect("just found");
        self.handle(decoded(&bytes, self.habits.protocol), ledger)
    }

    /// A packet that the broker has sent.
    pub fn handle(&mut self, packet: Packet<'_>, ledger: &mut Ledger) -> Turn {
        Turn::Packet(match packet {
            Packet::ConnAck(connack) => {
                self.connected(&connack, ledger);
                Kind::ConnAck
            }
            Packet::PubAck(done) => {
                self.finish(&done, false, ledger);
                Kind::PubAck
            }
            Packet::PubRec(received) => {
                self.release(&received, ledger);
                Kind::PubRec
            }
            Packet::PubComp(done) => {
                self.finish(&done, true, ledger);
                Kind::PubComp
            }
            Packet::Publish(publish) => {
                self.receive(&publish, ledger);
                Kind::Publish
            }
            Packet::PubRel(release) => {
                self.deliver(release.packet_id, ledger);
                Kind::PubRel
            }
            Packet::SubAck(suback) => {
                self.answered(suback.packet_id, &suback.reasons, ledger);
                Kind::SubAck
            }
            Packet::UnsubAck(unsuback) => {
                self.answered(unsuback.packet_id, &[], ledger);
                Kind::UnsubAck
            }
            other => {
                ledger.violation(Violation::ProtocolBroken, format!("{} < {other:?}", self.name));
                return Turn::Closed;
            }
        })
    }

    fn connected(&mut self, connack: &ConnAck<'_>, ledger: &mut Ledger) {
        let ConnAck { reason, session_present, .. } = connack;
        ledger.note(format_args!("{} < CONNACK, session {session_present}", self.name));
        if *reason != ReasonCode::Success {
            ledger.violation(Violation::ProtocolBroken, format!("{} < {reason:?}", self.name));
            return;
        }
        match self.habits.session {
            Lasting::Seconds(_) if self.known && !session_present => {
                ledger.violation(Violation::SessionLost, &self.name);
            }
            Lasting::Briefly(_) if self.known && *session_present => {
                ledger.violation(Violation::SessionBack, &self.name);
            }
            _ => {}
        }
        self.known = true;
        self.taken_over = None;
        self.link().accepted = true;
        if let Some(will) = self.will() {
            ledger.will_accepted(&will.topic);
        }
        self.resume(ledger);
    }

    /// A small step of what it does of its own: publishing, acknowledging, subscribing.
    pub fn act(&mut self, rng: &mut Rng, ledger: &mut Ledger) {
        if !self.is_accepted() {
            return;
        }
        if self.habits.publishes && rng.chance(500) {
            self.publish(rng, ledger);
        }
        if self.habits.collects && rng.chance(60) {
            self.collect(rng, ledger);
        }
        // Late now and then, so that a crash finds exchanges in every state.
        self.settle(rng.chance(300), ledger);
    }

    /// Does what it owes, and asks for what it still wants.
    pub fn settle(&mut self, answer: bool, ledger: &mut Ledger) {
        if !self.is_accepted() {
            return;
        }
        self.ask(ledger);
        let link = self.link();
        if answer {
            link.answer();
        }
        link.flush();
    }

    fn link(&mut self) -> &mut Link {
        self.link.as_mut().expect("connected")
    }
}
