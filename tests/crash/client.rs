mod receiving;
mod subscribing;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use fulmar::codec::{Ack, ConnAck, Connect, LastWill, Packet, Publish, PublishProperties};
use fulmar::request::EXPIRY_NEVER;
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode};

use crate::common::{ack, packet_id};
use crate::kill::Kind;
use crate::ledger::{Ledger, NEVER, Violation, payload};
use crate::link::{Link, decoded};
use crate::rng::Rng;
pub use subscribing::Standing;
use subscribing::Wanted;

/// Unfinished messages of one client: what the broker's Receive Maximum allows.
const OUTGOING_MAX: usize = 20;

/// As a message with the number 1 has it.
const WILL_PAYLOAD: &[u8] = b"1:.";

/// A client whose side of every exchange survives the broker, and its own connection.
pub struct Client {
    pub name: String,
    habits: Habits,
    /// The session is there: a CONNACK came.
    known: bool,
    outgoing: Vec<Unfinished>,
    /// QoS 2 messages that have not been released (section 4.3.3, method A), with topic and number.
    incoming: BTreeMap<PacketId, (String, u64)>,
    wanted: Vec<Wanted>,
    link: Option<Link>,
}

/// What a client is there for.
#[derive(Clone)]
pub struct Habits {
    pub protocol: Protocol,
    pub publishes: bool,
    /// Begins anew each time, and so has nothing that could be lost.
    pub clean: bool,
    /// 5.0 only: a will with its topic and its delay in seconds.
    pub will: Option<(String, u32)>,
    /// Takes further subscriptions as it goes, and gives them up.
    pub collects: bool,
}

