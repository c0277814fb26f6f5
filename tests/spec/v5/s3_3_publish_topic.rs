use crate::common::*;
use fulmar::types::ReasonCode::{self, MalformedPacket, ProtocolError};

// [MQTT-3.3.2-1]
#[test]
fn a_publish_without_a_topic_name_or_alias_is_a_protocol_error() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x30\x05\0\0\0hi");
    client.expect_disconnect(ProtocolError);
}

// [MQTT-3.3.2-1]
#[test]
fn a_topic_name_that_is_cut_off_or_not_utf_8_is_malformed() {
    for bytes in [
        &b"\x30\x00"[..],
        b"\x30\x01\0",
        b"\x30\x03\0\x02t",
        b"\x30\x05\0\x02\xc3\x28\0",
        b"\x30\x06\0\x03\xed\xa0\x80\0",
    ] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.3.2-1]
#[test]
fn the_topic_name_is_the_first_field_of_what_the_server_sends() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("a/b", AtLeastOnce);

    world.connect(V5, "publisher").open().publish("a/b", "hi", AtLeastOnce);

    assert_eq!(client.expect_bytes(), b"\x32\x0a\0\x03a/b\0\x01\0hi");
}

// [MQTT-3.3.2-2]
#[test]
fn a_topic_name_with_a_wildcard_closes_the_connection() {
    for topic in ["#", "+", "a/#", "a/+/b", "a+", "a#b"] {
        let world = World::new();
        let mut watcher = world.connect(V5, "watcher").open();
        watcher.subscribe("#", AtMostOnce);
        let mut client = world.connect(V5, "client").open();

        client.send_bytes(&packet(0x30, &[&string(topic), b"\0hi"]));

        client.expect_disconnect(ProtocolError);
        watcher.expect_nothing();
    }
}

// [MQTT-3.3.2-3]
#[test]
fn the_topic_name_sent_matches_the_filter() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    for (filter, topic) in [
        ("a/b", "a/b"),
        ("a/+", "a/b"),
        ("a/#", "a/b"),
        ("#", "a/b"),
        ("+/b", "/b"),
        ("a/#", "a"),
        ("$share/group/a/+", "a/b"),
    ] {
        let mut client = world.connect(V5, "client").open();
        client.subscribe(filter, AtMostOnce);
        publisher.publish(topic, filter, AtMostOnce);
        client.expect_text(topic, filter);
    }
}

// [MQTT-3.3.2-3]
#[test]
fn messages_whose_topic_name_does_not_match_are_not_sent() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    for (filter, topic) in [
        ("a/b", "a/B"),
        ("a", "a/"),
        ("a/+", "a"),
        ("a/+", "a/b/c"),
        ("a/#", "ab"),
        ("+", "/a"),
        ("#", "$private"),
        ("+/a", "$private/a"),
        ("$share/group/a", "b"),
    ] {
        let mut client = world.connect(V5, "client").open();
        client.subscribe(filter, AtMostOnce);
        publisher.publish(topic, filter, AtMostOnce);
        client.expect_nothing();
    }
}

// [MQTT-3.3.2-3]
#[test]
fn a_topic_named_by_an_alias_of_the_publisher_is_sent_by_its_name() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("a/b", AtMostOnce);
    let mut publisher = world.connect(V5, "publisher").open();

    publisher.send_bytes(b"\x30\x0a\0\x03a/b\x03\x23\0\x011");
    publisher.send_bytes(b"\x30\x07\0\0\x03\x23\0\x012");

    assert_eq!(client.expect_bytes(), b"\x30\x07\0\x03a/b\x001\x30\x07\0\x03a/b\x002");
}

// [MQTT-3.3.2-13]
#[test]
fn a_response_topic_that_is_not_utf_8_is_malformed() {
    for topic in [&b"\xff"[..], b"a\0b", b"\xed\xa0\x80"] {
        assert_eq!(refused_for(0x08, topic), MalformedPacket);
    }
}

// [MQTT-3.3.2-14]
#[test]
fn a_response_topic_with_a_wildcard_is_a_protocol_error() {
    for topic in ["#", "a/+", "a+b", "+/a"] {
        assert_eq!(refused_for(0x08, topic.as_bytes()), ProtocolError);
    }
}

// [MQTT-3.3.2-19]
#[test]
fn a_content_type_that_is_not_utf_8_is_malformed() {
    for content_type in [&b"\xff"[..], b"text\0", b"\xed\xa0\x80"] {
        assert_eq!(refused_for(0x03, content_type), MalformedPacket);
    }
}

/// Why the server disconnects a client that publishes with this property; nobody gets the message.
#[track_caller]
fn refused_for(identifier: u8, value: &[u8]) -> ReasonCode {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("#", AtMostOnce);
    let mut client = world.connect(V5, "client").open();
    let property = [&[identifier][..], &string(value)].concat();

    client.send_bytes(&packet(0x30, &[&string("t"), &[property.len() as u8], &property]));

    watcher.expect_nothing();
    match client.expect() {
        fulmar::codec::Packet::Disconnect(disconnect) => {
            client.expect_closed();
            disconnect.reason
        }
        other => panic!("expected DISCONNECT, got {other:?}"),
    }
}
