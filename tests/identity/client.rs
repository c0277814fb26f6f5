use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};

use fulmar::codec::{
    self, Auth, Connect, LastWill, Packet, Publish, PublishProperties, Subscribe, SubscribeFilter,
};
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode, SubscriptionOptions};

pub use fulmar::types::Protocol::{V5, V311};

use crate::broker::PATIENCE;
use crate::wire::Link;

/// A client over a real socket that does what the test says.
pub struct Client {
    link: Link,
    messages: VecDeque<Vec<u8>>,
}

/// What a client gives in its CONNECT.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    pub client_id: &'a str,
    pub username: Option<&'a str>,
    pub password: Option<&'a [u8]>,
    pub method: Option<&'a str>,
    pub data: Option<&'a [u8]>,
    /// The topic of its will.
    pub will: Option<&'a str>,
    /// Seconds that its session outlives a connection; it goes on with an earlier one then.
    pub session_secs: Option<u32>,
}

/// The data of an authentication method, by a client called `c`.
pub fn by_method<'a>(method: &'a str, data: &'a str) -> Given<'a> {
    let (method, data) = (Some(method), Some(data.as_bytes()));
    Given { client_id: "c", method, data, ..Given::default() }
}

/// User name and password, by a client called `c`.
pub fn login<'a>(username: &'a str, password: &'a str) -> Given<'a> {
    Given {
        client_id: "c",
        username: Some(username),
        password: Some(password.as_bytes()),
        ..Given::default()
    }
}

/// Neither.
pub fn nobody() -> Given<'static> {
    Given { client_id: "c", ..Given::default() }
}

impl Client {
    /// CONNECT is sent, and nothing read.
    pub fn begin(address: SocketAddr, protocol: Protocol, given: Given<'_>) -> Self {
        let socket = TcpStream::connect(address).expect("the broker listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time above zero");
        let mut client = Self { link: Link::new(socket, protocol), messages: VecDeque::new() };
        client.send(&Packet::Connect(Box::new(Connect {
            username: given.username,
            password: given.password,
            authentication_method: given.method,
            authentication_data: given.data,
            will: given.will.map(will),
            clean_start: given.session_secs.is_none(),
            session_expiry_secs: given.session_secs,
            ..Connect::new(protocol, given.client_id)
        })));
        client
    }

    /// The code in the CONNACK that such a client gets.
    pub fn connack(address: SocketAddr, protocol: Protocol, given: Given<'_>) -> u8 {
        Self::begin(address, protocol, given).read_connack()
    }

    /// A client that got in.
    pub fn connected(address: SocketAddr, protocol: Protocol, given: Given<'_>) -> Self {
        let mut client = Self::begin(address, protocol, given);
        assert_eq!(client.read_connack(), 0, "{given:?}");
        client
    }

    pub fn send(&mut self, packet: &Packet<'_>) {
        self.link.send(packet);
    }

    /// AUTH of `method`.
    pub fn send_auth(&mut self, reason: ReasonCode, method: &str, data: &[u8]) {
        self.send(&Packet::Auth(Auth {
            reason,
            authentication_method: Some(method),
            authentication_data: Some(data),
            ..Auth::default()
        }));
    }

    #[track_caller]
    pub fn read_connack(&mut self) -> u8 {
        let packet = self.read_packet().expect("CONNACK");
        assert_eq!(packet[0], 0x20, "CONNACK");
        packet[3]
    }

    /// The reason and the data of the AUTH or the CONNACK that comes.
    #[track_caller]
    pub fn read_auth(&mut self) -> (ReasonCode, Vec<u8>) {
        let bytes = self.read_packet().expect("AUTH or CONNACK");
        let frame = codec::frame(&bytes, usize::MAX).expect("a packet").expect("whole");
        match codec::decode(frame, Protocol::V5).expect("well formed") {
            Packet::Auth(auth) => {
                (auth.reason, auth.authentication_data.unwrap_or_default().to_vec())
            }
            Packet::ConnAck(ack) => {
                (ack.reason, ack.authentication_data.unwrap_or_default().to_vec())
            }
            other => panic!("neither AUTH nor CONNACK: {other:?}"),
        }
    }

