use crate::common::{AtLeastOnce, AtMostOnce, ExactlyOnce, V311, World, packet_id};

// [MQTT-3.1.2-4] [MQTT-3.1.4-3]
#[test]
fn a_session_goes_on_where_the_last_connection_left_it() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", AtLeastOnce);
    client.drop_link();

    let mut client = world.connect(V311, "client").clean(false).open();

    assert!(client.connack.session_present);
    world.connect(V311, "publisher").open().publish("t", "x", AtLeastOnce);
    client.expect_text("t", "x");
}

// [MQTT-3.1.2-4]
#[test]
fn a_client_without_a_session_gets_a_new_one() {
    let world = World::new();

    let client = world.connect(V311, "client").clean(false).open();
    assert!(!client.connack.session_present);
    client.disconnect();

    let client = world.connect(V311, "client").clean(false).open();
    assert!(client.connack.session_present);
}

// [MQTT-3.1.2-5]
#[test]
fn messages_of_qos_1_and_2_wait_for_a_client_that_is_away() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", ExactlyOnce);
    client.disconnect();
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "one", AtLeastOnce);
    publisher.publish("t", "two", ExactlyOnce);
    world.advance_secs(365 * 24 * 60 * 60);

    let mut client = world.connect(V311, "client").clean(false).open();

    assert_eq!(client.texts(), ["one", "two"]);
}

// [MQTT-3.1.2-6] [MQTT-3.1.4-3]
#[test]
fn a_clean_session_starts_without_what_the_previous_session_had() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", AtLeastOnce);
    client.send_bytes(b"\x34\x05\0\x01q\0\x01");
    client.expect_pubrec(packet_id(1));
    client.drop_link();
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "queued", AtLeastOnce);

    let mut client = world.connect(V311, "client").clean(true).open();

    assert!(!client.connack.session_present);
    publisher.publish("t", "live", AtLeastOnce);
    publisher.subscribe("q", AtMostOnce);
    client.expect_nothing();
    client.send_bytes(b"\x3c\x08\0\x01q\0\x01new");
    client.expect_pubrec(packet_id(1));
    publisher.expect_text("q", "new");
}

// [MQTT-3.1.2-6]
#[test]
fn the_state_of_a_clean_session_is_not_used_again() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(true).open();
    client.subscribe("t", AtLeastOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "unacknowledged", AtLeastOnce);
    client.drop_link();
    publisher.publish("t", "missed", AtLeastOnce);

    let mut client = world.connect(V311, "client").clean(false).open();

    assert!(!client.connack.session_present);
    publisher.publish("t", "live", AtLeastOnce);
    client.expect_nothing();
}

// [MQTT-3.1.2-6]
#[test]
fn a_clean_session_ends_a_kept_one_for_good() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", AtLeastOnce);
    client.disconnect();
    let clean = world.connect(V311, "client").clean(true).open();
    assert_eq!(world.shell().borrow().broker.sessions(), 1);
    clean.disconnect();
    assert_eq!(world.shell().borrow().broker.sessions(), 0);

    let mut client = world.connect(V311, "client").clean(false).open();

    assert!(!client.connack.session_present);
    world.connect(V311, "publisher").open().publish("t", "x", AtLeastOnce);
    client.expect_nothing();
}

// [MQTT-3.1.2-7]
#[test]
fn retained_messages_outlive_the_session_of_their_publisher() {
    let world = World::new();
    let mut publisher = world.connect(V311, "publisher").clean(true).open();
    publisher.retain("t", "kept", AtLeastOnce);
    publisher.disconnect();
    world.connect(V311, "publisher").clean(true).open().drop_link();

    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", AtMostOnce);

    subscriber.expect_text("t", "kept");
}
