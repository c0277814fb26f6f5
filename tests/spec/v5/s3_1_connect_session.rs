use crate::common::*;
use fulmar::codec::Disconnect;

// [MQTT-3.1.2-4] [MQTT-3.2.2-2]
#[test]
fn clean_start_begins_a_session_without_subscriptions_and_messages() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", AtLeastOnce);
    client.drop_link();
    publisher.publish("t", "while away", AtLeastOnce);

    let mut client = world.connect(V5, "client").clean(true).expiry(100).open();
    publisher.publish("t", "later", AtLeastOnce);

    assert!(!client.connack.session_present);
    client.expect_nothing();
}

// [MQTT-3.1.2-4]
#[test]
fn clean_start_forgets_exchanges_of_qos_2_in_both_directions() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("t", AtMostOnce);
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", ExactlyOnce);
    client.send_bytes(b"\x34\x07\0\x01t\0\x01\x001");
    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01\x34\x07\0\x01t\0\x01\x001");
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(true).open();
    client.send_bytes(b"\x34\x07\0\x01t\0\x01\x002");

    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01");
    assert_eq!(watcher.texts(), ["1", "2"]);
}

// [MQTT-3.1.2-5] [MQTT-3.2.2-3]
#[test]
fn without_clean_start_subscriptions_and_messages_are_still_there() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", AtLeastOnce);
    client.drop_link();
    publisher.publish("t", "while away", AtLeastOnce);

    let mut client = world.connect(V5, "client").clean(false).expiry(100).open();
    publisher.publish("t", "later", AtLeastOnce);

    assert!(client.connack.session_present);
    assert_eq!(client.texts(), ["while away", "later"]);
}

// [MQTT-3.1.2-5]
#[test]
fn without_clean_start_exchanges_of_qos_2_go_on_in_both_directions() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("in", AtMostOnce);
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("out", ExactlyOnce);
    watcher.publish("out", "x", ExactlyOnce);
    client.send_bytes(b"\x34\x08\0\x02in\0\x07\x001");
    let received = client.received();
    assert_eq!(received.len(), 2, "{received:?}");
    client.send_bytes(b"\x50\x02\0\x01");
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();
    assert_eq!(client.expect_bytes(), b"\x62\x02\0\x01");
    client.send_bytes(b"\x3c\x08\0\x02in\0\x07\x001\x62\x02\0\x07");

    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x07\x70\x02\0\x07");
    assert_eq!(watcher.texts(), ["1"]);
}

// [MQTT-3.1.2-6] [MQTT-3.2.2-3]
#[test]
fn without_a_session_to_resume_a_new_one_is_created() {
    let world = World::new();
    let mut client = world.connect(V5, "client").clean(false).expiry(100).open();
    assert!(!client.connack.session_present);
    client.subscribe("t", AtMostOnce);
    client.publish("t", "hi", AtMostOnce);
    client.expect_text("t", "hi");
    client.drop_link();

    let client = world.connect(V5, "client").clean(false).open();
    assert!(client.connack.session_present);
}

// [MQTT-3.1.2-23]
#[test]
fn a_session_is_kept_for_its_expiry_interval() {
    let world = World::new();
    for (away_secs, present) in [(99, true), (100, false)] {
        let client = world.connect(V5, "client").clean(true).expiry(100).open();
        client.drop_link();
        world.advance_secs(away_secs);

        let client = world.connect(V5, "client").clean(false).open();

        assert_eq!(client.connack.session_present, present, "after {away_secs} s");
    }
}

// [MQTT-3.1.2-23]
#[test]
fn an_expiry_interval_of_all_ones_never_ends() {
    let world = World::new();
    world.connect(V5, "client").expiry(u32::MAX).open().drop_link();

    world.advance_secs(200 * 365 * 24 * 3600);

    assert!(world.connect(V5, "client").clean(false).open().connack.session_present);
}

// [MQTT-3.1.2-23]
#[test]
fn a_session_without_expiry_interval_ends_with_its_connection() {
    let world = World::new();
    world.connect(V5, "absent").open().drop_link();
    world.connect(V5, "zero").expiry(0).open().drop_link();

    for id in ["absent", "zero"] {
        assert!(!world.connect(V5, id).clean(false).open().connack.session_present);
    }
}

// [MQTT-3.1.2-23]
#[test]
fn the_expiry_interval_of_the_last_connect_or_disconnect_counts() {
    let world = World::new();
    world.connect(V5, "client").expiry(1000).open().drop_link();
    let client = world.connect(V5, "client").clean(false).expiry(500).open();
    assert!(client.connack.session_present);
    client.disconnect_with(Disconnect { session_expiry_secs: Some(10), ..Default::default() });

    world.advance_secs(10);

    assert!(!world.connect(V5, "client").clean(false).open().connack.session_present);
}

// [MQTT-3.1.2-23]
#[test]
fn the_expiry_interval_runs_from_the_end_of_the_connection_only() {
    let world = World::new();
    world.connect(V5, "client").expiry(10).open().drop_link();
    world.advance_secs(9);
    let mut client = world.connect(V5, "client").clean(false).expiry(10).open();

    world.advance_secs(1000);

    client.expect_nothing();
    client.drop_link();
    world.advance_secs(9);
    assert!(world.connect(V5, "client").clean(false).open().connack.session_present);
}

// [MQTT-3.1.3-2]
#[test]
fn each_client_identifier_has_a_session_of_its_own() {
    let world = World::new();
    for id in ["a", "A", "aa"] {
        let mut client = world.connect(V5, id).clean(false).expiry(100).open();
        assert!(!client.connack.session_present, "{id}");
        client.subscribe(id, AtLeastOnce);
        client.drop_link();
    }
    let mut publisher = world.connect(V5, "publisher").open();
    for topic in ["a", "A", "aa"] {
        publisher.publish(topic, topic, AtLeastOnce);
    }

    for id in ["a", "A", "aa"] {
        let mut client = world.connect(V5, id).clean(false).open();
        assert!(client.connack.session_present, "{id}");
        assert_eq!(client.texts(), [id]);
    }
}
