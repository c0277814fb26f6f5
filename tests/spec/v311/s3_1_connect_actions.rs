use std::time::Duration;

use super::{CLEAN, assert_connect, assert_no_connect, connect_bytes, publish_bytes};
use crate::common::{AtLeastOnce, AtMostOnce, V311, World, packet};
use fulmar::request::AuthAnswer;
use fulmar::types::ReasonCode;

// [MQTT-3.1.2-24]
#[test]
fn a_client_that_is_silent_for_one_and_a_half_keep_alives_is_disconnected() {
    let world = World::new();
    let mut client = world.connect(V311, "client").keep_alive(10).open();

    world.advance(Duration::from_millis(14_999));
    client.expect_nothing();
    world.advance(Duration::from_millis(1));

    client.expect_closed();
}

// [MQTT-3.1.2-24]
#[test]
fn any_packet_of_the_client_starts_the_time_again() {
    let world = World::new();
    let mut client = world.connect(V311, "client").keep_alive(10).open();

    for packet in [&b"\xc0\0"[..], b"\x30\x03\0\x01t", b"\x40\x02\0\x01", b"\x62\x02\0\x01"] {
        world.advance_secs(14);
        client.send_bytes(packet);
        assert!(!client.is_closed());
    }
    client.received();

    world.advance_secs(15);
    client.expect_closed();
}

// [MQTT-3.1.2-24]
#[test]
fn what_the_server_sends_does_not_keep_a_client_alive() {
    let world = World::new();
    let mut client = world.connect(V311, "client").keep_alive(10).open();
    client.subscribe("t", AtMostOnce);
    let mut publisher = world.connect(V311, "publisher").open();

    for _ in 0..3 {
        world.advance_secs(5);
        publisher.publish("t", "", AtMostOnce);
    }

    client.received();
    client.expect_closed();
}

// [MQTT-3.1.2-24]
#[test]
fn the_beginning_of_a_packet_is_no_packet() {
    let world = World::new();
    let mut client = world.connect(V311, "client").keep_alive(10).open();

    for byte in [0x30, 3, 0] {
        world.advance_secs(4);
        client.send_bytes(&[byte]);
    }
    world.advance_secs(3);

    client.expect_closed();
}

// [MQTT-3.1.2-24]
#[test]
fn a_client_without_keep_alive_may_be_silent_for_ever() {
    let world = World::new();
    let mut client = world.connect(V311, "client").keep_alive(0).open();

    world.advance_secs(10 * 365 * 24 * 60 * 60);

    client.ping();
}

// [MQTT-3.1.4-1]
#[test]
fn a_connect_that_does_not_conform_is_not_answered() {
    assert_no_connect(&packet(0x10, &[]));
    assert_no_connect(&packet(0x10, &[b"\0\x04MQTT"]));
    assert_no_connect(&packet(0x10, &[b"\0\x04MQTT\x04\x02\0"]));
    assert_no_connect(&connect_bytes(CLEAN, &[b"\0\x01c", b"\0"]));
    assert_no_connect(&packet(0x11, &[b"\0\x04MQTT\x04\x02\0\0\0\x01c"]));
    assert_no_connect(b"\x10\xff\xff\xff\xff\x01");
    assert_no_connect(&connect_bytes(0x06, &[b"\0\x01c", b"\0\x01#", b"\0\0"]));
    assert_no_connect(&connect_bytes(0x06, &[b"\0\x01c", b"\0\0", b"\0\0"]));
}

// [MQTT-3.1.4-1]
#[test]
fn nobody_is_asked_about_a_connect_that_does_not_conform() {
    let world = World::new().authenticated_by(|_| panic!("asked"));
    world.connect_raw().speaking(V311).send_bytes(&connect_bytes(0x03, &[b"\0\x01c"]));
}

// [MQTT-3.1.4-1]
#[test]
fn further_checks_answer_with_a_return_code_and_close() {
    for (reason, code) in [
        (ReasonCode::ServerUnavailable, 3),
        (ReasonCode::BadUserNameOrPassword, 4),
        (ReasonCode::NotAuthorized, 5),
    ] {
        let world = World::new().authenticated_by(move |_| AuthAnswer::Refuse { reason, why: "" });
        let connect = connect_bytes(CLEAN, &[b"\0\x01c"]);
        assert_connect(&world, &connect, &[0x20, 2, 0, code]).expect_closed();
    }
}

// [MQTT-3.1.4-2]
#[test]
fn a_client_that_connects_again_ends_its_older_connection() {
    for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
        let world = World::new();
        let mut older = world.connect(V311, "client").clean(first).open();

        let mut newer = world.connect(V311, "client").clean(second).open();

        older.expect_closed();
        newer.ping();
    }
}

// [MQTT-3.1.4-2]
#[test]
fn a_connect_that_is_refused_does_not_end_the_older_connection() {
    let world = World::new().authenticated_by({
        let mut first = true;
        move |_| match std::mem::take(&mut first) {
            true => {
                AuthAnswer::Accept { identity: Default::default(), data: None, valid_for: None }
            }
            false => AuthAnswer::Refuse { reason: ReasonCode::NotAuthorized, why: "" },
        }
    });
    let mut older = world.connect(V311, "client").open();

    world.connect(V311, "client").refused();

    older.ping();
}

// [MQTT-3.1.4-4]
#[test]
fn a_connect_that_is_accepted_is_answered_with_return_code_0() {
    let connect = connect_bytes(CLEAN, &[b"\0\x01c"]);
    assert_connect(&World::new(), &connect, b"\x20\x02\0\0").ping();
}

// [MQTT-3.1.4-5]
#[test]
fn what_follows_a_connect_that_is_refused_is_not_processed() {
    let world = World::with(|settings, _| settings.sessions_max = 1);
    let mut watcher = world.connect(V311, "watcher").open();
    watcher.subscribe("#", AtMostOnce);

    let connect = connect_bytes(CLEAN, &[b"\0\x01c"]);
    let bytes = [connect, publish_bytes("t", b"x"), b"\xc0\0".to_vec()].concat();
    assert_connect(&world, &bytes, b"\x20\x02\0\x03").expect_closed();

    watcher.expect_nothing();
}

// [MQTT-3.1.4-5]
#[test]
fn what_follows_a_connect_with_wrong_credentials_is_not_processed() {
    let reason = ReasonCode::NotAuthorized;
    let world = World::new().authenticated_by(move |_| AuthAnswer::Refuse { reason, why: "" });
    let connect = connect_bytes(CLEAN, &[b"\0\x01c"]);
    let retained = packet(0x31, &[b"\0\x01tx"]);

    let mut client = assert_connect(&world, &[connect, retained].concat(), b"\x20\x02\0\x05");

    client.expect_closed();
    client.send_bytes(&packet(0x31, &[b"\0\x01tx"]));
    assert_eq!(world.shell().borrow().broker.retained().len(), 0);
}

// [MQTT-3.1.4-4]
#[test]
fn packets_may_follow_connect_at_once() {
    let world = World::new();
    let mut watcher = world.connect(V311, "watcher").open();
    watcher.subscribe("t", AtLeastOnce);

    let bytes = [connect_bytes(CLEAN, &[b"\0\x01c"]), publish_bytes("t", b"x")].concat();
    assert_connect(&world, &bytes, b"\x20\x02\0\0");

    watcher.expect_text("t", "x");
}
