use crate::common::{AtLeastOnce, ExactlyOnce, V311, World, packet_id};

// [MQTT-4.1.0-1]
#[test]
fn a_kept_session_has_subscriptions_exchanges_and_messages_for_as_long_as_it_lasts() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "", AtLeastOnce);
    publisher.publish("t", "", ExactlyOnce);
    client.expect_bytes();
    client.send_bytes(b"\x50\x02\0\x02\x34\x05\0\x01q\0\x07");
    assert_eq!(client.expect_bytes(), b"\x62\x02\0\x02\x50\x02\0\x07");
    client.drop_link();
    publisher.publish("t", "", ExactlyOnce);
    world.advance_secs(365 * 24 * 60 * 60);

    let mut client = world.connect(V311, "client").clean(false).open();

    assert_eq!(client.expect_bytes(), b"\x62\x02\0\x02\x3a\x05\0\x01t\0\x01\x34\x05\0\x01t\0\x03");
    publisher.subscribe("q", ExactlyOnce);
    client.send_bytes(b"\x3c\x05\0\x01q\0\x07");
    client.expect_pubrec(packet_id(7));
    client.publish("q", "new", ExactlyOnce);
    assert_eq!(publisher.texts(), ["new"]);
    publisher.publish("t", "live", AtLeastOnce);
    assert_eq!(client.expect_message().payload, b"live");
}

// [MQTT-4.1.0-1]
#[test]
fn a_clean_session_has_its_exchanges_for_as_long_as_it_lasts() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(true).open();
    client.subscribe("t", ExactlyOnce);
    client.send_bytes(b"\x34\x05\0\x01t\0\x01");
    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01\x34\x05\0\x01t\0\x01");
    world.advance_secs(365 * 24 * 60 * 60);

    client.send_bytes(b"\x3c\x05\0\x01t\0\x01\x50\x02\0\x01");

    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01\x62\x02\0\x01");
    client.send_bytes(b"\x62\x02\0\x01\x70\x02\0\x01");
    assert_eq!(client.expect_bytes(), b"\x70\x02\0\x01");
}

// [MQTT-4.1.0-2]
#[test]
fn a_session_lasts_as_long_as_its_connection_whatever_others_may_expire() {
    for clean in [true, false] {
        let world = World::with(|settings, _| settings.session_expiry_max_secs = 1);
        let mut client = world.connect(V311, "client").clean(clean).open();
        client.subscribe("t", AtLeastOnce);

        world.advance_secs(24 * 60 * 60);

        world.connect(V311, "publisher").open().publish("t", "x", AtLeastOnce);
        client.expect_text("t", "x");
    }
}
