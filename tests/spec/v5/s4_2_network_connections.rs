use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::common::*;
use fulmar::config::{Config, Listener};
use fulmar::server::Running;

// [MQTT-4.2-1]
#[test]
fn the_server_speaks_mqtt_over_tcp() {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listeners = vec![Listener::at(address)];
    let server = Running::start(Config { listeners, ..Config::in_memory() }).expect("a free port");
    let mut socket = TcpStream::connect(server.addresses()[0]).expect("the server listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a time above zero");

    socket.write_all(&connect_v5(0x02, &[&string("client")])).expect("the server reads");
    socket.write_all(b"\xc0\0\xe0\0").expect("the server reads");

    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("the server closes in time");
    assert_eq!(answer[..2], [0x20, answer.len() as u8 - 4], "CONNACK");
    assert_eq!(answer[answer.len() - 2..], *b"\xd0\0", "PINGRESP");
}

// [MQTT-4.2-1]
#[test]
fn packets_are_the_same_however_the_stream_of_bytes_is_cut() {
    let bytes = [
        &connect_v5(0x02, &[&string("client")])[..],
        b"\x82\x07\0\x01\0\0\x01t\x01",
        b"\x34\x07\0\x01u\0\x01\0x\x62\x02\0\x01\xc0\0",
    ]
    .concat();
    let answers = |chunk: usize| {
        let mut client = World::new().connect_raw();
        bytes.chunks(chunk).for_each(|part| client.send_bytes(part));
        client.received()
    };
    assert_eq!(answers(bytes.len()).len(), 5);
    for chunk in 1..bytes.len() {
        assert_eq!(answers(chunk), answers(bytes.len()), "in parts of {chunk} bytes");
    }
}
