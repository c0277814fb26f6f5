use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use fulmar::codec::{Connect, Packet, Publish, PublishProperties};
use fulmar::types::Protocol::V311;
use fulmar::types::{PacketId, QoS};

use crate::service::PATIENCE;
use crate::wire::encoded;

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
    encoded(&Packet::Connect(Box::new(Connect::new(V311, client_id))), V311)
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
        ..Connect::new(V311, "c")
    };
    let mut socket = open(address);
    socket
        .write_all(&encoded(&Packet::Connect(Box::new(connect)), V311))
        .expect("the broker reads");
    answer(&mut socket)
}

/// A message that has to be kept.
pub fn retained() -> Vec<u8> {
    let publish = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: "kept",
        packet_id: PacketId::new(1),
        properties: PublishProperties::default(),
        payload: b"x",
    };
    encoded(&Packet::Publish(publish), V311)
}

/// The next packet, of four bytes.
pub fn answer(socket: &mut impl Read) -> [u8; 4] {
    let mut bytes = [0; 4];
    socket.read_exact(&mut bytes).expect("an answer");
    bytes
}
