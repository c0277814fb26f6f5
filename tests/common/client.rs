use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use fulmar::codec::{
    self, Ack, ConnAck, Disconnect, Packet, Publish, PublishProperties, Subscribe, SubscribeFilter,
    Unsubscribe,
};
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode, SubscriptionOptions};

use super::shell::{LinkId, Shell};

/// A client that does what the test says and nothing by itself: one packet or raw bytes at a time.
///
/// The `expect` family takes from what has arrived and fails the test otherwise; helpers that run a
/// whole exchange take only its packets and leave the others to be expected later.
pub struct Client {
    shell: Rc<RefCell<Shell>>,
    link: LinkId,
    protocol: Protocol,
    /// The answer to CONNECT, once there is one.
    pub connack: ConnAck<'static>,
    /// Bytes of a packet that has not come in full.
    partial: Vec<u8>,
    inbox: VecDeque<Arrived>,
    last_id: u16,
}

/// A packet that nobody has expected yet.
struct Arrived {
    packet: Packet<'static>,
    bytes: &'static [u8],
}

impl Client {
    pub(super) fn new(shell: Rc<RefCell<Shell>>, link: LinkId) -> Self {
        Self {
            shell,
            link,
            protocol: Protocol::V5,
            connack: ConnAck::default(),
            partial: Vec::new(),
            inbox: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Encodes and decodes in this version from now on; a CONNECT that is sent sets it too.
    pub fn speaking(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    pub fn send(&mut self, packet: Packet<'_>) {
        if let Packet::Connect(connect) = &packet {
            self.protocol = connect.protocol;
        }
        let mut bytes = Vec::new();
        codec::encode(&packet, self.protocol, &mut bytes);
        self.send_bytes(&bytes);
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.shell.borrow_mut().receive(self.link, bytes);
    }

    /// The next packet.
    #[track_caller]
    pub fn expect(&mut self) -> Packet<'static> {
        self.read();
        let closed = self.is_closed();
        let next = self.inbox.pop_front();
        next.unwrap_or_else(|| panic!("no packet came; link closed: {closed}")).packet
    }

    /// All bytes that have come and were not expected as packets.
    pub fn expect_bytes(&mut self) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            self.inbox.drain(..).flat_map(|arrived| arrived.bytes).copied().collect();
        bytes.append(&mut self.partial);
        bytes.extend(self.shell.borrow_mut().take(self.link, usize::MAX));
        bytes
    }

    /// Neither a packet nor the end of the link.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        self.read();
        assert_eq!(self.packets(), [] as [&Packet<'_>; 0], "nothing was to come");
        assert!(!self.is_closed(), "the link was to stay open");
    }

    /// The server has closed the link without a further packet.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        self.read();
        assert_eq!(self.packets(), [] as [&Packet<'_>; 0], "nothing was to come before the end");
        assert!(self.is_closed(), "the link was to be closed");
    }

    /// The server has closed the link; on 5.0 after DISCONNECT with this reason.
    #[track_caller]
    pub fn expect_disconnect(&mut self, reason: ReasonCode) {
        if self.protocol.is_v5() {
            match self.expect() {
                Packet::Disconnect(disconnect) => assert_eq!(disconnect.reason, reason),
                other => panic!("expected DISCONNECT, got {other:?}"),
            }
        }
        self.expect_closed();
    }

    #[track_caller]
    pub fn expect_connack(&mut self) -> ConnAck<'static> {
        match self.expect() {
            Packet::ConnAck(connack) => *connack,
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    /// The next packet is a PUBLISH; it is not acknowledged.
    #[track_caller]
    pub fn expect_publish(&mut self) -> Publish<'static> {
        match self.expect() {
            Packet::Publish(publish) => publish,
            other => panic!("expected PUBLISH, got {other:?}"),
        }
    }

    /// The next packet is a PUBLISH; its exchange is run to the end.
    #[track_caller]
    pub fn expect_message(&mut self) -> Publish<'static> {
        let publish = self.expect_publish();
        self.acknowledge(&publish);
        publish
    }

    /// The next packet is a PUBLISH with this topic and payload; its exchange is run to the end.
    #[track_caller]
    pub fn expect_text(&mut self, topic: &str, payload: &str) {
        let publish = self.expect_message();
        let found = (publish.topic, String::from_utf8_lossy(publish.payload));
        assert_eq!(found, (topic, payload.into()));
    }

    /// Everything that has come, unacknowledged.
    pub fn received(&mut self) -> Vec<Packet<'static>> {
        self.read();
        self.inbox.drain(..).map(|arrived| arrived.packet).collect()
    }

    /// Every PUBLISH that comes until none does, each exchange run to the end. Nothing else comes.
    #[track_caller]
    pub fn messages(&mut self) -> Vec<Publish<'static>> {
        let mut messages = Vec::new();
        self.read();
        while !self.inbox.is_empty() {
            messages.push(self.expect_message());
            self.read();
        }
        messages
    }

