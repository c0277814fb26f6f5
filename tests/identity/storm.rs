//! Many logins at once.

use std::time::{Duration, Instant};

use crate::broker::{Broker, Files, passwd};
use crate::client::{Client, Given, V5, V311, login};

/// Far more than a ping takes while others are hashed, and far less than hashing them all does.
const PING_TIME_MAX: Duration = Duration::from_millis(500);

#[test]
fn a_flood_of_logins_is_told_to_come_later_and_stalls_nobody() {
    let (_files, broker) = one_at_a_time();
    let mut steady = Client::connected(broker.address(), V5, login("ann", "secret"));

    let mut flood: Vec<Client> = (0..60)
        .map(|number| {
            let (client_id, protocol) = (format!("f{number}"), [V311, V5][number % 2]);
            let given =
                Given { client_id: &client_id, ..login(["ann", "eve"][number / 2 % 2], "wrong") };
            Client::begin(broker.address(), protocol, given)
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        steady.ping();
        slowest = slowest.max(began.elapsed());
    }

    let codes: Vec<u8> = flood.iter_mut().map(Client::read_connack).collect();
    let (old, new): (Vec<_>, Vec<_>) = codes.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
    assert!(old.contains(&3) && new.contains(&0x89), "server busy: {codes:?}");
    let of_eve = codes.chunks(4).flat_map(|four| four[2..].iter());
    assert!(of_eve.into_iter().any(|code| [3, 0x89].contains(code)), "unknown users cost the same");
    assert!(codes.contains(&4) || codes.contains(&0x86), "some were checked: {codes:?}");
    assert!(slowest < PING_TIME_MAX, "{slowest:?}");
    broker.logged("more logins wait to be checked than may");
}

#[test]
fn known_devices_that_all_come_back_at_once_get_in() {
    let (_files, broker) = one_at_a_time();
    assert_eq!(Client::connack(broker.address(), V5, login("ann", "secret")), 0);

    let mut storm: Vec<Client> = (0..200)
        .map(|number| {
            let client_id = format!("d{number}");
            let given = Given { client_id: &client_id, ..login("ann", "secret") };
            Client::begin(broker.address(), V5, given)
        })
        .collect();

    assert!(storm.iter_mut().all(|client| client.read_connack() == 0));
}

#[test]
fn a_client_that_does_not_wait_makes_room() {
    let (_files, broker) = one_at_a_time();
    for number in 0..60 {
        let client_id = format!("f{number}");
        let given = Given { client_id: &client_id, ..login("ann", "wrong") };
        drop(Client::begin(broker.address(), V5, given));
    }

    let until = Instant::now() + Duration::from_secs(20);
    while Client::connack(broker.address(), V5, login("ann", "secret")) != 0 {
        assert!(Instant::now() < until, "the queue stays full");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A broker that checks one password at a time while two others may wait.
fn one_at_a_time() -> (Files, Broker) {
    let files = Files::new();
    let path = files.path("passwords");
    assert!(passwd(&["add"], &path, "ann", "secret").status.success());
    let broker = Broker::start(&format!(
        "chain = ['password']\npassword_file = '{}'\nhashing_threads = 1\nhashing_queue_max = 2",
        path.display()
    ));
    (files, broker)
}
