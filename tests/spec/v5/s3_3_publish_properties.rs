use crate::common::*;
use fulmar::codec::{Publish, PublishProperties};

// [MQTT-3.3.2-4]
#[test]
fn the_payload_format_indicator_is_passed_on_unaltered() {
    for properties in [&b"\x01\x01"[..], b"\x01\x00", b""] {
        assert_passed_on(properties);
    }
}

// [MQTT-3.3.2-15]
#[test]
fn the_response_topic_is_passed_on_unaltered() {
    assert_passed_on(b"\x08\0\x08reply/\xc3\xa4");
}

// [MQTT-3.3.2-16]
#[test]
fn the_correlation_data_is_passed_on_unaltered() {
    assert_passed_on(b"\x09\0\x06\0\xff\x01\x26\x00\x80");
    assert_passed_on(b"\x09\0\0");
}

// [MQTT-3.3.2-20]
#[test]
fn the_content_type_is_passed_on_unaltered() {
    assert_passed_on(b"\x03\0\x0atext/plain");
    assert_passed_on(b"\x03\0\0");
}

// [MQTT-3.3.2-17] [MQTT-3.3.2-18]
#[test]
fn user_properties_are_passed_on_all_and_in_order() {
    assert_passed_on(b"\x26\0\x01b\0\x011\x26\0\x01a\0\x012\x26\0\x01b\0\x011\x26\0\0\0\0");
}

// [MQTT-3.3.2-17] [MQTT-3.3.2-18]
#[test]
fn user_properties_keep_their_order_around_properties_of_the_connection() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtMostOnce);

    // Between the two stand an alias and an expiry interval.
    client.send_bytes(
        b"\x30\x1a\0\x01t\x16\x26\0\x01b\0\x011\x23\0\x01\x02\0\0\0\x09\x26\0\x01a\0\x012",
    );

    assert_eq!(
        client.expect_bytes(),
        b"\x30\x17\0\x01t\x13\x26\0\x01b\0\x011\x26\0\x01a\0\x012\x02\0\0\0\x09"
    );
}

// [MQTT-3.3.2-5]
#[test]
fn a_message_that_has_expired_is_not_sent() {
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        let world = World::with(|settings, _| settings.queue_qos0_offline = true);
        let mut client = world.connect(V5, "client").persistent().open();
        client.subscribe("t", qos);
        client.drop_link();
        let mut publisher = world.connect(V5, "publisher").open();
        for (payload, expiry_secs) in [("10", Some(10)), ("11", Some(11)), ("never", None)] {
            publisher.publish_packet(expiring(payload, expiry_secs, qos));
        }

        world.advance_secs(10);

        let mut client = world.connect(V5, "client").persistent().open();
        assert_eq!(client.texts(), ["11", "never"]);
    }
}

// [MQTT-3.3.2-5]
#[test]
fn a_message_expires_while_others_before_it_are_unacknowledged() {
    let world = World::new();
    let mut client = world.connect(V5, "client").receive_maximum(1).open();
    client.subscribe("t", AtLeastOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish("t", "first", AtLeastOnce);
    publisher.publish_packet(expiring("second", Some(5), AtLeastOnce));
    let first = client.expect_publish();

    world.advance_secs(5);
    client.acknowledge(&first);

    client.expect_nothing();
}

// [MQTT-3.3.2-5]
#[test]
fn a_message_that_expired_for_one_subscriber_has_reached_the_other() {
    let world = World::new();
    let mut present = world.connect(V5, "present").open();
    present.subscribe("t", AtLeastOnce);
    let mut away = world.connect(V5, "away").persistent().open();
    away.subscribe("t", AtLeastOnce);
    away.drop_link();
    let mut publisher = world.connect(V5, "publisher").open();

    publisher.publish_packet(expiring("hi", Some(5), AtLeastOnce));
    world.advance_secs(5);

    present.expect_text("t", "hi");
    world.connect(V5, "away").persistent().open().expect_nothing();
}

// [MQTT-3.3.2-5]
#[test]
fn a_retained_message_that_has_expired_is_gone() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.publish_packet(Publish { retain: true, ..expiring("kept", Some(10), AtMostOnce) });

    world.advance_secs(9);
    client.subscribe("t", AtMostOnce);
    client.expect_text("t", "kept");

    world.advance_secs(1);
    client.subscribe("t", AtMostOnce);
    client.expect_nothing();
}

// [MQTT-3.3.2-6]
#[test]
fn the_expiry_interval_sent_is_what_is_left_of_it() {
    let world = World::new();
    let mut client = world.connect(V5, "client").persistent().open();
    client.subscribe("t", AtLeastOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish_packet(expiring("at once", Some(10), AtLeastOnce));
    assert_eq!(client.expect_message().properties.message_expiry_secs, Some(10));
    client.drop_link();

    publisher.publish_packet(expiring("waits", Some(10), AtLeastOnce));
    world.advance_secs(4);

    let mut client = world.connect(V5, "client").persistent().open();
    assert_eq!(client.expect_message().properties.message_expiry_secs, Some(6));
}

// [MQTT-3.3.2-6]
#[test]
fn the_expiry_interval_of_a_retained_message_is_what_is_left_of_it() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.publish_packet(Publish { retain: true, ..expiring("kept", Some(10), AtMostOnce) });
    world.advance_secs(3);

    client.subscribe("t", AtMostOnce);

    assert_eq!(client.expect_message().properties.message_expiry_secs, Some(7));
}

// [MQTT-3.3.2-6]
#[test]
fn a_message_without_expiry_interval_is_sent_without_one() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtMostOnce);
    client.publish("t", "hi", AtMostOnce);
    assert_eq!(client.expect_message().properties.message_expiry_secs, None);
}

/// However the message gets to a subscriber, it has these properties there, byte by byte.
#[track_caller]
fn assert_passed_on(properties: &[u8]) {
    let world = World::new();
    let mut online = world.connect(V5, "online").open();
    online.subscribe("t", AtMostOnce);
    let mut away = world.connect(V5, "away").persistent().open();
    away.subscribe("$share/group/t", ExactlyOnce);
    away.drop_link();
    let mut publisher = world.connect(V5, "publisher").open();

    let length = [properties.len() as u8];
    publisher.send_bytes(&packet(0x35, &[b"\0\x01t\0\x01", &length, properties, b"payload"]));

    let expected = packet(0x30, &[b"\0\x01t", &length, properties, b"payload"]);
    assert_eq!(online.expect_bytes(), expected);
    let mut away = world.connect(V5, "away").persistent().open();
    assert_eq!(*away.expect_message().properties.passed_on, *properties);
    let mut late = world.connect(V5, "late").open();
    late.subscribe("t", AtMostOnce);
    assert_eq!(*late.expect_message().properties.passed_on, *properties);
}

fn expiring(payload: &str, message_expiry_secs: Option<u32>, qos: QoS) -> Publish<'_> {
    let properties = PublishProperties { message_expiry_secs, ..Default::default() };
    Publish { properties, ..message("t", payload.as_bytes(), qos) }
}
