//! Clients: those that behave, and sockets for all others.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use fulmar::codec::{
    self, Auth, Connect, Packet, Publish, PublishProperties, Subscribe, SubscribeFilter,
};
use fulmar::types::{PacketId, Protocol, QoS, ReasonCode, SubscriptionOptions};
use socket2::{Domain, Socket, Type};

use crate::broker::{Broker, DEADLINE};
use crate::wire::{Link, encoded};

pub const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
/// Return code 3, Server unavailable.
pub const UNAVAILABLE: [u8; 4] = [0x20, 2, 0, 3];
/// Return code 4, bad user name or password.
pub const WRONG_PASSWORD: [u8; 4] = [0x20, 2, 0, 4];
/// Return code 5, not authorized: also for who is banned.
pub const NOT_AUTHORIZED: [u8; 4] = [0x20, 2, 0, 5];

/// A client that speaks 3.1.1 unless told otherwise.
pub struct Client {
    pub link: Link,
    /// What CONNACK of 5.0 said.
    pub maximum_packet_size: Option<u32>,
}

/// A socket from 127.0.0.`host`, whatever becomes of it.
pub fn socket_from(host: u8, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())?;
    socket.connect(&address.into())?;
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(DEADLINE))?;
    socket.set_write_timeout(Some(DEADLINE))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// A socket from there whose client has said so much and no more.
pub fn begin_from(host: u8, address: SocketAddr, start: &[u8]) -> TcpStream {
    let mut socket = socket_from(host, address).expect("the kernel accepts");
    socket.write_all(start).expect("open");
    socket
}

/// Whether the broker closes `socket` without a word.
pub fn is_closed(socket: &mut TcpStream) -> bool {
    match socket.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        Err(error) => panic!("it stays open: {error}"),
    }
}

/// Whether the broker closes a new socket from there without a word, as it does where it is too many.
pub fn is_refused(host: u8, address: SocketAddr) -> bool {
    let mut socket = socket_from(host, address).expect("the kernel accepts");
    // Only who has been let in gets an answer.
    let sent = socket.write_all(&connect("probe", None));
    sent.is_err() || is_closed(&mut socket)
}

impl Client {
    /// A connected client from 127.0.0.`host`.
    #[track_caller]
    pub fn connect(host: u8, address: SocketAddr, client_id: &str) -> Self {
        let (client, answer) = Self::try_connect(host, address, &connect(client_id, None));
        assert_eq!(answer, CONNACK);
        client
    }

    /// A connected client that speaks 5.0.
    #[track_caller]
    pub fn connect_v5(host: u8, address: SocketAddr, client_id: &str) -> Self {
        let packet = Packet::Connect(Box::new(Connect::new(Protocol::V5, client_id)));
        let (mut client, answer) =
            Self::try_connect(host, address, &encoded(&packet, Protocol::V5));
        assert_eq!((answer[0], answer[3]), (0x20, 0), "{answer:?}");
        client.link.protocol = Protocol::V5;
        let frame = codec::frame(&answer, usize::MAX).expect("a packet").expect("a whole one");
        match codec::decode(frame, Protocol::V5).expect("a packet") {
            Packet::ConnAck(connack) => client.maximum_packet_size = connack.maximum_packet_size,
            other => panic!("no CONNACK but {other:?}"),
        }
        client
    }

    /// Sends `packet` as the first one and reads the answer; an empty one where the broker closes.
    #[track_caller]
    pub fn try_connect(host: u8, address: SocketAddr, packet: &[u8]) -> (Self, Vec<u8>) {
        let socket = socket_from(host, address).expect("the kernel accepts");
        let link = Link::new(socket, Protocol::V311);
        let mut client = Self { link, maximum_packet_size: None };
        if client.link.socket.write_all(packet).is_err() {
            return (client, Vec::new());
        }
        let answer = client.read_packet().unwrap_or_default();
        (client, answer)
    }

    /// The broker still answers, and soon enough for people who wait.
    #[track_caller]
    pub fn ping(&mut self) {
        let begun = Instant::now();
        self.link.ping();
        assert!(begun.elapsed() < DEADLINE / 2, "{:?}", begun.elapsed());
    }

