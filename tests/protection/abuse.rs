//! What attackers do, and that a client that behaves does not notice.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::broker::Broker;
use crate::client::{Client, await_room, await_sys, connect, is_closed, socket_from};

#[test]
fn a_connect_that_comes_byte_by_byte_has_no_more_time_than_one_that_comes_at_once() {
    let broker = Broker::limited("connect_timeout_secs = 2");
    let mut neighbour = Client::connect(2, broker.address(), "neighbour");
    let packet = connect(&"slow".repeat(100), None);
    let mut sockets: Vec<TcpStream> =
        (0..50).map(|_| socket_from(1, broker.address()).expect("accepted")).collect();

    let mut sent = 0;
    for byte in &packet {
        let alive = sockets.iter_mut().filter_map(|socket| socket.write_all(&[*byte]).ok());
        if alive.count() == 0 {
            break;
        }
        sent += 1;
        neighbour.ping();
        thread::sleep(Duration::from_millis(50));
    }

    assert!(sent < packet.len(), "nobody came in by patience");
    assert!(sockets.iter_mut().all(is_closed));
    let line = broker.await_log("no accepted CONNECT in time");
    assert!(line.contains("address=127.0.0.1:"), "{line}");
}

#[test]
fn sockets_that_never_say_anything_are_closed_and_make_room() {
    let limits = "connect_timeout_secs = 2\nunauthenticated_max = 20";
    let broker = Broker::limited(limits);
    let mut neighbour = Client::connect(2, broker.address(), "neighbour");
    let mut silent: Vec<TcpStream> =
        (0..40).map(|_| socket_from(1, broker.address()).expect("accepted")).collect();
    neighbour.ping();

    assert!(silent.iter_mut().all(is_closed), "half at once, half when their time was up");

    await_room(3, &broker);
    assert!(await_sys(&broker, "refused/unauthenticated", 20) >= 20);
}

#[test]
fn a_client_that_never_reads_costs_its_own_queue_and_nobody_elses() {
    let listener = "[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\n";
    let queue = "[session]\nqueue_messages_max = 50\n[store]\ndurability = 'memory'\n";
    let broker = Broker::start(&format!("{listener}{queue}"));
    let mut deaf = Client::connect(1, broker.address(), "deaf");
    deaf.subscribe("t");
    let mut neighbour = Client::connect(2, broker.address(), "neighbour");
    neighbour.subscribe("t");
    let mut publisher = Client::connect(3, broker.address(), "publisher");

    for number in 0..400_u32 {
        let payload = [&number.to_be_bytes()[..], &[b'x'; 60_000]].concat();
        publisher.publish("t", &payload);
        assert_eq!(neighbour.receive().1, payload);
    }

    neighbour.ping();
    drop(deaf);
}

#[test]
fn a_packet_that_is_too_large_ends_its_connection_before_it_has_come() {
    let broker = Broker::limited("packet_bytes_max = 1000\nconnect_bytes_max = 200");
    let mut neighbour = Client::connect(2, broker.address(), "neighbour");

    let mut large = Client::connect_v5(1, broker.address(), "large");
    // PUBLISH of 256 MiB, of which nothing comes.
    large.link.socket.write_all(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]).expect("open");
    assert_eq!(large.read_packet().as_deref(), Some(&[0xE0, 1, 0x95][..]), "Packet too large");
    assert!(is_closed(&mut large.link.socket));

    let mut unknown = socket_from(1, broker.address()).expect("accepted");
    unknown.write_all(&[0x10, 0xC9, 0x01]).expect("open");
    assert!(is_closed(&mut unknown), "a CONNECT of 204 bytes");
    neighbour.ping();
    let line = broker.await_log("0x95");
    assert!(line.contains("client=large") && line.contains("address=127.0.0.1:"), "{line}");
}

#[test]
fn each_listener_has_its_own_packet_size_or_the_common_one() {
    let broker = Broker::start(
        "[[listeners]]\nname = 'own'\naddress = '127.0.0.1:0'\nlimits.packet_bytes_max = 1_000\n\
         [[listeners]]\nname = 'common'\naddress = '127.0.0.1:0'\n\
         [limits]\npacket_bytes_max = 2_000\n",
    );
    for (listener, limit) in [("own", 1_000_u32), ("common", 2_000)] {
        let address = broker.address_of(listener);
        let mut client = Client::connect_v5(1, address, listener);
        assert_eq!(client.maximum_packet_size, Some(limit), "{listener}");

        // PUBLISH of QoS 0: three bytes of header, three of topic, one without properties.
        let publish = |bytes: usize| {
            let len = bytes - 3;
            let header = [0x30, (len % 128) as u8 | 0x80, (len / 128) as u8, 0, 1, b't', 0];
            [&header[..], &vec![b'x'; len - 4]].concat()
        };
        client.link.socket.write_all(&publish(limit as usize)).expect("open");
        client.ping();

        client.link.socket.write_all(&publish(limit as usize + 1)).expect("open");
        assert_eq!(client.read_packet().as_deref(), Some(&[0xE0, 1, 0x95][..]), "{listener}");
        assert!(is_closed(&mut client.link.socket));
    }
}

#[test]
fn a_flood_of_messages_does_not_stop_its_neighbours() {
    let broker = Broker::limited("publish_bytes_per_second = 100_000\npublish_burst_secs = 1");
    let address = broker.address();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..4 {
            let over = &over;
            scope.spawn(move || flood(Client::connect(1, address, &format!("f{number}")), over));
        }
        let mut neighbour = Client::connect(2, address, "neighbour");
        neighbour.subscribe("quiet");
        for _ in 0..20 {
            neighbour.ping();
            thread::sleep(Duration::from_millis(50));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(await_sys(&broker, "publish/pauses", 4) >= 4);
}

#[test]
fn a_storm_of_wrong_logins_does_not_keep_a_good_client_out() {
    let auth = "[bans]\naddress_failures_max = 20";
    let broker = Broker::with_passwords("", auth);
    let address = broker.address();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for host in 1..=4 {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    Client::try_connect(host, address, &connect("x", Some(("ann", "guess"))));
                }
            });
        }
        for number in 0..5 {
            let packet = connect(&format!("good{number}"), Some(("ann", "right")));
            let (mut good, answer) = Client::try_connect(9, address, &packet);
            assert_eq!(answer[3], 0, "{answer:?}");
            good.ping();
        }
        broker.await_log("banned subject=address");
        over.store(true, Ordering::Relaxed);
    });
    assert!(!broker.log().contains("guess"));
}

/// Publishes until that is over, or until the broker reads no more.
fn flood(mut client: Client, over: &AtomicBool) {
    client.link.socket.set_nonblocking(true).expect("a socket");
    let packet = [&[0x30, 0xFF, 0x07, 0, 1, b't'][..], &[b'x'; 1_020]].concat();
    let mut rest: &[u8] = &packet;
    while !over.load(Ordering::Relaxed) {
        match client.link.socket.write(rest) {
            Ok(count) if count < rest.len() => rest = &rest[count..],
            Ok(_) => rest = &packet,
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}
