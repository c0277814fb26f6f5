//! The whole server over real sockets: what neither the state machines nor the pipes can show.

#![allow(clippy::disallowed_methods, reason = "real sockets take real time, and it is measured")]

#[path = "../common/process.rs"]
mod binary;
mod client;
mod process;
mod store;
#[path = "../common/wire.rs"]
mod wire;

use std::borrow::Cow;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use client::{Client, connect, publish, subscribe};
use fulmar::codec::{Disconnect, LastWill, Packet};
use fulmar::config::{Config, Listener};
use fulmar::server::Running;
use fulmar::types::Protocol::{V5, V311};
use fulmar::types::{QoS, ReasonCode};
use wire::encoded;

#[test]
fn a_message_goes_from_one_client_to_another_in_either_version_on_one_thread_and_on_several() {
    for worker_threads in [1, 2] {
        let server = start(|config| config.runtime.worker_threads = worker_threads);
        for (from, to) in [(V5, V5), (V5, V311), (V311, V5), (V311, V311)] {
            let mut subscriber = Client::subscribed(address(&server), to, "subscriber", "a/+");
            let mut publisher = Client::connect(address(&server), from, "publisher");

            publisher.send(&publish("a/b", b"hello"));

            subscriber.expect(&publish("a/b", b"hello"));
        }
    }
}

#[test]
fn a_packet_may_come_byte_by_byte() {
    let server = start(|_| {});
    let mut client = Client::open(address(&server), V5);

    for byte in encoded(&connect(V5, "c"), V5) {
        client.send_bytes(&[byte]);
    }
    client.expect_connack();
    for byte in encoded(&Packet::PingReq, V5) {
        client.send_bytes(&[byte]);
    }

    client.expect(&Packet::PingResp);
}

#[test]
fn ten_thousand_packets_may_come_in_one_write_behind_connect() {
    let server = start(|_| {});
    let mut client = Client::open(address(&server), V311);
    let mut bytes = encoded(&connect(V311, "c"), V311);
    bytes.extend(encoded(&subscribe("n"), V311));
    let numbers: Vec<String> = (0..10_000).map(|number| format!("{number}")).collect();
    for number in &numbers {
        bytes.extend(encoded(&publish("n", number.as_bytes()), V311));
    }

    client.send_bytes(&bytes);

    client.expect_connack();
    assert_eq!(client.read_packet().expect("SUBACK")[0], 0x90);
    for number in &numbers {
        client.expect(&publish("n", number.as_bytes()));
    }
}

#[test]
fn a_large_payload_arrives_whole_at_every_subscriber() {
    let server = start(|_| {});
    let address = address(&server);
    let mut subscribers =
        ["one", "two", "three"].map(|id| Client::subscribed(address, V5, id, "large"));
    let mut publisher = Client::connect(address, V5, "publisher");
    let payload: Vec<u8> = (0..1024 * 1024_u32).map(|at| (at ^ (at >> 8)) as u8).collect();

    publisher.send(&publish("large", &payload));
    publisher.send(&publish("large", b"behind it"));

    for subscriber in &mut subscribers {
        subscriber.expect(&publish("large", &payload));
        subscriber.expect(&publish("large", b"behind it"));
    }
}

#[test]
fn a_slow_reader_costs_only_itself() {
    let server = start(|_| {});
    let address = address(&server);
    let _slow = Client::subscribed(address, V5, "slow", "flood");
    let mut quick = Client::subscribed(address, V5, "quick", "flood");
    let mut publisher = Client::connect(address, V5, "publisher");
    let payload = vec![b'x'; 32 * 1024];

    for _ in 0..1000 {
        publisher.send(&publish("flood", &payload));
        quick.expect(&publish("flood", &payload));
    }
}

#[test]
fn a_publisher_that_reads_no_answers_is_no_longer_read() {
    let server = start(|config| config.limits.replies_max = 10);
    let address = address(&server);
    let mut greedy = Client::connect(address, V311, "greedy");
    greedy.0.socket.set_write_timeout(Some(Duration::from_secs(1))).expect("above zero");
    // The server's answers are many times the size of the questions.
    let asked = encoded(&subscribe("a"), V311);

    let flood = (0..100_000).map(|_| &asked).try_for_each(|bytes| {
        use std::io::Write;
        greedy.0.socket.write_all(&bytes.repeat(1000))
    });

    assert!(flood.is_err(), "the server stops reading");
    Client::connect(address, V311, "other").send(&Packet::PingReq);
}

