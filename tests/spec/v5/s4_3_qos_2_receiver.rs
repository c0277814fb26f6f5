use crate::common::*;
use fulmar::codec::{Packet, Publish, PublishProperties};
use fulmar::types::ReasonCode::Success;

// [MQTT-4.3.3-8]
#[test]
fn a_message_of_qos_2_is_answered_by_pubrec_with_its_packet_identifier() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x34\x06\0\x01t\x12\x34\0\x34\x06\0\x01t\xff\xff\0");
    assert_eq!(client.expect_bytes(), b"\x50\x02\x12\x34\x50\x02\xff\xff");
}

// [MQTT-4.3.3-8]
#[test]
fn pubrec_comes_when_the_server_will_not_lose_the_message_any_more() {
    let world = World::new().with_delayed_commits();
    let mut subscriber = world.connect(V5, "subscriber").expiry(100).send();
    world.commit();
    subscriber.expect_connack();
    subscriber.send_bytes(b"\x82\x07\0\x01\0\0\x01t\x02");
    world.commit();
    let mut client = world.connect(V5, "client").open();

    client.send_bytes(b"\x34\x06\0\x01t\0\x01\0");

    client.expect_nothing();
    world.commit();
    assert_eq!(client.expect_pubrec(packet_id(1)), Success);
}

// [MQTT-4.3.3-9]
#[test]
fn behind_a_pubrec_of_0x80_or_above_the_packet_identifier_stands_for_a_new_message() {
    let (_world, mut watcher, mut client) = watched();
    client.send_bytes(b"\x34\x0a\0\x05$SYS/\0\x01\0");
    assert_eq!(client.expect_bytes(), b"\x50\x03\0\x01\x87");
    for first in [0x34, 0x3c] {
        client.send_bytes(&packet(first, &[b"\0\x01t\0\x01\0x"]));
        assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01");
        watcher.expect_text("t", "x");
        client.send_bytes(b"\x62\x02\0\x01");
        assert_eq!(client.expect_bytes(), b"\x70\x02\0\x01");
    }
}

// [MQTT-4.3.3-10]
#[test]
fn until_pubrel_the_same_packet_identifier_is_acknowledged_and_not_delivered_again() {
    let (_world, mut watcher, mut client) = watched();
    for first in [0x34, 0x3c, 0x3c, 0x34] {
        client.send_bytes(&packet(first, &[b"\0\x01t\0\x01\0x"]));
        assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01");
    }
    assert_eq!(watcher.texts(), ["x"]);
}

// [MQTT-4.3.3-10]
#[test]
fn a_duplicate_on_a_later_connection_of_the_session_is_not_delivered_either() {
    let (world, mut watcher, mut client) = watched();
    client.send_bytes(b"\x34\x07\0\x01t\0\x01\0x");
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();
    client.send_bytes(b"\x3c\x07\0\x01t\0\x01\0x");

    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01");
    assert_eq!(watcher.texts(), ["x"]);
}

// [MQTT-4.3.3-10]
#[test]
fn a_duplicate_does_not_change_the_retained_message() {
    let (world, mut watcher, mut client) = watched();
    client.send_bytes(b"\x35\x07\0\x01t\0\x01\x001");
    watcher.retain("t", "2", AtMostOnce);
    client.send_bytes(b"\x3d\x07\0\x01t\0\x01\x001");

    let mut late = world.connect(V5, "late").open();
    late.subscribe("t", AtMostOnce);

    late.expect_text("t", "2");
}

// [MQTT-4.3.3-11]
#[test]
fn each_pubrel_is_answered_by_pubcomp_with_its_packet_identifier() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x34\x06\0\x01t\x12\x34\0\x34\x06\0\x01t\xff\xff\0");
    assert_eq!(client.expect_bytes(), b"\x50\x02\x12\x34\x50\x02\xff\xff");

    client.send_bytes(b"\x62\x02\xff\xff\x62\x02\x12\x34\x62\x02\x12\x34");

    assert_eq!(client.expect_bytes(), b"\x70\x02\xff\xff\x70\x02\x12\x34\x70\x03\x12\x34\x92");
}

// [MQTT-4.3.3-11]
#[test]
fn a_pubrel_on_a_later_connection_is_answered_by_pubcomp() {
    let (world, _watcher, mut client) = watched();
    client.send_bytes(b"\x34\x07\0\x01t\0\x01\0x");
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();
    client.send_bytes(b"\x62\x02\0\x01");

    assert_eq!(client.expect_bytes(), b"\x70\x02\0\x01");
}

// [MQTT-4.3.3-12]
#[test]
fn behind_pubcomp_the_packet_identifier_stands_for_a_new_message_whatever_its_dup_flag() {
    let (_world, mut watcher, mut client) = watched();
    for first in [0x34, 0x3c, 0x34] {
        client.send_bytes(&packet(first, &[b"\0\x01t\0\x01\0x"]));
        client.send_bytes(b"\x62\x02\0\x01");
        assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01\x70\x02\0\x01");
    }
    assert_eq!(watcher.texts(), ["x", "x", "x"]);
}

// [MQTT-4.3.3-13]
#[test]
fn the_exchange_goes_on_when_its_message_has_expired() {
    let (world, watcher, mut client) = watched();
    watcher.drop_link();
    let id = client.next_id();
    let properties = PublishProperties { message_expiry_secs: Some(1), ..Default::default() };
    let publish = Publish { packet_id: Some(id), properties, ..message("t", b"x", ExactlyOnce) };
    client.send(Packet::Publish(publish.clone()));
    assert_eq!(client.expect_pubrec(id), Success);

    world.advance_secs(10);

    let mut watcher = world.connect(V5, "watcher").clean(false).open();
    watcher.expect_nothing();
    client.send(Packet::Publish(Publish { dup: true, ..publish }));
    assert_eq!(client.expect_pubrec(id), Success);
    client.send(Packet::PubRel(ack(id)));
    assert_eq!(client.expect_pubcomp(id), Success);
}

// [MQTT-4.3.3-13]
#[test]
fn a_message_that_expires_at_once_is_acknowledged_to_the_end() {
    let mut client = World::new().connect(V5, "client").open();
    let properties = PublishProperties { message_expiry_secs: Some(0), ..Default::default() };
    let publish = Publish { properties, ..message("t", b"x", ExactlyOnce) };
    assert_eq!(client.publish_packet(publish), Success);
}

/// Somebody who gets every message to "t", and a client with a session that lasts.
fn watched() -> (World, Client, Client) {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").expiry(100).open();
    watcher.subscribe("t", ExactlyOnce);
    let client = world.connect(V5, "client").expiry(100).open();
    (world, watcher, client)
}
