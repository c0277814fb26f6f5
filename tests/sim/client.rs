mod writing;

use std::collections::{BTreeMap, VecDeque};

use fulmar::codec::{Ack, ConnAck, Packet, Publish};
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode, Timestamp};

use crate::common::{LinkId, ack};
use crate::ledger::{Ledger, Seen, Sent};
use crate::packets::{Key, decoded, encoded, next_packet};
use crate::plan::Habits;
use crate::storage::Storage;

/// A client by the book: it acknowledges what it has stored, resends what it must, and knows a
/// repeated QoS 2 PUBLISH by its packet id alone (section 4.3.3, method B).
pub struct Client {
    pub index: usize,
    pub name: String,
    pub habits: Habits,
    pub storage: Storage,
    /// The connection that it works with.
    pub session: Option<Online>,
}

/// What a crash takes away.
pub struct Online {
    pub link: LinkId,
    /// Written and on its way.
    pub written: Vec<u8>,
    read: Vec<u8>,
    pub bytes_read: usize,
    pub accepted: bool,
    /// The server said goodbye.
    pub dismissed: bool,
    /// Acknowledgements decided on and not yet written, in order.
    pub replies: VecDeque<Vec<u8>>,
    window: usize,
    pending: BTreeMap<PacketId, Vec<Asked>>,
    aliases_in: BTreeMap<u16, String>,
    aliases_out: Vec<String>,
    alias_maximum: u16,
    expiry_secs: u32,
    keep_alive_secs: u16,
    last_written: Timestamp,
}

/// One filter of a SUBSCRIBE that has not been answered.
struct Asked {
    filter: String,
    qos: QoS,
    /// For the ledger.
    at: u64,
}

/// How a client connects.
pub struct Opening {
    pub starting_over: bool,
    pub expiry_secs: u32,
    pub keep_alive_secs: u16,
    pub receive_maximum: u16,
    pub will: Option<(Key, Sent, u32)>,
}

impl Opening {
    /// A session that begins and ends with the connection.
    pub fn without_a_past() -> Self {
        Self {
            starting_over: true,
            expiry_secs: 0,
            keep_alive_secs: 0,
            receive_maximum: u16::MAX,
            will: None,
        }
    }
}

impl Client {
    pub fn new(index: usize, habits: Habits) -> Self {
        let name = format!("c{index}");
        // Of a hasty client a crash may take back more, so that ids which come again show more.
        let storage = Storage::new(if habits.hasty { 12 } else { 40 });
        Self { index, name, habits, storage, session: None }
    }

    /// Takes in what the link brought. Messages are passed on to the application, the ledger.
    pub fn read(&mut self, bytes: &[u8], ledger: &mut Ledger, now: Timestamp) -> Vec<Key> {
        let mut passed_on = Vec::new();
        let Some(online) = self.session.as_mut() else { return passed_on };
        online.read.extend_from_slice(bytes);
        online.bytes_read += bytes.len();
        while let Some(bytes) = self.session.as_mut().and_then(|on| next_packet(&mut on.read)) {
            let packet = decoded(&bytes, self.habits.protocol);
            passed_on.extend(self.handle(packet, ledger, now));
        }
        passed_on
    }

    fn handle(&mut self, packet: Packet<'_>, ledger: &mut Ledger, now: Timestamp) -> Option<Key> {
        let online = self.session.as_mut().expect("reading");
        match packet {
            Packet::ConnAck(connack) => self.connected(&connack, ledger, now),
            Packet::Publish(publish) => return self.receive(&publish, ledger),
            Packet::PubAck(done) => self.finish(done.packet_id, done.reason, false, ledger),
            Packet::PubRec(done) if done.reason.is_error() => {
                self.finish(done.packet_id, done.reason, false, ledger);
            }
            Packet::PubRec(received) => self.release(received.packet_id, ledger),
            Packet::PubComp(done) => {
                self.finish(done.packet_id, ReasonCode::Success, true, ledger);
            }
            Packet::PubRel(release) => {
                self.storage.incoming.remove(&release.packet_id);
                self.reply(Packet::PubComp, release.packet_id);
            }
            Packet::SubAck(suback) => {
                let asked = online.pending.remove(&suback.packet_id).expect("asked before");
                for (Asked { filter, qos, at }, reason) in asked.iter().zip(&suback.reasons) {
                    assert_eq!(*reason, ReasonCode::granted(*qos), "for {filter}");
                    ledger.subscribed(self.index, filter, *at);
                }
            }
            Packet::UnsubAck(unsuback) => {
                online.pending.remove(&unsuback.packet_id).expect("asked before");
            }
            Packet::PingResp => {}
            Packet::Disconnect(_) => online.dismissed = true,
            other => panic!("the server sent {other:?}"),
        }
        None
    }