    /// The payloads of [`Self::messages`] as text.
    #[track_caller]
    pub fn texts(&mut self) -> Vec<String> {
        let text = |publish: Publish<'_>| String::from_utf8_lossy(publish.payload).into_owned();
        self.messages().into_iter().map(text).collect()
    }

    /// One filter with no options but the QoS: the reason it got.
    #[track_caller]
    pub fn subscribe(&mut self, filter: &str, qos: QoS) -> ReasonCode {
        self.subscribe_with(filter, SubscriptionOptions { qos, ..Default::default() })
    }

    /// One filter: the reason it got.
    #[track_caller]
    pub fn subscribe_with(&mut self, filter: &str, options: SubscriptionOptions) -> ReasonCode {
        self.subscribe_all(&[(filter, options)])[0]
    }

    /// One SUBSCRIBE: the reason for each filter.
    #[track_caller]
    pub fn subscribe_all(&mut self, filters: &[(&str, SubscriptionOptions)]) -> Vec<ReasonCode> {
        let packet_id = self.send_subscribe_all(filters);
        self.expect_answer("SUBACK", |packet| match packet {
            Packet::SubAck(suback) if suback.packet_id == packet_id => Some(suback.reasons.clone()),
            _ => None,
        })
    }

    /// SUBSCRIBE with one filter, its answer left to be expected.
    pub fn send_subscribe(&mut self, filter: &str, options: SubscriptionOptions) -> PacketId {
        self.send_subscribe_all(&[(filter, options)])
    }

    fn send_subscribe_all(&mut self, filters: &[(&str, SubscriptionOptions)]) -> PacketId {
        let packet_id = self.next_id();
        let filters =
            filters.iter().map(|&(filter, options)| SubscribeFilter { filter, options }).collect();
        let user_properties = Vec::new();
        self.send(Packet::Subscribe(Subscribe { packet_id, filters, user_properties }));
        packet_id
    }

    /// One filter: the reason it got, on 3.1.1 always `Success`.
    #[track_caller]
    pub fn unsubscribe(&mut self, filter: &str) -> ReasonCode {
        let packet_id = self.send_unsubscribe(filter);
        let reasons = self.expect_answer("UNSUBACK", |packet| match packet {
            Packet::UnsubAck(unsuback) if unsuback.packet_id == packet_id => {
                Some(unsuback.reasons.clone())
            }
            _ => None,
        });
        reasons.first().copied().unwrap_or_default()
    }

