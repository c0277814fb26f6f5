use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use fulmar::codec::{
    Ack, ConnAck, Connect, Disconnect, LastWill, Packet, Publish, PublishProperties, Subscribe,
    SubscribeFilter, Unsubscribe,
};
use fulmar::request::EXPIRY_NEVER;
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode, SubscriptionOptions, Timestamp};

use crate::common::{LinkId, ack};
use crate::ledger::{Ledger, Seen, Sent, WATCHER};
use crate::packets::{Key, decoded, encoded, next_packet};
use crate::plan::Habits;
use crate::rng::Rng;
use crate::storage::{Storage, Unfinished};

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
    pub will: Option<(Key, Sent, u32)>,
}

/// Unfinished messages that a client has at a time, whatever the server would take.
const OUTGOING_MAX: usize = 8;

const FILTERS: [&str; 8] =
    ["topic/#", "topic/+", "topic/0", "topic/1", "r/#", "w/+", "$share/g/s/+", "$share/g/s/+"];

impl Client {
    pub fn new(index: usize, habits: Habits) -> Self {
        let name = format!("c{index}");
        Self { index, name, habits, storage: Storage::default(), session: None }
    }

    /// Writes CONNECT on a new link. Whatever link it had is not its concern any more.
    pub fn connect(&mut self, link: LinkId, opening: Opening, ledger: &mut Ledger, now: Timestamp) {
        // A session that may end by itself may have ended, and another begun, in a CONNECT whose
        // CONNACK never came: Session Present would then speak of the other one.
        let in_doubt = self.storage.unanswered && !self.habits.steady;
        self.storage.unanswered = true;
        self.storage.starting_over |= opening.starting_over || in_doubt;
        if self.storage.starting_over {
            self.storage.forget();
            self.storage.kept = false;
            ledger.session_over(self.index);
        }
        let payload = opening.will.as_ref().map(|(key, sent, _)| key.payload(sent.padding));
        let topic =
            opening.will.as_ref().map(|(_, sent, _)| sent.topic.clone()).unwrap_or_default();
        let v5 = self.habits.protocol.is_v5();
        let will = opening.will.map(|(key, sent, delay)| {
            let will = LastWill {
                qos: sent.qos,
                retain: sent.retain,
                topic: &topic,
                payload: payload.as_deref().unwrap_or_default(),
                delay_secs: v5.then_some(delay),
                message_expiry_secs: None,
                passed_on: Cow::Borrowed(&[]),
            };
            ledger.announce(key, sent);
            ledger.sent(key);
            will
        });
        let connect = Connect {
            protocol: self.habits.protocol,
            client_id: &self.name,
            clean_start: self.storage.starting_over,
            keep_alive_secs: opening.keep_alive_secs,
            session_expiry_secs: v5.then_some(opening.expiry_secs),
            receive_maximum: v5.then_some(self.habits.receive_maximum),
            maximum_packet_size: None,
            topic_alias_maximum: v5.then_some(self.habits.topic_alias_maximum),
            request_response_information: None,
            request_problem_information: None,
            authentication_method: None,
            authentication_data: None,
            user_properties: Vec::new(),
            will,
            username: None,
            password: None,
        };
        let written = encoded(&Packet::Connect(Box::new(connect)), self.habits.protocol);
        self.session = Some(Online {
            link,
            written,
            read: Vec::new(),
            bytes_read: 0,
            accepted: false,
            dismissed: false,
            replies: VecDeque::new(),
            window: usize::from(u16::MAX),
            pending: BTreeMap::new(),
            aliases_in: BTreeMap::new(),
            aliases_out: Vec::new(),
            alias_maximum: 0,
            expiry_secs: opening.expiry_secs,
            keep_alive_secs: opening.keep_alive_secs,
            last_written: now,
        });
    }

