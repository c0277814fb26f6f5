use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use fulmar::codec::{self, Packet, Publish, PublishProperties, Subscribe, SubscribeFilter};
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode, SubscriptionOptions};

use crate::wire::{Link, encoded};

/// Far longer than anything takes here: what has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that does what the test says, over a real socket.
pub struct Client(pub Link);

impl Client {
    /// A socket on which nothing has been sent.
    pub fn open(address: SocketAddr, protocol: Protocol) -> Self {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time above zero");
        socket.set_write_timeout(Some(PATIENCE)).expect("a time above zero");
        socket.set_nodelay(true).expect("a TCP socket");
        Self(Link::new(socket, protocol))
    }

    /// A connected client with a session of its own.
    pub fn connect(address: SocketAddr, protocol: Protocol, client_id: &str) -> Self {
        let mut client = Self::open(address, protocol);
        client.send(&connect(protocol, client_id));
        client.expect_connack();
        client
    }

    /// The same, subscribed to `filter` at QoS 0.
    pub fn subscribed(address: SocketAddr, protocol: Protocol, id: &str, filter: &str) -> Self {
        let mut client = Self::connect(address, protocol, id);
        client.send(&subscribe(filter));
        assert_eq!(client.read_packet().expect("an answer")[0], 0x90, "SUBACK");
        client
    }

    pub fn send(&mut self, packet: &Packet<'_>) {
        self.0.send(packet);
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.send_bytes(bytes);
    }

    pub fn expect_connack(&mut self) {
        let packet = self.read_packet().expect("an answer");
        assert_eq!((packet[0], packet[3]), (0x20, 0), "CONNACK with success");
    }

    /// The next packet is this one, byte by byte.
    #[track_caller]
    pub fn expect(&mut self, packet: &Packet<'_>) {
        let arrived = self.read_packet().expect("the connection is open");
        assert!(arrived == encoded(packet, self.0.protocol), "{} bytes arrived", arrived.len());
    }

    /// DISCONNECT with this reason, then the end of the stream.
    #[track_caller]
    pub fn expect_disconnect(&mut self, reason: ReasonCode) {
        let packet = self.read_packet().expect("DISCONNECT");
        assert_eq!((packet[0], packet[2]), (0xE0, reason.byte()));
        self.expect_end();
    }

    /// The end of the stream, and no reset.
    #[track_caller]
    pub fn expect_end(&mut self) {
        assert_eq!(self.read_packet(), None);
    }

    /// The next packet; `None` at the end of the stream.
    #[track_caller]
    pub fn read_packet(&mut self) -> Option<Vec<u8>> {
        self.0.read_packet()
    }
}

/// CONNECT with Clean Start and without keep alive.
pub fn connect(protocol: Protocol, client_id: &str) -> Packet<'_> {
    Packet::Connect(Box::new(codec::Connect::new(protocol, client_id)))
}

pub fn subscribe(filter: &str) -> Packet<'_> {
    Packet::Subscribe(Subscribe {
        packet_id: PacketId::MIN,
        filters: vec![SubscribeFilter { filter, options: SubscriptionOptions::default() }],
        user_properties: Vec::new(),
    })
}

/// At QoS 0.
pub fn publish<'a>(topic: &'a str, payload: &'a [u8]) -> Packet<'a> {
    Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic,
        packet_id: None,
        properties: PublishProperties::default(),
        payload,
    })
}
