use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::authority::Authority;
use crate::broker::{Broker, listener, mqtts};
use crate::client::{self, introduce};

const TRUSTED: &str = "proxy_protocol = true\nproxy_trusted = '127.0.0.0/8'\n";
const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 1883\r\n";
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\xc6\x33\x64\x01\xc3\x50\x07\x5b";

#[test]
fn the_address_is_the_one_that_a_trusted_proxy_names() {
    let broker = Broker::start(&listener(TRUSTED));
    for (header, id, address) in [
        (V1, "first", "192.0.2.7:50000"),
        (V2, "second", "192.0.2.8:50000"),
        (b"PROXY UNKNOWN\r\n", "third", "127.0.0.1:"),
    ] {
        let mut socket = client::tcp(broker.address("it"));
        socket.write_all(header).expect("the broker reads");
        introduce(&mut socket, id);

        let line = broker.await_log(&format!("client={id}"));
        assert!(line.contains(&format!("address={address}")), "{line}");
    }
}

#[test]
fn the_header_stands_before_tls() {
    let authority = Authority::new();
    let identity = authority.localhost();
    let broker = Broker::start(&mqtts(&identity.cert, &identity.key, TRUSTED));

    let mut socket = client::tls(broker.address("it"), &authority.ca());
    socket.sock.write_all(V2).expect("the broker reads");
    introduce(&mut socket, "behind");

    assert!(broker.await_log("client=behind").contains("address=192.0.2.8:50000"));
}

#[test]
fn who_is_no_trusted_proxy_is_not_let_in() {
    let broker = Broker::start(&listener("proxy_protocol = true\nproxy_trusted = '192.0.2.0/24'"));

    let mut socket = client::tcp(broker.address("it"));
    // The broker may be quicker to close than we are to send.
    let _ = socket.write_all(V1);

    assert_eq!(socket.read(&mut [0]).unwrap_or(0), 0);
    broker.await_log("it comes from an address that is not in proxy_trusted");
}

#[test]
fn a_connection_without_a_header_is_ended() {
    let broker = Broker::start(&listener(TRUSTED));

    let mut socket = client::tcp(broker.address("it"));
    socket.write_all(&client::connect("bare")).expect("the broker reads");

    assert_eq!(socket.read(&mut [0]).unwrap_or(0), 0);
    broker.await_log("PROXY protocol: no PROXY header");
}

#[test]
fn a_header_has_its_time() {
    let config = listener(&format!("{TRUSTED}[limits]\nhandshake_timeout_secs = 1"));
    let broker = Broker::start(&config);

    let mut socket = client::tcp(broker.address("it"));
    socket.write_all(&V2[..20]).expect("the broker reads");

    assert_eq!(socket.read(&mut [0]).expect("an end"), 0);
    broker.await_log("the PROXY header was not complete in time");
}

#[test]
fn clients_behind_a_local_proxy_are_not_taken_for_local() {
    let broker =
        Broker::start(&format!("[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\n{TRUSTED}"));

    let mut socket = client::tcp(broker.address("it"));
    socket.write_all(V1).expect("the broker reads");
    socket.write_all(&client::connect("far")).expect("the broker reads");

    client::expect(&mut socket, &[0x20, 2, 0, 5]);
}

#[test]
fn whoever_reaches_a_unix_socket_is_trusted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("mqtt.sock");
    let broker = Broker::start(&format!(
        "[[listeners]]\nunix.path = '{}'\nproxy_protocol = true\nallow_anonymous = true",
        path.display()
    ));

    let mut socket = UnixStream::connect(&path).expect("the broker listens");
    socket.write_all(V1).expect("the broker reads");
    introduce(&mut socket, "named");

    assert!(broker.await_log("client=named").contains("address=192.0.2.7:50000"));
}
