//! What is promised of the packets themselves, checked where the server reads and writes them:
//! before any link can lose them.
//!
//! - A packet id that the server chose belongs to one message until its exchange is finished
//!   (`[MQTT-2.2.1-4]`); sent again it carries DUP, once per connection, in the original order
//!   (`[MQTT-3.3.1-1]`, `[MQTT-4.4.0-1]`, `[MQTT-4.6.0-1]`), and never after its PUBREL
//!   (`[MQTT-4.3.3-6]`).
//! - A crash of the server takes back nothing of that: what it may have sent before comes with DUP,
//!   and no packet id that it has sent is given to another message, as long as there are others.
//! - On one connection no more PUBLISH packets of QoS 1 and 2 are unfinished than the client takes
//!   (`[MQTT-3.3.4-9]`).
//! - PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK and PINGRESP answer what came on the same
//!   connection, each kind in the order of the questions (`[MQTT-4.6.0-2]`, `[MQTT-4.6.0-3]`).
//! - No packet is larger than the client takes (`[MQTT-3.1.2-24]`).
//! - Nothing comes before CONNACK; an alias is set before it is used and stays in its range.
//! - The expiry interval left is the one published less the time since (`[MQTT-3.3.2-6]`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fulmar::codec::{ConnAck, Connect, Packet, Publish};
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode, Timestamp};

use crate::common::LinkId;
use crate::ledger::is_shared;
use crate::packets::{Key, decoded, next_packet};
use crate::sessions::{Goodbye, Sessions};

/// A crash costs a session 3,024 packet ids at most, of 65,535, and a run sends far fewer than that.
const CRASHES_WITHIN_IDS: u32 = 19;

pub struct Wire {
    pub sessions: Sessions,
    links: BTreeMap<LinkId, Line>,
    exchanges: Vec<Exchanges>,
    /// How often the server has died.
    crashes: u32,
    /// When a message with an expiry interval last reached the server, and the interval.
    expiring: BTreeMap<Key, (Timestamp, u32)>,
}

/// What the server has under way towards one client, as far as it can be seen.
#[derive(Default)]
struct Exchanges {
    open: BTreeMap<PacketId, Exchange>,
    /// The server may have this exchange or not: it had not read everything when the link ended,
    /// or has handed the message on.
    doubtful: BTreeMap<PacketId, Exchange>,
    /// The last exchange of each packet id that the client has finished: a crash of the server may
    /// take that back.
    finished: BTreeMap<PacketId, Exchange>,
    /// Messages up to this one may have been sent before a crash, seen here or not.
    may_be_again: Option<Key>,
    count: u64,
    /// The message that each packet id was given to, in this session.
    given: BTreeMap<PacketId, Key>,
}

#[derive(Clone)]
struct Exchange {
    key: Key,
    qos: QoS,
    /// Of its first PUBLISH, among those to this client.
    order: u64,
    released: bool,
    link: LinkId,
    /// Once the link is lost the server may hand it on to another member (section 4.8.2).
    may_move: bool,
}

/// One connection as the server sees it.
struct Line {
    client: usize,
    protocol: Protocol,
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    open: bool,
    receive_maximum: usize,
    maximum_packet_size: usize,
    unfinished: BTreeSet<PacketId>,
    finished: Vec<(PacketId, Exchange)>,
    last_resent: Option<u64>,
    questions: BTreeMap<&'static str, VecDeque<Option<PacketId>>>,
    alias_maximum: u16,
    aliases: BTreeMap<u16, String>,
}

impl Wire {
    pub fn new(clients: usize) -> Self {
        Self {
            sessions: Sessions::new(clients),
            links: BTreeMap::new(),
            exchanges: (0..clients).map(|_| Exchanges::default()).collect(),
            crashes: 0,
            expiring: BTreeMap::new(),
        }
    }

    pub fn opened(&mut self, id: LinkId, client: usize, protocol: Protocol) {
        let line = Line {
            client,
            protocol,
            from_client: Vec::new(),
            from_server: Vec::new(),
            open: false,
            receive_maximum: usize::from(u16::MAX),
            maximum_packet_size: usize::MAX,
            unfinished: BTreeSet::new(),
            finished: Vec::new(),
            last_resent: None,
            questions: BTreeMap::new(),
            alias_maximum: 0,
            aliases: BTreeMap::new(),
        };
        self.links.insert(id, line);
    }