    /// How it connects when chance has its way.
    pub fn opening(&self, rng: &mut Rng, key: impl FnOnce() -> Key) -> Opening {
        let expiry = rng.pick(&[0, 2, 30, EXPIRY_NEVER]);
        let starting_over = !self.habits.steady && rng.chance(200);
        Opening {
            starting_over,
            expiry_secs: if self.habits.steady { EXPIRY_NEVER } else { expiry },
            keep_alive_secs: rng.pick(&[0, 0, 5, 30]),
            will: rng.chance(500).then(|| self.will(rng, key())),
        }
    }

    /// How it connects to finish what is unfinished.
    pub fn last_opening() -> Opening {
        Opening { starting_over: false, expiry_secs: EXPIRY_NEVER, keep_alive_secs: 0, will: None }
    }

    fn will(&self, rng: &mut Rng, key: Key) -> (Key, Sent, u32) {
        let delay = rng.pick(&[0, 0, 1, 10]);
        let sent = if rng.chance(300) {
            let topic = format!("r/w/{}", self.name);
            Sent { retain: true, ..Sent::new(self.index, topic, QoS::AtLeastOnce) }
        } else {
            Sent::new(self.index, format!("w/{}", self.name), any_qos(rng))
        };
        (key, sent, if self.habits.protocol.is_v5() { delay } else { 0 })
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

    /// Publishes something, if there is room for one more exchange.
    pub fn publish(&mut self, key: Key, rng: &mut Rng, ledger: &mut Ledger, now: Timestamp) {
        let window = self.session.as_ref().expect("online").window.min(OUTGOING_MAX);
        if self.storage.outgoing.len() >= window {
            return;
        }
        let sent = self.message(rng);
        let id = (sent.qos > QoS::AtMostOnce).then(|| self.storage.fresh_id());
        if let Some(id) = id {
            self.storage.outgoing.push_back(Unfinished { id, key, released: false });
        }
        ledger.announce(key, sent);
        self.send(key, id, false, ledger, now);
    }

    fn message(&self, rng: &mut Rng) -> Sent {
        let qos = any_qos(rng);
        let padding = rng.pick(&[0, 0, 0, 10, 200, 3_000]);
        match rng.range(0..10) {
            0..6 => {
                let secs = rng.range(1..8) as u32;
                let expires = self.habits.protocol.is_v5() && rng.chance(150);
                let topic = format!("topic/{}", rng.range(0..3));
                let expiry_secs = expires.then_some(secs);
                Sent { padding, expiry_secs, ..Sent::new(self.index, topic, qos) }
            }
            6..8 => {
                let topic = format!("s/{}", rng.range(0..2));
                Sent { padding, ..Sent::new(self.index, topic, qos) }
            }
            _ => {
                // One writer and one QoS for each topic: so that there is a last write.
                let topic = format!("r/{}/{}", self.name, qos.bits());
                let clears = rng.chance(200);
                Sent { padding, retain: true, clears, ..Sent::new(self.index, topic, qos) }
            }
        }
    }

    fn send(
        &mut self,
        key: Key,
        id: Option<PacketId>,
        dup: bool,
        ledger: &mut Ledger,
        now: Timestamp,
    ) {
        ledger.sent(key);
        let sent = &ledger.messages[&key];
        let payload = if sent.clears { Vec::new() } else { key.payload(sent.padding) };
        let (topic_alias, is_set) = self.alias(&sent.topic);
        let properties = PublishProperties {
            message_expiry_secs: sent.expiry_secs,
            topic_alias,
            ..PublishProperties::default()
        };
        let publish = Publish {
            dup,
            qos: sent.qos,
            retain: sent.retain,
            topic: if is_set { "" } else { &sent.topic },
            packet_id: id,
            properties,
            payload: &payload,
        };
        self.write(&Packet::Publish(publish), now);
    }

    /// The alias for a topic, if there is one, and whether the server knows it already.
    fn alias(&mut self, topic: &str) -> (Option<u16>, bool) {
        let online = self.session.as_mut().expect("online");
        if let Some(at) = online.aliases_out.iter().position(|known| known == topic) {
            return (Some(at as u16 + 1), true);
        }
        if online.aliases_out.len() >= usize::from(online.alias_maximum.min(2)) {
            return (None, false);
        }
        online.aliases_out.push(topic.to_owned());
        (Some(online.aliases_out.len() as u16), false)
    }

    /// Asks for one to three filters, the watcher for everything.
    pub fn subscribe(&mut self, rng: &mut Rng, ledger: &mut Ledger, now: Timestamp) {
        let watcher = self.index == WATCHER;
        let mut asked = Vec::new();
        for _ in 0..rng.range(1..4) {
            let filter = if watcher { "#" } else { rng.pick(&FILTERS) };
            let shared_in_311 = filter.starts_with('$') && !self.habits.protocol.is_v5();
            if !shared_in_311 && asked.iter().all(|(known, _)| *known != filter) {
                asked.push((filter, if watcher { QoS::ExactlyOnce } else { any_qos(rng) }));
            }
        }
        self.ask_for(&asked, ledger, now);
    }

    /// SUBSCRIBE to these filters, none of them twice.
    pub fn ask_for(&mut self, asked: &[(&str, QoS)], ledger: &mut Ledger, now: Timestamp) {
        if asked.is_empty() {
            return;
        }
        let retain_as_published = self.index == WATCHER;
        let packet_id = self.storage.fresh_id();
        let filters = asked
            .iter()
            .map(|&(filter, qos)| {
                let options =
                    SubscriptionOptions { qos, retain_as_published, ..Default::default() };
                SubscribeFilter { filter, options }
            })
            .collect();
        let mut pending = Vec::new();
        for &(filter, qos) in asked {
            let at = ledger.subscribing(self.index, filter, qos);
            self.storage.filters.insert(filter.to_owned(), qos);
            pending.push(Asked { filter: filter.to_owned(), qos, at });
        }
        self.session.as_mut().expect("online").pending.insert(packet_id, pending);
        let user_properties = Vec::new();
        self.write(&Packet::Subscribe(Subscribe { packet_id, filters, user_properties }), now);
    }

    /// Takes back one filter, if there is one.
    pub fn unsubscribe(&mut self, rng: &mut Rng, ledger: &mut Ledger, now: Timestamp) {
        let filters: Vec<String> = self.storage.filters.keys().cloned().collect();
        if filters.is_empty() {
            return;
        }
        let filter = &filters[rng.index(filters.len())];
        self.storage.filters.remove(filter);
        ledger.unsubscribing(self.index, filter);
        let packet_id = self.storage.fresh_id();
        let online = self.session.as_mut().expect("online");
        online.pending.insert(packet_id, Vec::new());
        let (filters, user_properties) = (vec![filter.as_str()], Vec::new());
        self.write(&Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties }), now);
    }

    /// PINGREQ, when half of the keep alive has passed in silence.
    pub fn ping_if_due(&mut self, now: Timestamp) {
        let online = self.session.as_ref().expect("online");
        let silence = now.since(online.last_written).as_millis();
        if online.keep_alive_secs > 0 && silence >= u128::from(online.keep_alive_secs) * 500 {
            self.write(&Packet::PingReq, now);
        }
    }

    /// Writes the oldest `count` acknowledgements that are due.
    pub fn write_replies(&mut self, count: usize, now: Timestamp) {
        let Some(online) = self.session.as_mut() else { return };
        for bytes in online.replies.drain(..count.min(online.replies.len())) {
            online.written.extend(bytes);
            online.last_written = now;
        }
    }

    /// DISCONNECT: the last that is written on this link.
    pub fn disconnect(&mut self, rng: &mut Rng, now: Timestamp) {
        let online = self.session.as_ref().expect("online");
        let mut disconnect = Disconnect::default();
        if self.habits.protocol.is_v5() {
            let reasons = [ReasonCode::Success, ReasonCode::DisconnectWithWill];
            disconnect.reason = rng.pick(&reasons);
            let may_change = online.expiry_secs > 0 && !self.habits.steady && rng.chance(300);
            disconnect.session_expiry_secs = may_change.then(|| rng.pick(&[0, 1, 20]));
        }
        self.write(&Packet::Disconnect(disconnect), now);
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

fn any_qos(rng: &mut Rng) -> QoS {
    rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}
