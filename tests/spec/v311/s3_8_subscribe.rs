use super::{EVERY_QOS, assert_fatal, subscribe_bytes};
use crate::common::{AtLeastOnce, AtMostOnce, ExactlyOnce, V311, World, packet};

// [MQTT-3.8.1-1]
#[test]
fn subscribe_with_other_flags_closes_the_connection() {
    for flags in (0..16).filter(|flags| *flags != 0b0010) {
        assert_fatal(&packet(0x80 | flags, &[b"\0\x01\0\x01t\0"]));
    }
}

// [MQTT-3.8.3-1]
#[test]
fn a_topic_filter_may_be_any_utf8() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("маяк/\u{1f426}/+", AtMostOnce);

    world.connect(V311, "publisher").open().publish("маяк/\u{1f426}/\u{10ffff}", "x", AtMostOnce);

    subscriber.expect_text("маяк/\u{1f426}/\u{10ffff}", "x");
}

// [MQTT-3.8.3-2]
#[test]
fn filters_with_wildcards_are_supported() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.send_bytes(&packet(0x82, &[b"\0\x01", b"\0\x01#\x01", b"\0\x03+/b\x02"]));
    assert_eq!(subscriber.expect_bytes(), b"\x90\x04\0\x01\x01\x02");

    world.connect(V311, "publisher").open().publish("a/b", "x", AtLeastOnce);

    subscriber.expect_text("a/b", "x");
}

// [MQTT-3.8.3-2]
#[test]
fn where_wildcards_are_switched_off_such_a_filter_is_rejected() {
    let world = World::with(|_, limits| limits.wildcard_subscriptions = false);
    let mut subscriber = world.connect(V311, "subscriber").open();

    subscriber.send_bytes(&packet(0x82, &[b"\0\x01", b"\0\x01#\x01", b"\0\x01a\x01"]));

    assert_eq!(subscriber.expect_bytes(), b"\x90\x04\0\x01\x80\x01");
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("b", "x", AtLeastOnce);
    subscriber.expect_nothing();
}

// [MQTT-3.8.3-3]
#[test]
fn subscribe_without_a_filter_closes_the_connection() {
    assert_fatal(b"\x82\x02\0\x01");
}

// [MQTT-3.8.3-4]
#[test]
fn reserved_bits_of_the_requested_qos_close_the_connection() {
    for qos in 3..=255 {
        assert_fatal(&subscribe_bytes("t", qos));
    }
    assert_fatal(&packet(0x82, &[b"\0\x01", b"\0\x01a\0", b"\0\x01b\x03"]));
    assert_fatal(&packet(0x82, &[b"\0\x01", b"\0\x01a"]));
}

// [MQTT-3.8.3-4]
#[test]
fn a_subscribe_that_is_malformed_subscribes_to_nothing() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.send_bytes(&packet(0x82, &[b"\0\x01", b"\0\x01a\x01", b"\0\x01b\x03"]));
    client.expect_closed();

    world.connect(V311, "publisher").open().publish("a", "x", AtLeastOnce);

    world.connect(V311, "client").clean(false).open().expect_nothing();
}

// [MQTT-3.8.4-1] [MQTT-3.8.4-2]
#[test]
fn subscribe_is_answered_with_suback_of_the_same_packet_identifier() {
    let mut client = World::new().connect(V311, "client").open();

    client.send_bytes(b"\x82\x06\0\x0a\0\x01a\0\x82\x06\xff\xff\0\x01a\0");

    assert_eq!(client.expect_bytes(), b"\x90\x03\0\x0a\0\x90\x03\xff\xff\0");
}

// [MQTT-3.8.4-5] [MQTT-3.9.3-1]
#[test]
fn suback_has_a_return_code_for_each_filter_in_their_order() {
    let world = World::with(|_, limits| limits.topic_levels_max = 2);
    let mut client = world.connect(V311, "client").open();
    let filters = [&b"\0\x01a\x02"[..], b"\0\x05a/b/c\x01", b"\0\x01b\0", b"\0\x01c\x01"];

    client.send_bytes(&packet(0x82, &[b"\0\x01", &filters.concat()]));

    assert_eq!(client.expect_bytes(), b"\x90\x06\0\x01\x02\x80\0\x01");
}

// [MQTT-3.9.3-2]
#[test]
fn every_failure_has_the_return_code_128() {
    let world = World::with(|settings, limits| {
        settings.subscriptions_max = 1;
        limits.wildcard_subscriptions = false;
        limits.shared_subscriptions = false;
        limits.topic_levels_max = 3;
    });
    let mut client = world.connect(V311, "client").open();
    let filters = [
        &b"\0\x01a\x02"[..],
        b"\0\x01b\x02",
        b"\0\x01+\x02",
        b"\0\x0a$share/g/a\x02",
        b"\0\x07a/b/c/d\x02",
    ];

    client.send_bytes(&packet(0x82, &[b"\0\x01", &filters.concat()]));

    assert_eq!(client.expect_bytes(), b"\x90\x07\0\x01\x02\x80\x80\x80\x80");
}

// [MQTT-3.8.4-6]
#[test]
fn a_message_is_delivered_with_the_lower_of_its_qos_and_the_granted_one() {
    for granted in EVERY_QOS {
        for published in EVERY_QOS {
            let world = World::new();
            let mut subscriber = world.connect(V311, "subscriber").open();
            subscriber.subscribe("t", granted);

            world.connect(V311, "publisher").open().publish("t", "x", published);

            assert_eq!(subscriber.expect_message().qos, granted.min(published));
            subscriber.expect_nothing();
        }
    }
}

// [MQTT-3.8.4-6]
#[test]
fn a_server_that_grants_less_delivers_with_less() {
    let world = World::with(|settings, _| settings.maximum_qos = AtLeastOnce);
    let mut subscriber = world.connect(V311, "subscriber").open();

    subscriber.send_bytes(&subscribe_bytes("t", 2));

    assert_eq!(subscriber.expect_bytes(), b"\x90\x03\0\x01\x01");
    world.connect(V311, "publisher").open().publish("t", "x", ExactlyOnce);
    assert_eq!(subscriber.expect_message().qos, AtLeastOnce);
}
