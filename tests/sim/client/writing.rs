//! What a client does of its own: it connects, publishes, subscribes and says goodbye.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use fulmar::codec::{
    Connect, Disconnect, LastWill, Packet, Publish, PublishProperties, Subscribe, SubscribeFilter,
    Unsubscribe,
};
use fulmar::request::EXPIRY_NEVER;
use fulmar::types::{PacketId, QoS, ReasonCode, SubscriptionOptions, Timestamp};

use super::{Asked, Client, Online, Opening};
use crate::common::LinkId;
use crate::ledger::{Ledger, Sent, WATCHER};
use crate::packets::{Key, encoded};
use crate::rng::Rng;
use crate::storage::Unfinished;

/// Unfinished messages that a client has at a time, whatever the server would take.
const OUTGOING_MAX: usize = 8;

const FILTERS: [&str; 8] =
    ["topic/#", "topic/+", "topic/0", "topic/1", "r/#", "w/+", "$share/g/s/+", "$share/g/s/+"];

impl Client {
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
            receive_maximum: v5.then_some(opening.receive_maximum),
            maximum_packet_size: self.habits.maximum_packet_size.filter(|_| v5),
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
            // Less than the last time, now and then: what is to be sent again must wait, too.
            receive_maximum: rng.pick(&[self.habits.receive_maximum, u16::MAX, 2, 1]),
            will: rng.chance(500).then(|| self.will(rng, key())),
        }
    }

    /// How it connects to finish what is unfinished.
    pub fn last_opening() -> Opening {
        Opening {
            starting_over: false,
            expiry_secs: EXPIRY_NEVER,
            keep_alive_secs: 0,
            receive_maximum: u16::MAX,
            will: None,
        }
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

    pub(super) fn send(
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
        let packet_id = self.storage.question_id();
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
        let packet_id = self.storage.question_id();
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
}

fn any_qos(rng: &mut Rng) -> QoS {
    rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}