    /// PUBLISH at QoS 1; the reason in the PUBACK, which 3.1.1 has not: 0 then. Messages that come
    /// before it wait for [`Self::read_topic`].
    #[track_caller]
    pub fn publish(&mut self, topic: &str, text: &str) -> u8 {
        self.send(&Packet::Publish(message(topic, text, false)));
        self.read_answer(0x40).get(4).copied().unwrap_or(0)
    }

    /// PUBLISH at QoS 2 as far as PUBREC; the reason in that, for 5.0.
    #[track_caller]
    pub fn publish_half(&mut self, topic: &str, dup: bool) -> u8 {
        let publish = message(topic, "x", false);
        self.send(&Packet::Publish(Publish { qos: QoS::ExactlyOnce, dup, ..publish }));
        self.read_answer(0x50).get(4).copied().unwrap_or(0)
    }

    /// The same, to be retained; it must be taken.
    #[track_caller]
    pub fn publish_retained(&mut self, topic: &str, text: &str) {
        self.send(&Packet::Publish(message(topic, text, true)));
        assert!(self.read_answer(0x40).get(4).is_none_or(|reason| *reason < 0x80));
    }

    /// SUBSCRIBE at QoS 0 to one filter; the reason in the SUBACK.
    #[track_caller]
    pub fn subscribe(&mut self, filter: &str) -> u8 {
        let filters = vec![SubscribeFilter { filter, options: SubscriptionOptions::default() }];
        let user_properties = Vec::new();
        self.send(&Packet::Subscribe(Subscribe { packet_id: id(), filters, user_properties }));
        *self.read_answer(0x90).last().expect("a reason")
    }

    /// The topic of the next message.
    #[track_caller]
    pub fn read_topic(&mut self) -> String {
        let bytes = match self.messages.pop_front() {
            Some(bytes) => bytes,
            None => self.read_packet().expect("PUBLISH"),
        };
        let frame = codec::frame(&bytes, usize::MAX).expect("a packet").expect("whole");
        match codec::decode(frame, self.link.protocol).expect("well formed") {
            Packet::Publish(publish) => publish.topic.to_owned(),
            other => panic!("no PUBLISH: {other:?}"),
        }
    }

    /// The next packet that is no PUBLISH, which must be of this type.
    #[track_caller]
    fn read_answer(&mut self, first_byte: u8) -> Vec<u8> {
        loop {
            let packet = self.read_packet().expect("an answer");
            if packet[0] & 0xF0 != 0x30 {
                assert_eq!(packet[0], first_byte, "{packet:?}");
                return packet;
            }
            self.messages.push_back(packet);
        }
    }

    #[track_caller]
    pub fn ping(&mut self) {
        self.link.ping();
    }

    /// DISCONNECT with this reason for 5.0, then the end of the stream for all.
    #[track_caller]
    pub fn expect_closed(&mut self, reason: ReasonCode) {
        if self.link.protocol == V5 {
            let packet = self.read_packet().expect("DISCONNECT");
            assert_eq!((packet[0], packet[2]), (0xE0, reason.byte()));
        }
        assert_eq!(self.read_packet(), None);
    }

    /// The next packet; `None` at the end of the stream.
    #[track_caller]
    pub fn read_packet(&mut self) -> Option<Vec<u8>> {
        self.link.read_packet()
    }
}

fn message<'a>(topic: &'a str, text: &'a str, retain: bool) -> Publish<'a> {
    Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain,
        topic,
        packet_id: Some(id()),
        properties: PublishProperties::default(),
        payload: text.as_bytes(),
    }
}

fn will(topic: &str) -> LastWill<'_> {
    LastWill {
        qos: QoS::AtMostOnce,
        retain: false,
        topic,
        payload: b"gone",
        delay_secs: None,
        message_expiry_secs: None,
        passed_on: Cow::Borrowed(&[]),
    }
}

/// Each request is answered before the next one.
fn id() -> PacketId {
    PacketId::new(1).expect("not zero")
}
