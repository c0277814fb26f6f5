//! What clients know from Mosquitto and find here, where the standard leaves the choice.
//! Bytes are compared whole: clients and their tests do so, too.

use crate::common::{AtLeastOnce, AtMostOnce, Client, ExactlyOnce, V5, V311, World};
use fulmar::types::ReasonCode::{NoMatchingSubscribers, NotAuthorized, Success};
use fulmar::types::SubscriptionOptions;

const CONNECT_V5: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01c";
const CONNACK_V5: &[u8] = b"\x20\x09\0\0\x06\x22\0\x0a\x21\0\x14";
const CONNECT_V311: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";
const CONNACK_V311: &[u8] = b"\x20\x02\0\0";
const CONNECT_V31: &[u8] = b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c";

#[test]
fn connack_of_5_0_tells_the_topic_aliases_and_the_receive_maximum_in_this_order() {
    let mut client = World::new().connect_raw();
    client.send_bytes(CONNECT_V5);
    assert_eq!(client.expect_bytes(), CONNACK_V5);
}

#[test]
fn the_old_protocol_name_is_answered_in_the_old_form_whatever_its_level() {
    let mut client = World::new().connect_raw();
    client.send_bytes(b"\x10\x0f\0\x06MQIsdp\x06\x02\0\x3c\0\x01c");
    assert_eq!(client.expect_bytes(), b"\x20\x02\0\x01");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_is_closed_reads_the_bare_reason() {
    for (what, packet, reason) in [
        ("PUBLISH to a wildcard", &b"\x30\x04\0\x01#\0"[..], 0x82),
        ("PUBLISH with QoS 3", b"\x36\x06\0\x01t\0\x01\0", 0x81),
        ("PUBLISH with alias 0", b"\x30\x07\0\x01t\x03\x23\0\0", 0x94),
        ("PUBLISH with alias 11", b"\x30\x07\0\x01t\x03\x23\0\x0b", 0x94),
        ("PUBLISH with packet identifier 0", b"\x32\x06\0\x01t\0\0\0", 0x82),
        ("SUBSCRIBE with packet identifier 0", b"\x82\x07\0\0\0\0\x01t\0", 0x82),
        ("SUBSCRIBE without a filter", b"\x82\x03\0\x01\0", 0x82),
        ("SUBSCRIBE with QoS 3", b"\x82\x07\0\x01\0\0\x01t\x03", 0x82),
        ("SUBSCRIBE with retain handling 3", b"\x82\x07\0\x01\0\0\x01t\x30", 0x82),
        ("SUBSCRIBE with identifier 0", b"\x82\x09\0\x01\x02\x0b\0\0\x01t\0", 0x82),
        ("UNSUBSCRIBE with packet identifier 0", b"\xa2\x06\0\0\0\0\x01t", 0x82),
        ("UNSUBSCRIBE without a filter", b"\xa2\x03\0\x01\0", 0x82),
    ] {
        let mut client = connected(CONNECT_V5, CONNACK_V5);
        client.send_bytes(packet);
        assert_eq!(client.expect_bytes(), [0xe0, 1, reason], "{what}");
        assert!(client.is_closed(), "{what}");
    }
}

#[test]
fn a_client_that_requests_problem_information_reads_words_too() {
    let asks = b"\x10\x10\0\x04MQTT\x05\x02\0\x3c\x02\x17\x01\0\x01c";
    let mut client = connected(asks, CONNACK_V5);
    client.send_bytes(b"\x82\x03\0\x01\0");
    let words = b"SUBSCRIBE without a topic filter";
    let disconnect = [&[0xe0, 37, 0x82, 35, 0x1f, 0, 32][..], words].concat();
    assert_eq!(client.expect_bytes(), disconnect);
}

#[test]
fn that_nobody_subscribed_is_said_in_puback_alone() {
    let world = World::new();
    let mut client = world.connect(V5, "c").open();

    assert_eq!(client.publish("t", "", AtLeastOnce), NoMatchingSubscribers);
    assert_eq!(client.publish("t", "", ExactlyOnce), Success);
}

#[test]
fn a_publisher_that_spares_itself_its_own_message_counts_as_subscribed() {
    let mut client = World::new().connect(V5, "c").open();
    let no_local = SubscriptionOptions { no_local: true, ..Default::default() };
    client.subscribe_with("t", no_local);

    assert_eq!(client.publish("t", "", AtLeastOnce), Success);
    client.expect_nothing();
}

#[test]
fn the_message_expiry_interval_is_the_last_property() {
    let mut client = connected(CONNECT_V5, CONNACK_V5);
    client.send_bytes(b"\x82\x09\0\x01\x02\x0b\x07\0\x01t\0");
    assert_eq!(client.expect_bytes(), b"\x90\x04\0\x01\0\0");

    client.send_bytes(b"\x30\x11\0\x01t\x0c\x02\0\0\0\x09\x03\0\x04textm");
    assert_eq!(client.expect_bytes(), b"\x30\x13\0\x01t\x0e\x0b\x07\x03\0\x04text\x02\0\0\0\x09m");
}

#[test]
fn the_servers_topics_and_nothing_beside_them_are_its_own() {
    let mut client = World::new().connect(V5, "c").open();
    for topic in ["$SYS", "$SYS/", "$SYS/broker/version"] {
        assert_eq!(client.publish(topic, "", AtLeastOnce), NotAuthorized, "{topic}");
    }
    for topic in ["$SYSTEM/t", "$share/t", "t/$SYS"] {
        assert_eq!(client.publish(topic, "", AtLeastOnce), NoMatchingSubscribers, "{topic}");
    }
}

#[test]
fn two_hundred_slashes_are_a_topic_and_one_more_ends_the_connection() {
    let (deep, deeper) = ("/".repeat(200), "/".repeat(201));
    for protocol in [V311, V5] {
        let world = World::new();
        let open = || world.connect(protocol, "c").open();
        let mut client = open();
        assert_eq!(client.subscribe(&deep, AtMostOnce), Success);
        assert_eq!(client.publish(&deep, "", AtLeastOnce), Success);

        let length = u16::to_be_bytes(201);
        let end = if protocol.is_v5() { &b"\0\x01\0"[..] } else { b"\0\x01" };
        let publish = [&length[..], deeper.as_bytes(), end].concat();
        let mut client = open();
        client.send_bytes(&packet(0x32, &publish));
        let expected = if protocol.is_v5() { &b"\xe0\x01\x82"[..] } else { b"" };
        assert_eq!((client.expect_bytes(), client.is_closed()), (expected.to_vec(), true));

        let start = if protocol.is_v5() { &b"\0\x01\0"[..] } else { b"\0\x01" };
        let subscribe = [start, &length, deeper.as_bytes(), b"\0"].concat();
        let mut client = open();
        client.send_bytes(&packet(0x82, &subscribe));
        let expected = if protocol.is_v5() { &b"\xe0\x01\x81"[..] } else { b"" };
        assert_eq!((client.expect_bytes(), client.is_closed()), (expected.to_vec(), true));
    }
}

#[test]
fn before_5_0_small_devices_may_pad_the_remaining_length() {
    let mut client = World::new().connect_raw();
    client.send_bytes(&[&[0x10, 0x8d, 0], &CONNECT_V311[2..]].concat());
    assert_eq!(client.expect_bytes(), CONNACK_V311);
    client.send_bytes(b"\xc0\x80\0");
    assert_eq!(client.expect_bytes(), b"\xd0\0");

    let mut client = connected(CONNECT_V31, CONNACK_V311);
    client.send_bytes(b"\xc0\x80\0");
    assert_eq!(client.expect_bytes(), b"\xd0\0");
}

/// With nothing left to read.
fn connected(connect: &[u8], connack: &[u8]) -> Client {
    let mut client = World::new().connect_raw();
    client.send_bytes(connect);
    assert_eq!(client.expect_bytes(), connack);
    client
}

/// With a body of 128 to 16,383 bytes.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first, body.len() as u8 | 0x80, (body.len() >> 7) as u8], body].concat()
}
