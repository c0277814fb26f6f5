use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use fulmar::codec::{self, Connect, Packet, Publish, PublishProperties};
use fulmar::types::{PacketId, Protocol, QoS};

use crate::service::PATIENCE;

/// CONNACK of 3.1.1 for a client that is let in.
pub const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
/// Bad user name or password.
pub const REFUSED: [u8; 4] = [0x20, 2, 0, 4];

/// A socket that waits no longer than a test does.
pub fn open(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("somebody listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("above zero");
    socket
}

/// The first packet of a client without a session.
pub fn connect(client_id: &str) -> Vec<u8> {
    encoded(&Packet::Connect(Box::new(Connect::new(Protocol::V311, client_id))))
}

/// CONNACK as `client_id` gets it.
pub fn introduce(socket: &mut (impl Read + Write), client_id: &str) -> [u8; 4] {
    socket.write_all(&connect(client_id)).expect("the broker reads");
    answer(socket)
}

/// CONNACK as somebody with this password gets it.
pub fn login(address: SocketAddr, user: &str, password: &str) -> [u8; 4] {
    let connect = Connect {
        username: Some(user),
        password: Some(password.as_bytes()),
        ..Connect::new(Protocol::V311, "c")
    };
    let mut socket = open(address);
    socket.write_all(&encoded(&Packet::Connect(Box::new(connect)))).expect("the broker reads");
    answer(&mut socket)
}

/// A message that has to be kept.
pub fn retained() -> Vec<u8> {
    encoded(&Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: "kept",
        packet_id: PacketId::new(1),
        properties: PublishProperties::default(),
        payload: b"x",
    }))
}

/// The next packet, of four bytes.
pub fn answer(socket: &mut impl Read) -> [u8; 4] {
    let mut bytes = [0; 4];
    socket.read_exact(&mut bytes).expect("an answer");
    bytes
}

fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(packet, Protocol::V311, &mut bytes);
    bytes
}