    /// Bytes are about to reach the server, which has read all but the `unread` links to their end.
    /// The packets that are whole by now go to `seen`, for the trace.
    pub fn arriving(
        &mut self,
        id: LinkId,
        bytes: &[u8],
        now: Timestamp,
        unread: &BTreeSet<LinkId>,
        seen: &mut dyn FnMut(&Packet<'_>),
    ) {
        let Some(line) = self.links.get_mut(&id) else { return };
        line.from_client.extend_from_slice(bytes);
        let (client, protocol) = (line.client, line.protocol);
        while let Some(bytes) =
            self.links.get_mut(&id).and_then(|l| next_packet(&mut l.from_client))
        {
            let packet = decoded(&bytes, protocol);
            seen(&packet);
            self.sessions.sign_of_life(id, now);
            self.handle_up(id, client, packet, now, unread);
        }
    }

    fn handle_up(
        &mut self,
        id: LinkId,
        client: usize,
        packet: Packet<'_>,
        now: Timestamp,
        unread: &BTreeSet<LinkId>,
    ) {
        let line = self.links.get_mut(&id).expect("known");
        match packet {
            Packet::Connect(connect) => {
                line.expect_limits(&connect);
                self.take_over(client, id, unread);
                self.sessions.connecting(client, id, &connect, now);
            }
            Packet::Publish(publish) => {
                line.ask(&publish);
                let key = Key::of(publish.payload);
                if let Some(secs) = publish.properties.message_expiry_secs {
                    self.expiring.insert(key, (now, secs));
                }
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                line.unfinished.remove(&ack.packet_id);
                let exchanges = &mut self.exchanges[client];
                if let Some(exchange) = exchanges.open.remove(&ack.packet_id) {
                    exchanges.finished.insert(ack.packet_id, exchange.clone());
                    line.finished.push((ack.packet_id, exchange));
                }
            }
            Packet::PubRel(ack) => line.question("PUBCOMP", Some(ack.packet_id)),
            Packet::Subscribe(subscribe) => line.question("SUBACK", Some(subscribe.packet_id)),
            Packet::Unsubscribe(packet) => line.question("UNSUBACK", Some(packet.packet_id)),
            Packet::PingReq => line.question("PINGRESP", None),
            Packet::Disconnect(disconnect) => {
                let will = disconnect.reason == ReasonCode::DisconnectWithWill;
                let expiry_secs = disconnect.session_expiry_secs;
                self.sessions.goodbye(client, id, Goodbye { will, expiry_secs });
            }
            Packet::PubRec(_) => {}
            other => panic!("the reference client sent {other:?}"),
        }
    }

    /// The server encoded bytes. The packets that are whole by now go to `seen`, for the trace.
    pub fn produced(
        &mut self,
        id: LinkId,
        bytes: &[u8],
        now: Timestamp,
        seen: &mut dyn FnMut(usize, &Packet<'_>),
    ) {
        let line = self.links.get_mut(&id).expect("the server writes to links that it accepted");
        line.from_server.extend_from_slice(bytes);
        let (client, protocol) = (line.client, line.protocol);
        while let Some(bytes) =
            self.links.get_mut(&id).and_then(|l| next_packet(&mut l.from_server))
        {
            let most = self.links[&id].maximum_packet_size;
            assert!(bytes.len() <= most, "{} bytes, the client takes {most}", bytes.len());
            let packet = decoded(&bytes, protocol);
            seen(client, &packet);
            self.handle_down(id, client, packet, now);
        }
    }

    fn handle_down(&mut self, id: LinkId, client: usize, packet: Packet<'_>, now: Timestamp) {
        let line = self.links.get_mut(&id).expect("known");
        match packet {
            Packet::ConnAck(connack) => self.connack(id, client, &connack),
            other if !line.open => panic!("before CONNACK: {other:?}"),
            Packet::Disconnect(_) => {}
            Packet::Publish(publish) => self.publish(id, client, &publish, now),
            Packet::PubRel(ack) => {
                let exchange = self.exchanges[client].released(ack.packet_id);
                exchange.expect("PUBREL of an exchange under way").released = true;
            }
            Packet::PubAck(ack) => line.answer("PUBACK", Some(ack.packet_id)),
            Packet::PubRec(ack) => line.answer("PUBREC", Some(ack.packet_id)),
            Packet::PubComp(ack) => line.answer("PUBCOMP", Some(ack.packet_id)),
            Packet::SubAck(suback) => line.answer("SUBACK", Some(suback.packet_id)),
            Packet::UnsubAck(unsuback) => line.answer("UNSUBACK", Some(unsuback.packet_id)),
            Packet::PingResp => line.answer("PINGRESP", None),
            other => panic!("the server sent {other:?}"),
        }
    }

    fn connack(&mut self, id: LinkId, client: usize, connack: &ConnAck<'_>) {
        if connack.reason != ReasonCode::Success {
            // The connection ends before it began: `Sessions::ended` asks for the cause.
            return;
        }
        let line = self.links.get_mut(&id).expect("known");
        assert!(!std::mem::replace(&mut line.open, true), "a second CONNACK");
        // 3.1 has no Session Present: what was decided is what holds.
        let told = (line.protocol != Protocol::V31).then_some(connack.session_present);
        let present = self.sessions.connected(client, id, connack, told);
        self.exchanges[client].connected(present);
    }

    fn publish(&mut self, id: LinkId, client: usize, publish: &Publish<'_>, now: Timestamp) {
        let line = self.links.get_mut(&id).expect("known");
        let shared = is_shared(&line.topic_of(publish));
        let key = Key::of(publish.payload);
        self.check_expiry(key, publish, now);
        let Some(packet_id) = publish.packet_id else {
            assert!(!publish.dup, "DUP on QoS 0: {key:?}");
            return;
        };
        let line = self.links.get_mut(&id).expect("known");
        let may_move = shared && publish.qos == QoS::AtLeastOnce;
        let exchange =
            Exchange { key, qos: publish.qos, order: 0, released: false, link: id, may_move };
        if self.crashes <= CRASHES_WITHIN_IDS {
            let given = *self.exchanges[client].given.entry(packet_id).or_insert(key);
            assert_eq!(given, key, "packet id {packet_id} is given to another message");
        }
        let after = line.last_resent.unwrap_or(0);
        let order = self.exchanges[client].start(packet_id, exchange, publish.dup, after);
        if publish.dup {
            assert!(line.last_resent <= Some(order), "sent again out of order: {key:?}");
            line.last_resent = Some(order);
        }
        line.unfinished.insert(packet_id);
        let most = line.receive_maximum;
        assert!(line.unfinished.len() <= most, "more than the receive maximum of {most}: {key:?}");
    }

    fn check_expiry(&self, key: Key, publish: &Publish<'_>, now: Timestamp) {
        let left = publish.properties.message_expiry_secs;
        let Some(&(since, secs)) = self.expiring.get(&key).filter(|_| key != Key::CLEARING) else {
            return;
        };
        let ends = since.plus_secs(u64::from(secs));
        assert!(publish.dup || now <= ends, "expired: {key:?}");
        if let Some(left) = left {
            let most = ends.since(now).as_millis().div_ceil(1000).max(1) as u32;
            assert!((1..=most).contains(&left), "{left} s left to {key:?} instead of {most}");
        }
    }

    /// The server is done with a link. `all_read`: it had read everything that came.
    pub fn ended(&mut self, id: LinkId, now: Timestamp, all_read: bool) {
        self.doubt(id, all_read);
        let Some(line) = self.links.remove(&id) else { return };
        self.sessions.ended(line.client, id, now, all_read);
    }

    /// The session has lost this link: what cannot be known of its exchanges from here on.
    fn doubt(&mut self, id: LinkId, all_read: bool) {
        let Some(line) = self.links.get_mut(&id) else { return };
        let Exchanges { open, doubtful, .. } = &mut self.exchanges[line.client];
        let finished = std::mem::take(&mut line.finished);
        if !all_read {
            doubtful.extend(finished);
        }
        let moves = |exchange: &Exchange| exchange.may_move && exchange.link == id;
        doubtful.extend(open.iter().filter(|(_, exchange)| moves(exchange)).map(copy));
        open.retain(|_, exchange| !moves(exchange));
    }

    /// The server dies with all its links and comes back, before any message after `last` was made.
    /// What it sent with QoS 1 and what was finished may not have become durable.
    /// It had read all but the `unread` links to their end.
    pub fn crashed(
        &mut self,
        now: Timestamp,
        lossless: bool,
        last: Key,
        unread: &BTreeSet<LinkId>,
    ) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        links.into_iter().for_each(|id| self.doubt(id, !unread.contains(&id)));
        self.links.clear();
        self.crashes += 1;
        self.sessions.crashed(now, lossless);
        for Exchanges { open, doubtful, finished, may_be_again, .. } in &mut self.exchanges {
            *may_be_again = Some(last);
            if !lossless {
                let is_kept = |exchange: &Exchange| exchange.qos == QoS::ExactlyOnce;
                doubtful.extend(std::mem::take(finished));
                doubtful.extend(open.iter().filter(|(_, exchange)| !is_kept(exchange)).map(copy));
                open.retain(|_, exchange| is_kept(exchange));
            }
        }
    }

    /// A CONNECT takes the session away from the client's other links.
    fn take_over(&mut self, client: usize, by: LinkId, unread: &BTreeSet<LinkId>) {
        let mine = |(id, line): (&LinkId, &Line)| (line.client == client).then_some(*id);
        let others: Vec<LinkId> =
            self.links.iter().filter_map(mine).filter(|id| *id != by).collect();
        others.into_iter().for_each(|id| self.doubt(id, !unread.contains(&id)));
    }

    /// When everything has drained: no question without an answer, no exchange without an end.
    pub fn check_drained(&self) {
        for line in self.links.values() {
            let waiting = line.questions.iter().find(|(_, questions)| !questions.is_empty());
            assert!(waiting.is_none(), "client {} was never answered: {waiting:?}", line.client);
        }
        for (client, exchanges) in self.exchanges.iter().enumerate() {
            let open: Vec<_> = exchanges.open.iter().map(|(id, open)| (id, open.key)).collect();
            assert!(open.is_empty(), "to client {client} never finished: {open:?}");
        }
    }
}

fn copy((id, exchange): (&PacketId, &Exchange)) -> (PacketId, Exchange) {
    (*id, exchange.clone())
}

impl Exchanges {
    /// They go on, are over, or nobody can say.
    fn connected(&mut self, present: Option<bool>) {
        match present {
            Some(true) => {}
            Some(false) => {
                self.open.clear();
                self.doubtful.clear();
                self.finished.clear();
                self.given.clear();
            }
            None => {
                self.doubtful.append(&mut self.open);
                self.given.clear();
            }
        }
    }

