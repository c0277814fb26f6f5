use fulmar::codec::{Packet, Publish};
use fulmar::types::{PacketId, QoS};

use super::Client;
use crate::common::ack;
use crate::ledger::{Ledger, Violation, number_in};

impl Client {
    pub(super) fn receive(&mut self, publish: &Publish<'_>, ledger: &mut Ledger) {
        let Publish { topic, packet_id, dup, qos, retain, .. } = publish;
        // One that clears its topic may come as late as that to whoever is shown what is retained.
        if publish.payload.is_empty() && topic.starts_with("r/") && !retain {
            return ledger.note(format_args!("{} < {topic} is cleared", self.name));
        }
        let Some(number) = number_in(topic, publish.payload) else {
            let case = format!("{} < {topic}: a damaged payload", self.name);
            return ledger.violation(Violation::ProtocolBroken, case);
        };
        let id = packet_id.map_or(0, PacketId::get);
        ledger.note(format_args!("{} < PUBLISH {id} {topic} {number} dup {dup}", self.name));
        match (qos, packet_id) {
            (QoS::ExactlyOnce, Some(id)) => self.store(*id, publish, number, ledger),
            (QoS::AtLeastOnce, Some(id)) => {
                self.account(topic, number, ledger);
                self.link().reply(&Packet::PubAck(ack(*id)));
            }
            _ if *retain => ledger.shown(topic, number),
            _ => self.account(topic, number, ledger),
        }
    }

    fn account(&self, topic: &str, number: u64, ledger: &mut Ledger) {
        if let Some(account) = &self.habits.account {
            ledger.delivered(account, topic, number);
        }
    }

    /// Stores the message until it is released. One that is stored already must be the same, and be
    /// marked as sent again (`[MQTT-3.3.1-1]`).
    fn store(&mut self, id: PacketId, publish: &Publish<'_>, number: u64, ledger: &mut Ledger) {
        let message = (publish.topic.to_owned(), number);
        if let Some(stored) = self.incoming.get(&id) {
            let same = *stored == message;
            if !same || !publish.dup {
                let dup = publish.dup;
                let case = format!("{} < {id} {message:?} dup {dup} on {stored:?}", self.name);
                ledger.violation(Violation::ProtocolBroken, case);
            }
        }
        self.incoming.entry(id).or_insert(message);
        self.link().reply(&Packet::PubRec(ack(id)));
    }

    /// PUBREL: the message goes to the application, once.
    pub(super) fn deliver(&mut self, id: PacketId, ledger: &mut Ledger) {
        ledger.note(format_args!("{} < PUBREL {id}", self.name));
        if let Some((topic, number)) = self.incoming.remove(&id) {
            self.account(&topic, number, ledger);
        }
        self.link().reply(&Packet::PubComp(ack(id)));
    }
}
