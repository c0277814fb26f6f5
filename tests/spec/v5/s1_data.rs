use crate::common::*;
use fulmar::types::ReasonCode::{MalformedPacket, Success};

// [MQTT-1.5.4-1]
#[test]
fn a_string_that_is_not_well_formed_utf_8_closes_the_connection() {
    let ill_formed = [
        &b"\xff"[..],
        b"\xc0\xaf",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80",
    ];
    for text in ill_formed {
        let world = World::new();
        let mut watcher = world.connect(V5, "watcher").open();
        watcher.subscribe("#", AtMostOnce);
        let mut client = world.connect(V5, "client").open();

        client.send_bytes(&packet(0x30, &[&string(text), b"\0", b"payload"]));

        client.expect_disconnect(MalformedPacket);
        watcher.expect_nothing();
    }
}

// [MQTT-1.5.4-2]
#[test]
fn a_string_with_the_null_character_closes_the_connection() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.send_bytes(&packet(0x30, &[&string("a\0b"), b"\0"]));
    publisher.expect_disconnect(MalformedPacket);

    let mut subscriber = world.connect(V5, "subscriber").open();
    subscriber.send_bytes(&packet(0x82, &[b"\0\x01", b"\0", &string("a\0b"), b"\0"]));
    subscriber.expect_disconnect(MalformedPacket);

    let mut unsubscriber = world.connect(V5, "unsubscriber").open();
    unsubscriber.send_bytes(&packet(0xa2, &[b"\0\x01", b"\0", &string("a\0b")]));
    unsubscriber.expect_disconnect(MalformedPacket);
}

// [MQTT-1.5.4-3]
#[test]
fn a_byte_order_mark_is_part_of_the_string() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    let mut other = world.connect(V5, "\u{feff}client").open();
    client.expect_nothing();
    assert_eq!(client.subscribe("\u{feff}t", AtMostOnce), Success);

    other.publish("t", "without", AtMostOnce);
    client.expect_nothing();

    other.publish("\u{feff}t", "with", AtMostOnce);
    assert_eq!(client.expect_bytes(), b"\x30\x0b\0\x04\xef\xbb\xbft\0with");
}

// [MQTT-1.5.5-1]
#[test]
fn a_variable_byte_integer_in_more_bytes_than_needed_closes_the_connection() {
    let longer_remaining_length = &b"\x30\x84\x00\0\x01t\0"[..];
    let longer_property_length = b"\x30\x05\0\x01t\x80\x00";
    let longer_subscription_identifier = b"\x82\x0a\0\x01\x03\x0b\x81\x00\0\x01t\0";
    let five_bytes = b"\x30\x80\x80\x80\x80\x01";
    for bytes in [
        longer_remaining_length,
        longer_property_length,
        longer_subscription_identifier,
        five_bytes,
    ] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-1.5.5-1]
#[test]
fn variable_byte_integers_are_sent_in_as_few_bytes_as_possible() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtMostOnce);
    for (remaining_length, encoded) in [
        (127, &b"\x7f"[..]),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
    ] {
        client.publish("t", vec![b'x'; remaining_length - 4], AtMostOnce);

        let bytes = client.expect_bytes();
        assert_eq!(bytes[1..=encoded.len()], *encoded);
        assert_eq!(bytes.len(), 1 + encoded.len() + remaining_length);
    }
}

// [MQTT-1.5.7-1]
#[test]
fn both_strings_of_a_pair_are_held_to_the_rules_for_strings() {
    for (name, value) in
        [(&b"\xff"[..], &b"value"[..]), (b"name", b"\xff"), (b"na\0me", b"value"), (b"name", b"\0")]
    {
        let mut client = World::new().connect(V5, "client").open();
        let pair = [&b"\x26"[..], &string(name), &string(value)].concat();

        client.send_bytes(&packet(0x30, &[&string("t"), &[pair.len() as u8], &pair]));

        client.expect_disconnect(MalformedPacket);
    }
}
