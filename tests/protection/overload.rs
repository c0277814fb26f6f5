//! A broker that gets too little time.

use std::thread;
use std::time::{Duration, Instant};

use crate::broker::{Broker, DEADLINE};
use crate::client::{Client, UNAVAILABLE, await_sys, connect, connect_v5, is_refused};

#[test]
fn a_broker_that_is_late_again_and_again_tells_new_clients_to_come_later() {
    let broker = Broker::limited("busy_latency_ms = 100\nclosed_latency_ms = 0");
    let mut there = Client::connect(1, broker.address(), "there");

    let refused = while_held_up(&broker, || {
        let (_, answer) = Client::try_connect(1, broker.address(), &connect("new", None));
        answer == UNAVAILABLE
    });
    assert!(refused, "{}", broker.log());

    let told = while_held_up(&broker, || {
        let (_, answer) = Client::try_connect(1, broker.address(), &connect_v5("new"));
        answer[3] == 0x89 && String::from_utf8_lossy(&answer).contains("retry-after-secs")
    });
    assert!(told, "{}", broker.log());

    there.ping();
    broker.await_log("overload is over");
    assert!(!broker.log().contains("client at fault"), "{}", broker.log());
    Client::connect(1, broker.address(), "new").ping();
    assert!(await_sys(&broker, "latency/max_us", 100_000) >= 100_000);
}

#[test]
fn a_broker_that_is_much_too_late_closes_new_connections_at_once() {
    let broker = Broker::limited("busy_latency_ms = 50\nclosed_latency_ms = 100");
    let mut there = Client::connect(1, broker.address(), "there");

    assert!(while_held_up(&broker, || is_refused(1, broker.address())), "{}", broker.log());

    there.ping();
    let line = broker.await_log("the broker has too much to do");
    assert!(line.contains("address=\"127.0.0.1:"), "{line}");
    broker.await_log("overload is over");
}

/// Whether it happens while the broker is stopped again and again for longer than its marks.
fn while_held_up(broker: &Broker, mut happens: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < DEADLINE {
        for _ in 0..4 {
            broker.signal("STOP");
            thread::sleep(Duration::from_millis(600));
            broker.signal("CONT");
            thread::sleep(Duration::from_millis(20));
        }
        if happens() {
            return true;
        }
    }
    false
}