    /// A PUBLISH goes out: gives the order of its first one. One that was never seen but may have
    /// been sent before a crash has its place behind what is sent again before it.
    fn start(&mut self, id: PacketId, new: Exchange, dup: bool, after: u64) -> u64 {
        let key = new.key;
        if let Some(doubtful) = self.doubtful.remove(&id).filter(|old| dup && old.key == key) {
            self.open.entry(id).or_insert(doubtful);
        }
        match self.open.get_mut(&id) {
            None => {
                let again = self.may_be_again >= Some(key);
                assert!(!dup || again, "DUP on the first PUBLISH: {key:?}, packet id {id}");
                self.count += u64::from(!dup);
                let order = if dup { after } else { self.count };
                self.open.insert(id, Exchange { order, ..new });
                order
            }
            Some(exchange) => {
                let of = exchange.key;
                assert_eq!(key, of, "packet id {id} taken while its exchange is unfinished");
                assert!(!exchange.released, "PUBLISH after PUBREL: {key:?}, packet id {id}");
                assert_ne!(exchange.link, new.link, "sent twice on one connection: {key:?}");
                assert!(dup, "sent again without DUP: {key:?}, packet id {id}");
                exchange.link = new.link;
                exchange.order
            }
        }
    }

    fn released(&mut self, id: PacketId) -> Option<&mut Exchange> {
        if let Some(exchange) = self.doubtful.remove(&id) {
            self.open.entry(id).or_insert(exchange);
        }
        self.open.get_mut(&id)
    }
}

impl Line {
    fn expect_limits(&mut self, connect: &Connect<'_>) {
        self.receive_maximum = connect.receive_maximum.map_or(usize::from(u16::MAX), usize::from);
        self.maximum_packet_size =
            connect.maximum_packet_size.map_or(usize::MAX, |bytes| bytes as usize);
        self.alias_maximum = connect.topic_alias_maximum.unwrap_or(0);
    }

    fn ask(&mut self, publish: &Publish<'_>) {
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.question("PUBACK", publish.packet_id),
            QoS::ExactlyOnce => self.question("PUBREC", publish.packet_id),
        }
    }

    fn question(&mut self, answer: &'static str, id: Option<PacketId>) {
        self.questions.entry(answer).or_default().push_back(id);
    }

    fn answer(&mut self, answer: &'static str, id: Option<PacketId>) {
        let next = self.questions.entry(answer).or_default().pop_front();
        assert_eq!(next, Some(id), "{answer} to client {} is not the next answer due", self.client);
    }

    /// The topic of a PUBLISH to the client, its alias resolved.
    fn topic_of(&mut self, publish: &Publish<'_>) -> String {
        let Some(alias) = publish.properties.topic_alias else {
            assert_ne!(publish.topic, "", "neither topic nor alias");
            return publish.topic.to_owned();
        };
        assert!((1..=self.alias_maximum).contains(&alias), "alias {alias} out of range");
        if !publish.topic.is_empty() {
            self.aliases.insert(alias, publish.topic.to_owned());
        }
        self.aliases.get(&alias).expect("an alias is set before it is used").clone()
    }
}
