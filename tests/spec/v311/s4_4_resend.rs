use crate::common::{AtLeastOnce, AtMostOnce, ExactlyOnce, QoS, V311, World};

// [MQTT-4.4.0-1] [MQTT-4.5.0-1]
#[test]
fn unacknowledged_messages_and_pubrels_are_sent_again_under_their_packet_identifiers() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    for (payload, qos) in [("1", AtLeastOnce), ("2", ExactlyOnce), ("3", ExactlyOnce)] {
        publisher.publish("t", payload, qos);
    }
    client.expect_bytes();
    client.send_bytes(b"\x50\x02\0\x02");
    client.drop_link();

    let mut client = world.connect(V311, "client").clean(false).open();

    assert_eq!(
        client.expect_bytes(),
        b"\x62\x02\0\x02\x3a\x06\0\x01t\0\x011\x3c\x06\0\x01t\0\x033"
    );
}

// [MQTT-4.4.0-1]
#[test]
fn they_are_sent_again_at_every_connection() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", AtLeastOnce);
    world.connect(V311, "publisher").open().publish("t", "x", AtLeastOnce);

    for _ in 0..3 {
        client.drop_link();
        client = world.connect(V311, "client").clean(false).open();
        assert_eq!(client.expect_bytes(), b"\x3a\x06\0\x01t\0\x01x");
    }
}

// [MQTT-4.4.0-1]
#[test]
fn what_was_acknowledged_is_not_sent_again() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", ExactlyOnce);
    assert_eq!(client.texts(), ["1", "2"]);
    client.drop_link();

    world.connect(V311, "client").clean(false).open().expect_nothing();
}

// [MQTT-4.4.0-1]
#[test]
fn nothing_is_sent_again_without_a_new_connection() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", ExactlyOnce);
    world.connect(V311, "publisher").open().publish("t", "x", ExactlyOnce);
    client.expect_publish();

    world.advance_secs(24 * 60 * 60);

    client.expect_nothing();
}

// [MQTT-4.4.0-1]
#[test]
fn a_client_that_took_over_its_own_connection_gets_them_again() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", AtLeastOnce);
    world.connect(V311, "publisher").open().publish("t", "x", AtLeastOnce);
    client.expect_publish();

    let mut newer = world.connect(V311, "client").clean(false).open();

    assert_eq!(newer.expect_bytes(), b"\x3a\x06\0\x01t\0\x01x");
    client.expect_closed();
}

// [MQTT-4.5.0-1]
#[test]
fn a_message_that_is_acknowledged_is_in_every_session_that_subscribed() {
    let world = World::new();
    let mut live = world.connect(V311, "live").open();
    live.subscribe("t/#", AtLeastOnce);
    for id in ["away 1", "away 2"] {
        let mut away = world.connect(V311, id).clean(false).open();
        away.subscribe("+/x", ExactlyOnce);
        away.drop_link();
    }

    world.connect(V311, "publisher").open().publish("t/x", "m", ExactlyOnce);

    assert_eq!(live.texts(), ["m"]);
    for id in ["away 1", "away 2"] {
        assert_eq!(world.connect(V311, id).clean(false).open().texts(), ["m"]);
    }
}

// [MQTT-4.5.0-1]
#[test]
fn a_client_gets_its_own_messages_if_it_subscribed_to_them() {
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] as [QoS; 3] {
        let mut client = World::new().connect(V311, "client").open();
        client.subscribe("t", qos);

        client.publish("t", "x", qos);

        client.expect_text("t", "x");
    }
}
