use crate::common::*;
use fulmar::codec::Disconnect;

// [MQTT-4.1.0-1]
#[test]
fn the_session_state_is_kept_while_the_connection_is_open_however_short_its_expiry_interval() {
    for expiry in [0, 1] {
        let world = World::new();
        let mut publisher = world.connect(V5, "publisher").open();
        let mut client = world.connect(V5, "client").expiry(expiry).receive_maximum(1).open();
        client.subscribe("t", ExactlyOnce);
        client.send_bytes(b"\x34\x06\0\x01x\0\x09\0");
        assert_eq!(client.expect_bytes(), b"\x50\x02\0\x09");
        publisher.publish("t", "1", ExactlyOnce);
        publisher.publish("t", "2", ExactlyOnce);

        world.advance_secs(1_000_000);

        publisher.publish("t", "3", ExactlyOnce);
        assert_eq!(client.texts(), ["1", "2", "3"]);
        client.send_bytes(b"\x62\x02\0\x09");
        assert_eq!(client.expect_bytes(), b"\x70\x02\0\x09");
    }
}

// [MQTT-4.1.0-1]
#[test]
fn a_connection_that_comes_back_in_time_stops_the_session_expiry_interval() {
    let world = World::new();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", AtMostOnce);
    client.drop_link();
    world.advance_secs(99);
    let mut client = world.connect(V5, "client").clean(false).expiry(100).open();

    world.advance_secs(1_000);

    assert!(client.connack.session_present);
    world.connect(V5, "publisher").open().publish("t", "x", AtMostOnce);
    client.expect_text("t", "x");
}

// [MQTT-4.1.0-2]
#[test]
fn the_session_state_is_discarded_when_its_expiry_interval_has_passed() {
    for (away, kept) in [(99, true), (100, false)] {
        let world = World::new();
        let mut publisher = world.connect(V5, "publisher").open();
        let mut client = world.connect(V5, "client").expiry(100).open();
        client.subscribe("t", AtLeastOnce);
        client.drop_link();
        publisher.publish("t", "while away", AtLeastOnce);

        world.advance_secs(away);

        assert_eq!(world.shell().borrow().broker.sessions(), if kept { 2 } else { 1 });
        let mut client = world.connect(V5, "client").clean(false).open();
        assert_eq!(client.connack.session_present, kept);
        publisher.publish("t", "back", AtLeastOnce);
        let expected: &[&str] = if kept { &["while away", "back"] } else { &[] };
        assert_eq!(client.texts(), expected);
    }
}

// [MQTT-4.1.0-2]
#[test]
fn a_session_without_expiry_interval_ends_with_its_connection() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtLeastOnce);

    client.drop_link();

    assert_eq!(world.shell().borrow().broker.sessions(), 0);
    let client = world.connect(V5, "client").clean(false).expiry(100).open();
    assert!(!client.connack.session_present);
}

// [MQTT-4.1.0-2]
#[test]
fn the_expiry_interval_of_a_disconnect_is_the_one_that_counts() {
    let world = World::new();
    let client = world.connect(V5, "client").expiry(100).open();
    client.disconnect_with(Disconnect { session_expiry_secs: Some(10), ..Disconnect::default() });

    world.advance_secs(10);

    let client = world.connect(V5, "client").clean(false).open();
    assert!(!client.connack.session_present);
}