    fn connected(&mut self, connack: &ConnAck<'_>, ledger: &mut Ledger, now: Timestamp) {
        let online = self.session.as_mut().expect("reading");
        online.dismissed = connack.reason != ReasonCode::Success;
        if online.dismissed {
            return;
        }
        online.accepted = true;
        self.storage.unanswered = false;
        online.window = connack.receive_maximum.map_or(usize::from(u16::MAX), usize::from);
        online.alias_maximum = connack.topic_alias_maximum.unwrap_or(0);
        online.expiry_secs = connack.session_expiry_secs.unwrap_or(online.expiry_secs);
        online.keep_alive_secs = connack.server_keep_alive_secs.unwrap_or(online.keep_alive_secs);
        // 3.1 has no Session Present: the client must know itself what it left behind.
        let present = match self.habits.protocol {
            Protocol::V31 => self.storage.kept,
            _ => connack.session_present,
        };
        self.storage.kept = !self.storage.starting_over;
        if present {
            return self.resume(ledger, now);
        }
        self.storage.starting_over = false;
        self.storage.forget();
        ledger.session_over(self.index);
    }

    /// Sends again what the last connection left unfinished, in order (`[MQTT-4.4.0-1]`).
    fn resume(&mut self, ledger: &mut Ledger, now: Timestamp) {
        let unfinished: Vec<_> =
            self.storage.outgoing.iter().map(|out| (out.id, out.key, out.released)).collect();
        for (id, key, released) in unfinished {
            match released {
                true => self.write(&Packet::PubRel(ack(id)), now),
                false => self.send(key, Some(id), true, ledger, now),
            }
        }
    }

    fn receive(&mut self, publish: &Publish<'_>, ledger: &mut Ledger) -> Option<Key> {
        let topic = self.topic_of(publish);
        let key = Key::of(publish.payload);
        if let (Some(id), QoS::ExactlyOnce) = (publish.packet_id, publish.qos) {
            self.reply(Packet::PubRec, id);
            if !self.storage.incoming.insert(id) {
                return None;
            }
        }
        let seen = Seen {
            key,
            topic: &topic,
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            payload_len: publish.payload.len(),
        };
        ledger.seen(self.index, seen);
        if let (Some(id), QoS::AtLeastOnce) = (publish.packet_id, publish.qos) {
            self.reply(Packet::PubAck, id);
        }
        Some(key)
    }

    fn topic_of(&mut self, publish: &Publish<'_>) -> String {
        let aliases = &mut self.session.as_mut().expect("reading").aliases_in;
        match publish.properties.topic_alias {
            Some(alias) if publish.topic.is_empty() => aliases[&alias].clone(),
            Some(alias) => {
                aliases.insert(alias, publish.topic.to_owned());
                publish.topic.to_owned()
            }
            None => publish.topic.to_owned(),
        }
    }

    fn release(&mut self, id: PacketId, ledger: &mut Ledger) {
        let (_, unfinished) = self.storage.find(id).expect("PUBREC answers a PUBLISH");
        unfinished.released = true;
        ledger.accepted(unfinished.key);
        self.reply(Packet::PubRel, id);
    }

    fn finish(&mut self, id: PacketId, reason: ReasonCode, released: bool, ledger: &mut Ledger) {
        let (at, unfinished) = self.storage.find(id).expect("the answer to a message under way");
        assert_eq!(unfinished.released, released, "an answer of another step: packet id {id}");
        if !reason.is_error() {
            ledger.accepted(unfinished.key);
        }
        self.storage.outgoing.remove(at);
    }

    /// Whether there is a connection to do something with.
    pub fn is_online(&self) -> bool {
        self.session.as_ref().is_some_and(|online| online.accepted && !online.dismissed)
    }

    /// Whether the session's part in all exchanges is done.
    pub fn is_done(&self) -> bool {
        let quiet = |online: &Online| {
            online.accepted && online.replies.is_empty() && online.written.is_empty()
        };
        self.storage.outgoing.is_empty() && self.session.as_ref().is_some_and(quiet)
    }

    /// What it still waits for, for people.
    pub fn state(&self) -> String {
        let unfinished = self.storage.outgoing.iter();
        let unfinished: Vec<_> = unfinished.map(|out| (out.id, out.key, out.released)).collect();
        let accepted = self.session.as_ref().map(|online| online.accepted);
        format!("{} accepted {accepted:?} unfinished {unfinished:?}", self.name)
    }

    fn reply(&mut self, kind: fn(Ack<'static>) -> Packet<'static>, id: PacketId) {
        let bytes = encoded(&kind(ack(id)), self.habits.protocol);
        self.session.as_mut().expect("online").replies.push_back(bytes);
    }

    fn write(&mut self, packet: &Packet<'_>, now: Timestamp) {
        let online = self.session.as_mut().expect("online");
        online.written.extend(encoded(packet, self.habits.protocol));
        online.last_written = now;
    }
}
