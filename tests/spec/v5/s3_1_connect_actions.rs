use crate::common::*;
use fulmar::request::AuthAnswer;
use fulmar::types::ReasonCode::{self, NotAuthorized, SessionTakenOver, Success};

// [MQTT-3.1.4-1]
#[test]
fn a_connect_that_does_not_conform_leaves_no_trace() {
    let world = World::new();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", AtMostOnce);
    let mut other = world.connect_raw();

    other.send_bytes(&connect_v5(0x03, &[&string("client")]));

    assert_eq!(other.expect_connack().reason, ReasonCode::MalformedPacket);
    other.expect_closed();
    client.publish("t", "still here", AtMostOnce);
    client.expect_text("t", "still here");
}

// [MQTT-3.1.4-2]
#[test]
fn a_client_that_is_refused_takes_nothing_from_the_one_it_says_it_is() {
    let world = World::new().authenticated_by(only_with_password);
    let mut client = world.connect(V5, "client").expiry(100).credentials("u", "right").open();
    client.subscribe("t", AtMostOnce);

    let connack = world.connect(V5, "client").clean(true).credentials("u", "wrong").refused();

    assert_eq!(connack.reason, NotAuthorized);
    client.publish("t", "still here", AtMostOnce);
    client.expect_text("t", "still here");
}

// [MQTT-3.1.4-3]
#[test]
fn a_second_connection_of_a_client_takes_over_from_the_first() {
    for clean in [false, true] {
        let world = World::new();
        let mut first = world.connect(V5, "client").expiry(100).open();
        let mut second = world.connect(V5, "client").clean(clean).expiry(100).open();

        first.expect_disconnect(SessionTakenOver);
        assert_eq!(second.connack.session_present, !clean);
        second.ping();
        second.expect_nothing();
    }
}

// [MQTT-3.1.4-3]
#[test]
fn nothing_more_is_taken_from_a_connection_that_was_taken_over() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("#", AtMostOnce);
    let mut first = world.connect(V5, "client").open();
    let _second = world.connect(V5, "client").open();

    first.publish("t", "too late", AtMostOnce);

    watcher.expect_nothing();
}

// [MQTT-3.1.4-3]
#[test]
fn messages_that_the_first_connection_did_not_acknowledge_go_to_the_second() {
    let world = World::new();
    let mut first = world.connect(V5, "client").expiry(100).open();
    first.subscribe("t", AtLeastOnce);
    world.connect(V5, "publisher").open().publish("t", "hi", AtLeastOnce);
    assert_eq!(first.expect_publish().payload, b"hi");

    let mut second = world.connect(V5, "client").clean(false).expiry(100).open();

    first.expect_disconnect(SessionTakenOver);
    second.expect_text("t", "hi");
}

// [MQTT-3.1.4-4]
#[test]
fn clean_start_is_processed_when_a_connection_is_taken_over() {
    let world = World::new();
    let mut first = world.connect(V5, "client").expiry(100).open();
    first.subscribe("t", AtMostOnce);
    let mut second = world.connect(V5, "client").clean(true).expiry(100).open();
    second.publish("t", "1", AtMostOnce);
    second.expect_nothing();
    second.subscribe("t", AtMostOnce);

    let mut third = world.connect(V5, "client").clean(false).open();

    assert!(third.connack.session_present);
    third.publish("t", "2", AtMostOnce);
    third.expect_text("t", "2");
}

// [MQTT-3.1.4-5]
#[test]
fn an_accepted_connect_is_acknowledged_with_success() {
    let mut client = World::new().connect_raw();
    client.send_bytes(&connect_v5(0x02, &[&string("client")]));
    assert_eq!(client.expect_connack().reason, Success);
    client.expect_nothing();
}

// [MQTT-3.1.4-5]
#[test]
fn packets_right_behind_connect_are_processed_after_it() {
    let mut client = World::new().connect_raw();
    let subscribe = b"\x82\x07\0\x01\0\0\x01t\0";
    let publish = b"\x30\x06\0\x01t\0hi";

    client.send_bytes(&[&connect_v5(0x02, &[&string("c")]), &subscribe[..], publish].concat());

    assert_eq!(client.expect_connack().reason, Success);
    assert_eq!(client.received().len(), 2);
}

// [MQTT-3.1.4-6]
#[test]
fn nothing_behind_a_refused_connect_is_processed() {
    let publish = b"\x31\x06\0\x01t\0hi";
    let refused_by_us = connect_v5(0x03, &[&string("c")]);
    let not_authorized = connect_v5(0x02, &[&string("c")]);
    for connect in [refused_by_us, not_authorized] {
        let world = World::new().authenticated_by(only_with_password);
        let mut watcher = world.connect(V5, "watcher").credentials("u", "right").open();
        watcher.subscribe("#", AtMostOnce);
        let mut client = world.connect_raw();

        client.send_bytes(&[&connect[..], publish].concat());
        client.send_bytes(publish);

        assert!(client.expect_connack().reason.is_error());
        client.expect_closed();
        watcher.subscribe("t", AtMostOnce);
        watcher.expect_nothing();
    }
}

fn only_with_password(request: fulmar::request::AuthRequest) -> AuthAnswer {
    match request {
        fulmar::request::AuthRequest::Credentials { password: Some(given), .. }
            if given == b"right" =>
        {
            AuthAnswer::Accept { identity: Default::default(), data: None, valid_for: None }
        }
        _ => AuthAnswer::Refuse { reason: NotAuthorized, why: "" },
    }
}