    #[track_caller]
    pub fn subscribe(&mut self, filter: &str) {
        let options = SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() };
        self.send(&Packet::Subscribe(Subscribe {
            packet_id: PacketId::MIN,
            filters: vec![SubscribeFilter { filter, options }],
            user_properties: Vec::new(),
        }));
        assert_eq!(self.read_packet().expect("an answer")[0], 0x90, "SUBACK");
    }

    /// Publishes at QoS 1; returns the reason in PUBACK, 0 where it has none.
    #[track_caller]
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> u8 {
        self.send_publish(topic, payload);
        let answer = self.read_packet().expect("an answer");
        assert_eq!(answer[0], 0x40, "PUBACK");
        answer.get(4).copied().unwrap_or(0)
    }

    pub fn send_publish(&mut self, topic: &str, payload: &[u8]) {
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic,
            packet_id: Some(PacketId::MIN),
            properties: PublishProperties::default(),
            payload,
        }));
    }

    /// The next PUBLISH; acknowledged if it has an identifier.
    #[track_caller]
    pub fn receive(&mut self) -> (String, Vec<u8>) {
        let bytes = self.read_packet().expect("the connection is open");
        let frame = codec::frame(&bytes, usize::MAX).expect("a packet").expect("a whole one");
        let (topic, payload, id) = match codec::decode(frame, self.link.protocol).expect("a packet")
        {
            Packet::Publish(it) => (it.topic.to_owned(), it.payload.to_vec(), it.packet_id),
            other => panic!("no PUBLISH but {other:?}"),
        };
        if let Some(id) = id {
            let [high, low] = id.get().to_be_bytes();
            self.link.send_bytes(&[0x40, 2, high, low]);
        }
        (topic, payload)
    }

    /// The next packet; `None` at the end of the stream, however it comes.
    #[track_caller]
    pub fn read_packet(&mut self) -> Option<Vec<u8>> {
        match self.link.try_read_packet() {
            Ok(packet) => packet,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    /// Goes on with an exchange; returns the packet that answers.
    #[track_caller]
    pub fn send_auth(&mut self, method: &str, data: &[u8]) -> Vec<u8> {
        let packet = Packet::Auth(Auth {
            reason: ReasonCode::ContinueAuthentication,
            authentication_method: Some(method),
            authentication_data: Some(data),
            ..Auth::default()
        });
        self.link.send_bytes(&encoded(&packet, Protocol::V5));
        self.read_packet().expect("an answer")
    }

    fn send(&mut self, packet: &Packet<'_>) {
        self.link.send(packet);
    }
}

/// CONNECT of 3.1.1 with a clean session, and with a user name and a password.
pub fn connect(client_id: &str, credentials: Option<(&str, &str)>) -> Vec<u8> {
    let mut packet = Connect::new(Protocol::V311, client_id);
    packet.username = credentials.map(|(user, _)| user);
    packet.password = credentials.map(|(_, password)| password.as_bytes());
    encoded(&Packet::Connect(Box::new(packet)), Protocol::V311)
}

/// The same of 5.0.
pub fn connect_v5(client_id: &str) -> Vec<u8> {
    encoded(&Packet::Connect(Box::new(Connect::new(Protocol::V5, client_id))), Protocol::V5)
}

/// CONNECT of 5.0 that begins an exchange.
pub fn connect_by(method: &str, data: &[u8]) -> Vec<u8> {
    let mut packet = Connect::new(Protocol::V5, "exchange");
    (packet.authentication_method, packet.authentication_data) = (Some(method), Some(data));
    encoded(&Packet::Connect(Box::new(packet)), Protocol::V5)
}

/// The data in an AUTH packet.
#[track_caller]
pub fn auth(packet: &[u8]) -> String {
    let frame = codec::frame(packet, usize::MAX).expect("a packet").expect("a whole one");
    match codec::decode(frame, Protocol::V5).expect("a packet") {
        Packet::Auth(auth) => {
            let data = auth.authentication_data.unwrap_or_default();
            String::from_utf8(data.to_vec()).expect("text")
        }
        other => panic!("no AUTH but {other:?}"),
    }
}

/// Waits until `$SYS/broker/protection/<name>` is at least this.
#[track_caller]
pub fn await_sys(broker: &Broker, name: &str, least: u64) -> u64 {
    let mut client = Client::connect(250, broker.address(), "watcher");
    client.subscribe(&format!("$SYS/broker/protection/{name}"));
    let begun = Instant::now();
    loop {
        let (_, payload) = client.receive();
        let value = String::from_utf8_lossy(&payload).parse().expect("a number");
        if value >= least {
            return value;
        }
        assert!(begun.elapsed() < DEADLINE, "{name} is {value}");
    }
}

/// Waits until somebody from there comes in: the broker finds out that others have gone when it looks.
#[track_caller]
pub fn await_room(host: u8, broker: &Broker) {
    let begun = Instant::now();
    while is_refused(host, broker.address()) {
        assert!(begun.elapsed() < DEADLINE, "no room:\n{}", broker.log());
    }
}
