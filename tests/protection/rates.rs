//! How fast they may be.

use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::client::{Client, await_sys, is_refused};

#[test]
fn an_address_connects_as_fast_as_it_may_and_no_faster() {
    let limits = "connects_per_minute_per_address = 1\nconnects_burst_per_address = 3";
    let broker = Broker::limited(limits);
    let mut there = [1, 1, 1].map(|host| Client::connect(host, broker.address(), ""));

    assert!(is_refused(1, broker.address()));

    let line = broker.await_log("connects_per_minute_per_address");
    assert!(line.contains("address=\"127.0.0.1:"), "{line}");
    there.iter_mut().for_each(Client::ping);
    Client::connect(2, broker.address(), "other").ping();
    assert_eq!(await_sys(&broker, "refused/address_rate", 1), 1);
}

#[test]
fn a_storm_of_connections_is_refused_before_tls() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut certs = crate::process::fulmar();
    let made = certs.args(["certs", "dev", "--dir"]).arg(directory.path()).output().expect("built");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (cert, key) = (file("server.crt"), file("server.key"));
    let tls = format!("protocol = 'mqtts'\ntls.cert = '{cert}'\ntls.key = '{key}'");
    let broker = Broker::start(&format!(
        "[[listeners]]\nname = 'tls'\naddress = '127.0.0.1:0'\n{tls}\n\
         [[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\n\
         [limits]\nexempt_addresses = []\nconnects_per_minute_per_address = 1\n\
         connects_burst_per_address = 10\n"
    ));
    let mut neighbour = Client::connect(2, broker.address(), "neighbour");

    let refused = (0..300).filter(|_| is_refused(1, broker.address_of("tls"))).count();

    assert_eq!(refused, 290, "ten are told that this is no TLS, the others nothing");
    neighbour.ping();
    assert_eq!(await_sys(&broker, "refused/address_rate", 290), 290);
    let lines = broker.log().matches("connection refused").count();
    assert!(lines < 290, "the log has a limit: {lines}");
}

#[test]
fn a_client_that_publishes_too_fast_is_slowed_down_and_its_neighbour_is_not() {
    let broker = Broker::limited("publish_messages_per_second = 20\npublish_burst_secs = 1");
    let mut subscriber = Client::connect(1, broker.address(), "subscriber");
    subscriber.subscribe("t");
    let mut fast = Client::connect(1, broker.address(), "fast");
    let begun = Instant::now();

    for _ in 0..80 {
        assert_eq!(fast.publish("t", b"m"), 0);
    }

    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    (0..80).for_each(|_| assert_eq!(subscriber.receive().1, b"m", "nothing is lost"));
    let line = broker.await_log("publishes faster than it may");
    assert!(line.contains("client=fast") && line.contains("address=127.0.0.1:"), "{line}");
    assert!(await_sys(&broker, "publish/pauses", 1) >= 1);
}

#[test]
fn who_connects_again_and_again_publishes_no_faster() {
    let broker = Broker::limited("publish_messages_per_second = 10\npublish_burst_secs = 1");
    let begun = Instant::now();

    for _ in 0..6 {
        let mut client = Client::connect(1, broker.address(), "again");
        (0..10).for_each(|_| client.send_publish("t", b"m"));
        (0..10).for_each(|_| assert_eq!(client.read_packet().expect("PUBACK")[0], 0x40));
    }

    // Ten of sixty were there at once, and of one read may be taken more than there is.
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn keep_alive_does_not_end_a_client_that_nobody_reads() {
    let broker = Broker::limited("publish_messages_per_second = 1\npublish_burst_secs = 1");
    let packet = [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 1, 0, 1, b'c'];
    let (mut client, _) = Client::try_connect(1, broker.address(), &packet);

    for _ in 0..8 {
        client.send_publish("t", b"m");
    }
    // At one in a second they take longer than one and a half times the keep alive of one second.
    for _ in 0..8 {
        assert_eq!(client.read_packet().expect("it is not closed")[0], 0x40);
    }
    client.ping();
}

#[test]
fn a_message_larger_than_the_rate_allows_is_refused_and_the_next_one_is_taken() {
    let broker = Broker::limited("publish_bytes_per_second = 1000\npublish_burst_secs = 1");
    let mut client = Client::connect_v5(1, broker.address(), "c");

    assert_eq!(client.publish("t", &[0; 2_000]), 0x97);
    assert_eq!(client.publish("t", &[0; 10]), 0x10, "nobody has subscribed");
    assert_eq!(await_sys(&broker, "publish/too_large_for_rate", 1), 1);
}

#[test]
fn the_clients_of_a_user_share_one_rate() {
    let limits = "user_publish_messages_per_second = 20\npublish_burst_secs = 1";
    let broker = Broker::with_passwords(limits, "");
    let login = |id: &str| {
        let packet = crate::client::connect(id, Some(("ann", "right")));
        Client::try_connect(1, broker.address(), &packet).0
    };
    let mut clients = [login("one"), login("two")];
    let begun = Instant::now();

    for _ in 0..40 {
        clients.iter_mut().for_each(|client| assert_eq!(client.publish("t", b"m"), 0));
    }

    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
}
