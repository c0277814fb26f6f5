use std::collections::BTreeSet;

use super::{assert_fatal, subscribe_bytes};
use crate::common::{AtLeastOnce, AtMostOnce, ExactlyOnce, V311, World, packet};

/// The packets of a client that have one legal value of the flags, with a legal body.
const WITH_FIXED_FLAGS: [(u8, &[u8]); 7] = [
    (0x40, b"\0\x07"),
    (0x50, b"\0\x07"),
    (0x62, b"\0\x07"),
    (0x70, b"\0\x07"),
    (0x82, b"\0\x07\0\x01a\0"),
    (0xA2, b"\0\x07\0\x01a"),
    (0xC0, b""),
];

// [MQTT-2.2.2-2]
#[test]
fn reserved_flags_that_are_not_as_listed_close_the_connection() {
    for (first, body) in WITH_FIXED_FLAGS {
        let mut client = World::new().connect(V311, "client").open();
        client.send_bytes(&packet(first, &[body]));
        client.ping();
        for flags in (0..16).filter(|flags| *flags != first & 0x0F) {
            assert_fatal(&packet(first & 0xF0 | flags, &[body]));
        }
    }
}

// [MQTT-2.2.2-1]
#[test]
fn the_flags_of_the_packets_of_the_server_are_as_listed() {
    let mut client = World::new().connect(V311, "client").open();
    let mut answer = |bytes: &[u8]| {
        client.send_bytes(bytes);
        client.expect_bytes()
    };

    assert_eq!(answer(b"\x32\x05\0\x01a\0\x01"), b"\x40\x02\0\x01");
    assert_eq!(answer(b"\x34\x05\0\x01a\0\x02"), b"\x50\x02\0\x02");
    assert_eq!(answer(b"\x62\x02\0\x02"), b"\x70\x02\0\x02");
    assert_eq!(answer(b"\x82\x06\0\x03\0\x01a\x02"), b"\x90\x03\0\x03\x02");
    assert_eq!(answer(b"\x34\x05\0\x01a\0\x02"), b"\x50\x02\0\x02\x34\x05\0\x01a\0\x01");
    assert_eq!(answer(b"\x50\x02\0\x01"), b"\x62\x02\0\x01");
    assert_eq!(answer(b"\xa2\x05\0\x04\0\x01a"), b"\xb0\x02\0\x04");
    assert_eq!(answer(b"\xc0\0"), b"\xd0\0");
}

// [MQTT-2.3.1-1]
#[test]
fn a_packet_identifier_of_zero_closes_the_connection() {
    assert_fatal(b"\x32\x05\0\x01a\0\0");
    assert_fatal(b"\x34\x05\0\x01a\0\0");
    assert_fatal(b"\x82\x06\0\0\0\x01a\0");
    assert_fatal(b"\xa2\x05\0\0\0\x01a");
}

// [MQTT-2.3.1-1]
#[test]
fn a_packet_that_ends_before_its_packet_identifier_closes_the_connection() {
    assert_fatal(b"\x32\x03\0\x01a");
    assert_fatal(b"\x34\x04\0\x01a\0");
    assert_fatal(b"\x82\x01\0");
    assert_fatal(b"\xa2\x01\0");
}

// [MQTT-2.3.1-4]
#[test]
fn each_message_of_the_server_has_a_packet_identifier_that_is_not_in_use() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();

    for number in 0..100 {
        publisher.publish("t", "", if number % 2 == 0 { AtLeastOnce } else { ExactlyOnce });
    }

    let ids: BTreeSet<_> =
        (0..100).map(|_| subscriber.expect_publish().packet_id.expect("QoS 1 or 2")).collect();
    assert_eq!(ids.len(), 100);
}

// [MQTT-2.3.1-4]
#[test]
fn a_packet_identifier_stays_in_use_until_pubcomp() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "", ExactlyOnce);
    assert_eq!(subscriber.expect_bytes(), b"\x34\x05\0\x01t\0\x01");
    subscriber.send_bytes(b"\x50\x02\0\x01");
    assert_eq!(subscriber.expect_bytes(), b"\x62\x02\0\x01");

    for _ in 0..66 {
        (0..1000).for_each(|_| publisher.send_bytes(b"\x32\x05\0\x01t\0\x01"));
        for publish in subscriber.expect_bytes().chunks(7) {
            assert_ne!(publish[5..], *b"\0\x01");
            subscriber.send_bytes(&[0x40, 2, publish[5], publish[6]]);
        }
    }

    subscriber.send_bytes(b"\x70\x02\0\x01");
    assert!(!subscriber.expect_bytes().is_empty(), "the server has waited for the id");
}

// [MQTT-2.3.1-5]
#[test]
fn what_follows_the_topic_of_a_qos_0_message_is_payload() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", ExactlyOnce);

    world.connect(V311, "publisher").open().send_bytes(b"\x30\x05\0\x01t\0\x01");

    assert_eq!(subscriber.expect_bytes(), b"\x30\x05\0\x01t\0\x01");
}

// [MQTT-2.3.1-5]
#[test]
fn a_message_that_is_delivered_at_qos_0_has_no_packet_identifier() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", AtMostOnce);

    world.connect(V311, "publisher").open().publish("t", "x", ExactlyOnce);

    assert_eq!(subscriber.expect_bytes(), b"\x30\x04\0\x01tx");
}

// [MQTT-2.3.1-6]
#[test]
fn acknowledgements_carry_the_packet_identifier_of_the_publish() {
    let world = World::new();
    let mut client = world.connect(V311, "client").open();

    client.send_bytes(b"\x32\x05\0\x01a\x12\x34\x34\x05\0\x01a\xff\xff");
    assert_eq!(client.expect_bytes(), b"\x40\x02\x12\x34\x50\x02\xff\xff");

    client.send_bytes(b"\x62\x02\xff\xff");
    assert_eq!(client.expect_bytes(), b"\x70\x02\xff\xff");
}

// [MQTT-2.3.1-6]
#[test]
fn pubrel_carries_the_packet_identifier_of_the_publish() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    for _ in 0..3 {
        publisher.publish("t", "", ExactlyOnce);
    }
    let ids: Vec<_> = (0..3).map(|_| subscriber.expect_publish().packet_id).collect();

    for id in ids {
        let [high, low] = id.expect("QoS 2").get().to_be_bytes();
        subscriber.send_bytes(&[0x50, 2, high, low]);
        assert_eq!(subscriber.expect_bytes(), [0x62, 2, high, low]);
    }
}

// [MQTT-2.3.1-7]
#[test]
fn suback_and_unsuback_carry_the_packet_identifier_of_the_request() {
    let mut client = World::new().connect(V311, "client").open();

    client.send_bytes(b"\x82\x06\xab\xcd\0\x01a\x01\xa2\x05\xfe\xdc\0\x01a");

    assert_eq!(client.expect_bytes(), b"\x90\x03\xab\xcd\x01\xb0\x02\xfe\xdc");
}

// [MQTT-2.3.1-7]
#[test]
fn the_packet_identifiers_of_the_two_sides_are_apart() {
    let mut client = World::new().connect(V311, "client").open();
    client.send_bytes(&subscribe_bytes("t", 1));
    assert_eq!(client.expect_bytes(), b"\x90\x03\0\x01\x01");

    client.send_bytes(b"\x34\x05\0\x01t\0\x01");

    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01\x32\x05\0\x01t\0\x01");
    client.send_bytes(b"\x40\x02\0\x01\x62\x02\0\x01");
    assert_eq!(client.expect_bytes(), b"\x70\x02\0\x01");
}