#[test]
fn a_connection_without_connect_is_closed() {
    let server = start(|config| config.limits.connect_timeout_secs = 1);
    let began = Instant::now();
    let mut silent = Client::open(address(&server), V5);

    silent.expect_end();

    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

#[test]
fn a_client_that_falls_silent_is_disconnected() {
    let server = start(|_| {});
    let mut client = Client::open(address(&server), V5);
    let mut packet = connect(V5, "c");
    if let Packet::Connect(connect) = &mut packet {
        connect.keep_alive_secs = 1;
    }
    client.send(&packet);
    client.expect_connack();

    client.expect_disconnect(ReasonCode::KeepAliveTimeout);
}

#[test]
fn the_end_of_the_stream_without_disconnect_publishes_the_will() {
    let server = start(|_| {});
    let mut heir = Client::subscribed(address(&server), V5, "heir", "will");
    let mut client = Client::open(address(&server), V5);
    client.send(&with_will(connect(V5, "c")));
    client.expect_connack();

    client.0.socket.shutdown(Shutdown::Both).expect("open");

    heir.expect(&publish("will", b"gone"));
}

#[test]
fn disconnect_behind_a_burst_keeps_the_will_from_being_published() {
    let server = start(|_| {});
    let mut heir = Client::subscribed(address(&server), V311, "heir", "#");
    let mut client = Client::open(address(&server), V311);
    client.send(&with_will(connect(V311, "c")));
    client.expect_connack();

    let mut bytes = encoded(&publish("a", b""), V311).repeat(10_000);
    bytes.extend(encoded(&Packet::Disconnect(Disconnect::default()), V311));
    client.send_bytes(&bytes);
    drop(client);

    for _ in 0..10_000 {
        heir.expect(&publish("a", b""));
    }
    let mut other = Client::connect(address(&server), V311, "other");
    other.send(&publish("next", b""));
    heir.expect(&publish("next", b""));
}

#[test]
fn a_client_at_fault_reads_why_however_much_it_sends() {
    let server = start(|_| {});
    let mut client = Client::connect(address(&server), V5, "c");
    let second_connect = encoded(&connect(V5, "c"), V5);

    client.send_bytes(&[second_connect, vec![0; 512 * 1024]].concat());

    client.expect_disconnect(ReasonCode::ProtocolError);
}

#[test]
fn a_server_that_stops_tells_its_clients() {
    let server = start(|_| {});
    let mut new = Client::connect(address(&server), V5, "new");
    let mut old = Client::connect(address(&server), V311, "old");

    let stopping = std::thread::spawn(move || server.stop());

    new.expect_disconnect(ReasonCode::ServerShuttingDown);
    old.expect_end();
    drop((new, old));
    stopping.join().expect("stops");
}

#[test]
fn a_server_that_stops_waits_for_its_clients_no_longer_than_its_grace() {
    let server = start(|config| config.limits.shutdown_grace_secs = 1);
    let address = address(&server);
    let mut publisher = Client::connect(address, V5, "publisher");
    let stuck = Client::subscribed(address, V5, "stuck", "flood");
    for _ in 0..200 {
        publisher.send(&publish("flood", &vec![b'x'; 64 * 1024]));
    }
    publisher.send(&Packet::PingReq);
    publisher.expect(&Packet::PingResp);

    let began = Instant::now();
    server.stop();

    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(3), "{took:?}");
    drop(stuck);
}

#[test]
fn clients_reach_the_same_broker_through_every_listener() {
    let server = start(|config| config.listeners = vec![loopback(), loopback()]);
    let [first, second] = *server.addresses() else { panic!("two listeners") };
    let mut subscriber = Client::subscribed(first, V5, "subscriber", "a");
    let mut publisher = Client::connect(second, V5, "publisher");

    publisher.send(&publish("a", b"x"));

    subscriber.expect(&publish("a", b"x"));
}

#[test]
fn every_address_that_is_not_to_be_had_is_named() {
    let taken = [listen(), listen()];
    let addresses = taken.each_ref().map(|taken| taken.local_addr().expect("bound"));
    let listeners = addresses.map(Listener::at).to_vec();
    let config = Config { listeners, ..Config::in_memory() };

    let error = Running::start(config).expect_err("both are taken").to_string();

    for address in addresses {
        assert!(error.contains(&format!("cannot listen on {address}")), "{error}");
    }
}

#[test]
fn a_listener_that_does_not_allow_anonymous_clients_refuses_them() {
    let closed = Listener { allow_anonymous: false, ..loopback() };
    let server = start(|config| config.listeners = vec![closed]);
    let mut client = Client::open(address(&server), V311);

    client.send(&connect(V311, "c"));

    assert_eq!(client.read_packet().expect("CONNACK"), [0x20, 2, 0, 5], "not authorized");
    client.expect_end();
}

#[test]
fn one_connection_more_than_allowed_is_closed_and_room_is_made_by_one_that_goes() {
    let server = start(|config| config.limits.connections_max = 2);
    let first = Client::connect(address(&server), V5, "first");
    let _second = Client::connect(address(&server), V5, "second");

    let mut third = Client::open(address(&server), V5);
    third.expect_end();
    drop(first);

    wait_until(|| {
        let mut fourth = Client::open(address(&server), V5);
        fourth.send(&connect(V5, "fourth"));
        fourth.0.socket.set_read_timeout(Some(Duration::from_millis(500))).expect("above zero");
        fourth.0.socket.peek(&mut [0]).is_ok_and(|count| count > 0)
    });
}

#[test]
fn two_hundred_clients_at_once_are_answered() {
    let server = start(|_| {});
    let address = address(&server);
    let mut clients: Vec<Client> =
        (0..200).map(|number| Client::connect(address, V5, &format!("c{number}"))).collect();

    clients.iter_mut().for_each(|client| client.send(&Packet::PingReq));

    clients.iter_mut().for_each(|client| client.expect(&Packet::PingResp));
}

/// A server on a free port of this machine, with a changed configuration.
fn start(change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config { listeners: vec![loopback()], ..Config::in_memory() };
    config.sys.interval_secs = 0;
    change(&mut config);
    Running::start(config).expect("a free port")
}

fn loopback() -> Listener {
    Listener::at(SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn address(server: &Running) -> SocketAddr {
    server.addresses()[0]
}

fn listen() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).expect("a free port")
}

fn with_will(mut packet: Packet<'_>) -> Packet<'_> {
    if let Packet::Connect(connect) = &mut packet {
        connect.will = Some(LastWill {
            qos: QoS::AtMostOnce,
            retain: false,
            topic: "will",
            payload: b"gone",
            delay_secs: None,
            message_expiry_secs: None,
            passed_on: Cow::Borrowed(&[]),
        });
    }
    packet
}

/// Asks until the answer is yes: for what the server does after it has answered.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    assert!((0..40).any(|_| is_so()), "it never came about");
}