    /// UNSUBSCRIBE with one filter, its answer left to be expected.
    pub fn send_unsubscribe(&mut self, filter: &str) -> PacketId {
        let packet_id = self.next_id();
        let (filters, user_properties) = (vec![filter], Vec::new());
        self.send(Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties }));
        packet_id
    }

    /// Publishes and runs the exchange to its end: the reason of PUBACK or PUBREC.
    #[track_caller]
    pub fn publish(&mut self, topic: &str, payload: impl AsRef<[u8]>, qos: QoS) -> ReasonCode {
        self.publish_packet(message(topic, payload.as_ref(), qos))
    }

    /// Publishes with the RETAIN flag and runs the exchange to its end.
    #[track_caller]
    pub fn retain(&mut self, topic: &str, payload: impl AsRef<[u8]>, qos: QoS) -> ReasonCode {
        self.publish_packet(Publish { retain: true, ..message(topic, payload.as_ref(), qos) })
    }

    /// Sends `publish` with a fresh packet id where it needs one, and runs the exchange to its end.
    #[track_caller]
    pub fn publish_packet(&mut self, mut publish: Publish<'_>) -> ReasonCode {
        if publish.qos == QoS::AtMostOnce {
            self.send(Packet::Publish(publish));
            return ReasonCode::Success;
        }
        let id = self.next_id();
        publish.packet_id = Some(id);
        let qos = publish.qos;
        self.send(Packet::Publish(publish));
        if qos == QoS::AtLeastOnce {
            return self.expect_puback(id);
        }
        let reason = self.expect_pubrec(id);
        if !reason.is_error() {
            self.send(Packet::PubRel(ack(id)));
            self.expect_pubcomp(id);
        }
        reason
    }

    /// Answers a PUBLISH as its QoS demands.
    #[track_caller]
    pub fn acknowledge(&mut self, publish: &Publish<'_>) {
        let Some(id) = publish.packet_id else { return };
        if publish.qos == QoS::AtLeastOnce {
            return self.send(Packet::PubAck(ack(id)));
        }
        self.send(Packet::PubRec(ack(id)));
        self.expect_pubrel(id);
        self.send(Packet::PubComp(ack(id)));
    }

    #[track_caller]
    pub fn expect_puback(&mut self, id: PacketId) -> ReasonCode {
        self.expect_answer("PUBACK", |packet| match packet {
            Packet::PubAck(ack) if ack.packet_id == id => Some(ack.reason),
            _ => None,
        })
    }

    #[track_caller]
    pub fn expect_pubrec(&mut self, id: PacketId) -> ReasonCode {
        self.expect_answer("PUBREC", |packet| match packet {
            Packet::PubRec(ack) if ack.packet_id == id => Some(ack.reason),
            _ => None,
        })
    }

    #[track_caller]
    pub fn expect_pubrel(&mut self, id: PacketId) -> ReasonCode {
        self.expect_answer("PUBREL", |packet| match packet {
            Packet::PubRel(ack) if ack.packet_id == id => Some(ack.reason),
            _ => None,
        })
    }

    #[track_caller]
    pub fn expect_pubcomp(&mut self, id: PacketId) -> ReasonCode {
        self.expect_answer("PUBCOMP", |packet| match packet {
            Packet::PubComp(ack) if ack.packet_id == id => Some(ack.reason),
            _ => None,
        })
    }

    /// PINGREQ, answered: everything sent before has been worked on.
    #[track_caller]
    pub fn ping(&mut self) {
        self.send(Packet::PingReq);
        self.expect_answer("PINGRESP", |packet| matches!(packet, Packet::PingResp).then_some(()));
    }

    /// A proper goodbye: no will.
    pub fn disconnect(self) {
        self.disconnect_with(Disconnect::default());
    }

    pub fn disconnect_with(mut self, disconnect: Disconnect<'_>) {
        self.send(Packet::Disconnect(disconnect));
        self.drop_link();
    }

    /// The socket is lost without a word.
    pub fn drop_link(self) {
        self.shell.borrow_mut().lose(self.link);
    }

    /// From now on the socket takes no more than `bytes` that the client has not read;
    /// 0 is a client that stopped reading, `usize::MAX` one that reads at once.
    pub fn set_capacity(&mut self, bytes: usize) {
        self.shell.borrow_mut().set_capacity(self.link, bytes);
    }

    /// A packet id that this client has not used lately.
    pub fn next_id(&mut self) -> PacketId {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        packet_id(self.last_id)
    }

    pub fn is_v5(&self) -> bool {
        self.protocol.is_v5()
    }

    pub fn is_closed(&self) -> bool {
        self.shell.borrow().is_closed(self.link)
    }

    /// The first packet that `wanted` knows, wherever it stands among what has come.
    #[track_caller]
    fn expect_answer<T>(
        &mut self,
        name: &str,
        wanted: impl Fn(&Packet<'static>) -> Option<T>,
    ) -> T {
        self.read();
        let found =
            self.packets().iter().enumerate().find_map(|(at, packet)| Some((at, wanted(packet)?)));
        let Some((at, answer)) = found else {
            panic!("expected {name} among {:?}; link closed: {}", self.packets(), self.is_closed());
        };
        self.inbox.remove(at);
        answer
    }

    fn packets(&self) -> Vec<&Packet<'static>> {
        self.inbox.iter().map(|arrived| &arrived.packet).collect()
    }

    #[track_caller]
    fn read(&mut self) {
        let arrived = self.shell.borrow_mut().take(self.link, usize::MAX);
        self.partial.extend(arrived);
        while let Some(len) = whole_packet(&self.partial) {
            let bytes: Vec<u8> = self.partial.drain(..len).collect();
            let bytes = &*Vec::leak(bytes);
            let frame = codec::frame(bytes, usize::MAX).expect("legal").expect("whole");
            let packet =
                codec::decode(frame, self.protocol).expect("the server sends legal packets");
            self.inbox.push_back(Arrived { packet, bytes });
        }
    }
}

/// A PUBLISH without properties and, yet, without a packet id.
pub fn message<'a>(topic: &'a str, payload: &'a [u8], qos: QoS) -> Publish<'a> {
    let properties = PublishProperties::default();
    Publish { dup: false, qos, retain: false, topic, packet_id: None, properties, payload }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP without anything special.
pub fn ack(packet_id: PacketId) -> Ack<'static> {
    let reason = ReasonCode::Success;
    Ack { packet_id, reason, reason_string: None, user_properties: Vec::new() }
}

/// Panics for 0, which is no packet id.
pub fn packet_id(number: u16) -> PacketId {
    PacketId::new(number).expect("packet ids are not zero")
}

/// The length of the first packet, once all of it is there.
fn whole_packet(bytes: &[u8]) -> Option<usize> {
    let frame = codec::frame(bytes, usize::MAX).expect("the server sends legal packets");
    frame.map(|frame| frame.len)
}

/// Keeps a copy for as long as the process lives, so that packets are plain values in a story.
pub(super) fn kept(bytes: &[u8]) -> &'static [u8] {
    Vec::leak(bytes.to_vec())
}

pub(super) fn kept_str(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