/// A PUBLISH on its way to the broker.
struct Unfinished {
    id: PacketId,
    topic: String,
    number: u64,
    qos: QoS,
    /// PUBREC came.
    released: bool,
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
        }
    }

    pub fn connect(&mut self, address: SocketAddr, receive_maximum: u16, ledger: &mut Ledger) {
        let mut link = Link::open(address, self.habits.protocol);
        if let Some((topic, _)) = self.habits.will.as_ref().filter(|(topic, _)| topic != NEVER) {
            ledger.will_sent(topic);
        }
        link.write(&self.connect_packet(receive_maximum));
        link.flush();
        self.link = Some(link);
        ledger.note(format_args!("{} > CONNECT, receive maximum {receive_maximum}", self.name));
    }

    fn connect_packet(&self, receive_maximum: u16) -> Packet<'_> {
        let v5 = self.habits.protocol.is_v5();
        let will = self.habits.will.as_ref().map(|(topic, delay_secs)| LastWill {
            qos: QoS::ExactlyOnce,
            retain: false,
            topic,
            payload: WILL_PAYLOAD,
            delay_secs: Some(*delay_secs),
            message_expiry_secs: None,
            passed_on: Cow::Borrowed(&[]),
        });
        Packet::Connect(Box::new(Connect {
            protocol: self.habits.protocol,
            client_id: &self.name,
            clean_start: self.habits.clean,
            keep_alive_secs: 0,
            session_expiry_secs: (v5 && !self.habits.clean).then_some(EXPIRY_NEVER),
            receive_maximum: v5.then_some(receive_maximum),
            maximum_packet_size: None,
            topic_alias_maximum: None,
            request_response_information: None,
            request_problem_information: None,
            authentication_method: None,
            authentication_data: None,
            user_properties: Vec::new(),
            will,
            username: None,
            password: None,
        }))
    }

    /// Goes without a word.
    pub fn hang_up(&mut self) {
        self.link = None;
    }

    pub fn is_accepted(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.accepted)
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
        let unfinished: Vec<_> = self
            .outgoing
            .iter()
            .map(|out| (out.id, &out.topic, out.number, out.released))
            .collect();
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

    fn handle(&mut self, packet: Packet<'_>, ledger: &mut Ledger) -> Turn {
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
        if self.known && !self.habits.clean && !session_present {
            ledger.violation(Violation::SessionLost, &self.name);
        }
        self.known = true;
        self.link().accepted = true;
        if let Some((topic, _)) = self.habits.will.as_ref().filter(|(topic, _)| topic != NEVER) {
            ledger.will_accepted(topic);
        }
        self.resume(ledger);
    }

    /// Sends again what the last connection left unfinished, in order (`[MQTT-4.4.0-1]`).
    fn resume(&mut self, ledger: &mut Ledger) {
        let link = self.link.as_mut().expect("connected");
        for out in &self.outgoing {
            let Unfinished { id, topic, number, released, .. } = out;
            let what = if *released { "PUBREL" } else { "PUBLISH again" };
            ledger.note(format_args!("{} > {what} {id} {topic} {number}", self.name));
            match released {
                true => link.write(&Packet::PubRel(ack(*id))),
                false => out.write(true, link),
            }
        }
        link.flush();
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

    fn publish(&mut self, rng: &mut Rng, ledger: &mut Ledger) {
        let qos = rng.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce]);
        let kind = if rng.chance(150) { "r" } else { "m" };
        if self.has_room() {
            self.publish_to(&format!("{kind}/{}/{}", self.name, qos as u8), qos, ledger);
        }
    }

    pub fn has_room(&self) -> bool {
        self.outgoing.len() < OUTGOING_MAX
    }

    /// The next message of `topic`.
    pub fn publish_to(&mut self, topic: &str, qos: QoS, ledger: &mut Ledger) {
        let number = ledger.next(topic, qos);
        let id = self.free_id();
        let out = Unfinished { id, topic: topic.to_owned(), number, qos, released: false };
        ledger.note(format_args!("{} > PUBLISH {id} {topic} {number}", self.name));
        out.write(false, self.link());
        self.outgoing.push(out);
    }

    /// The lowest that is free: an id is used again at once, which shows an exchange that the broker
    /// takes for unfinished.
    fn free_id(&self) -> PacketId {
        let asked = self.link.as_ref().and_then(|link| link.asked).map(|(id, _)| id);
        let used =
            |id: &PacketId| asked == Some(*id) || self.outgoing.iter().any(|out| out.id == *id);
        (1..).map(packet_id).find(|id| !used(id)).expect("few are in use")
    }

    fn release(&mut self, received: &Ack<'_>, ledger: &mut Ledger) {
        let id = received.packet_id;
        ledger.note(format_args!("{} < PUBREC {id}", self.name));
        let found = self.outgoing.iter_mut().find(|out| out.id == id && out.is_due(false, true));
        let (Some(out), false) = (found, received.reason.is_error()) else {
            let case = format!("{} < PUBREC {id} {:?}", self.name, received.reason);
            return ledger.violation(Violation::ProtocolBroken, case);
        };
        out.released = true;
        ledger.accepted(&out.topic, out.number);
        self.link().reply(&Packet::PubRel(ack(id)));
    }

    /// PUBACK, or PUBCOMP where the message was `released`. A PUBCOMP may say that the id is not
    /// known: the broker may have finished before the crash.
    fn finish(&mut self, done: &Ack<'_>, released: bool, ledger: &mut Ledger) {
        let (name, id) = (&self.name, done.packet_id);
        ledger.note(format_args!("{name} < {} {id}", if released { "PUBCOMP" } else { "PUBACK" }));
        let due = |out: &Unfinished| out.id == id && out.is_due(released, released);
        let found = self.outgoing.iter().position(due);
        let (Some(at), true) = (found, released || !done.reason.is_error()) else {
            let case = format!("{name} < answer of another step: {id} {:?}", done.reason);
            return ledger.violation(Violation::ProtocolBroken, case);
        };
        let out = self.outgoing.remove(at);
        ledger.accepted(&out.topic, out.number);
    }

    fn link(&mut self) -> &mut Link {
        self.link.as_mut().expect("connected")
    }
}

impl Unfinished {
    fn is_due(&self, released: bool, exactly_once: bool) -> bool {
        self.released == released && (self.qos == QoS::ExactlyOnce) == exactly_once
    }

    fn write(&self, dup: bool, link: &mut Link) {
        link.write(&Packet::Publish(Publish {
            dup,
            qos: self.qos,
            retain: self.topic.starts_with("r/"),
            topic: &self.topic,
            packet_id: Some(self.id),
            properties: PublishProperties::default(),
            payload: &payload(self.number),
        }));
    }
}
