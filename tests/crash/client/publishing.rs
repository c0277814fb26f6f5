use std::fmt;

use fulmar::codec::{Ack, Packet, Publish, PublishProperties};
use fulmar::types::{PacketId, QoS, ReasonCode};

use super::Client;
use crate::common::{ack, packet_id};
use crate::ledger::{Ledger, Violation, payload};
use crate::link::Link;
use crate::rng::Rng;

/// Unfinished messages of one client: what the broker's Receive Maximum allows.
const OUTGOING_MAX: usize = 20;

/// A PUBLISH on its way to the broker.
#[derive(Clone)]
pub struct Unfinished {
    id: PacketId,
    topic: String,
    number: u64,
    qos: QoS,
    /// PUBREC came.
    released: bool,
    /// The broker had no room for it.
    refused: bool,
}

impl Client {
    pub(super) fn publish(&mut self, rng: &mut Rng, ledger: &mut Ledger) {
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
        let id = self.free_id();
        let number = self.begin_publish(id, topic, qos, ledger);
        ledger.note(format_args!("{} > PUBLISH {id} {topic} {number}", self.name));
        let link = self.link.as_mut().expect("connected");
        self.outgoing.last().expect("just begun").write(false, link);
    }

    /// Begins an exchange with the next message of `topic`; returns its number.
    pub fn begin_publish(
        &mut self,
        id: PacketId,
        topic: &str,
        qos: QoS,
        ledger: &mut Ledger,
    ) -> u64 {
        let number = ledger.next(topic, qos);
        let topic = topic.to_owned();
        self.outgoing.push(Unfinished { id, topic, number, qos, released: false, refused: false });
        number
    }

    /// Whether this PUBLISH has begun and is not finished.
    pub fn is_publishing(&self, id: PacketId) -> bool {
        self.outgoing.iter().any(|out| out.id == id)
    }

    /// The lowest that is free: an id is used again at once, which shows an exchange that the broker
    /// takes for unfinished.
    pub(super) fn free_id(&self) -> PacketId {
        let asked = self.link.as_ref().and_then(|link| link.asked).map(|(id, _)| id);
        let used = |id: &PacketId| asked == Some(*id) || self.is_publishing(*id);
        (1..).map(packet_id).find(|id| !used(id)).expect("few are in use")
    }

    /// Whether the broker had no room for what it publishes.
    pub fn is_refused(&self) -> bool {
        self.outgoing.iter().any(|out| out.refused)
    }

    /// Publishes anew what was refused.
    pub fn retry(&mut self, ledger: &mut Ledger) {
        let link = self.link.as_mut().expect("connected");
        for out in self.outgoing.iter_mut().filter(|out| out.refused) {
            ledger.note(format_args!("{} > once more {out}", self.name));
            out.refused = false;
            out.write(false, link);
        }
        link.flush();
    }

    /// An answer to this PUBLISH: whether it was that there is no room. The exchange is over then.
    fn take_refusal(&mut self, answer: &Ack<'_>) -> bool {
        let found = self.outgoing.iter_mut().find(|out| out.id == answer.packet_id);
        let refused = self.habits.may_be_refused && answer.reason == ReasonCode::QuotaExceeded;
        match found.filter(|out| refused && !out.released) {
            Some(out) => {
                out.refused = true;
                true
            }
            None => false,
        }
    }

    /// Sends again what the last connection left unfinished, in order (`[MQTT-4.4.0-1]`).
    pub(super) fn resume(&mut self, ledger: &mut Ledger) {
        let link = self.link.as_mut().expect("connected");
        for out in &mut self.outgoing {
            ledger.note(format_args!("{} > again {out}", self.name));
            out.refused = false;
            match out.released {
                true => link.write(&Packet::PubRel(ack(out.id))),
                false => out.write(true, link),
            }
        }
        link.flush();
    }

    pub(super) fn release(&mut self, received: &Ack<'_>, ledger: &mut Ledger) {
        let id = received.packet_id;
        ledger.note(format_args!("{} < PUBREC {id} {:?}", self.name, received.reason));
        if self.take_refusal(received) {
            return;
        }
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
    pub(super) fn finish(&mut self, done: &Ack<'_>, released: bool, ledger: &mut Ledger) {
        if self.take_refusal(done) {
            return ledger.note(format_args!("{} < no room for {}", self.name, done.packet_id));
        }
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
            payload: &payload(&self.topic, self.number),
        }));
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, topic, number, released, .. } = self;
        write!(f, "{} {id} {topic} {number}", if *released { "PUBREL" } else { "PUBLISH" })
    }
}
