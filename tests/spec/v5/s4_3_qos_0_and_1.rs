use std::collections::BTreeSet;

use crate::common::*;
use fulmar::codec::Packet;
use fulmar::types::ReasonCode::{NotAuthorized, Success};

// [MQTT-4.3.1-1]
#[test]
fn a_message_of_qos_0_is_sent_with_dup_0_even_if_it_came_with_dup_1() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtMostOnce);

    world.connect(V5, "publisher").open().send_bytes(b"\x3a\x07\0\x01t\0\x01\0x");

    assert_eq!(client.expect_bytes(), b"\x30\x05\0\x01t\0x");
}

// [MQTT-4.3.1-1]
#[test]
fn a_message_of_qos_0_is_sent_once() {
    let world = World::new();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", AtMostOnce);
    world.connect(V5, "publisher").open().publish("t", "x", AtMostOnce);
    assert_eq!(client.expect_bytes(), b"\x30\x05\0\x01t\0x");
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();

    assert!(client.connack.session_present);
    client.expect_nothing();
}

// [MQTT-4.3.2-1] [MQTT-4.3.3-1]
#[test]
fn each_unfinished_message_has_a_packet_identifier_of_its_own() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", ExactlyOnce);
    for qos in [AtLeastOnce, ExactlyOnce].into_iter().cycle().take(100) {
        publisher.publish("t", "x", qos);
    }
    let unfinished: Vec<_> = (0..100).map(|_| client.expect_publish()).collect();
    let ids: BTreeSet<_> = unfinished.iter().map(|publish| publish.packet_id).collect();
    assert_eq!(ids.len(), 100);

    client.acknowledge(&unfinished[50]);
    publisher.publish("t", "x", ExactlyOnce);

    let next = client.expect_publish().packet_id;
    let still_used = |publish: &&_| !std::ptr::eq(*publish, &unfinished[50]);
    assert!(unfinished.iter().filter(still_used).all(|publish| publish.packet_id != next));
}

// [MQTT-4.3.2-1] [MQTT-4.3.3-1]
#[test]
fn a_packet_identifier_in_use_is_passed_over_when_all_others_have_been_used() {
    let world = World::new();
    let mut publisher = world.connect(V311, "publisher").open();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", ExactlyOnce);
    publisher.publish("t", "held", ExactlyOnce);
    let held = client.expect_publish();

    let mut others = 0;
    for _ in 0..67 {
        send_a_thousand(&mut publisher);
        let ids: Vec<_> = client.messages().iter().map(|publish| publish.packet_id).collect();
        assert!(!ids.contains(&held.packet_id));
        others += ids.len();
    }
    assert_eq!(others, 65_534);

    client.acknowledge(&held);
    assert_eq!(client.messages().len(), 67_000 - others);
}

// [MQTT-4.3.2-2]
#[test]
fn a_message_of_qos_1_is_sent_with_its_packet_identifier_and_dup_0() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtLeastOnce);

    world.connect(V5, "publisher").open().send_bytes(b"\x3a\x07\0\x01t\0\x09\0x");

    assert_eq!(client.expect_bytes(), b"\x32\x07\0\x01t\0\x01\0x");
}

// [MQTT-4.3.2-3]
#[test]
fn a_message_of_qos_1_is_unacknowledged_until_its_own_puback_comes() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).receive_maximum(2).open();
    client.subscribe("t", AtLeastOnce);
    for number in ["1", "2", "3"] {
        publisher.publish("t", number, AtLeastOnce);
    }
    assert_eq!(client.expect_publish().packet_id, Some(packet_id(1)));
    assert_eq!(client.expect_publish().packet_id, Some(packet_id(2)));

    client.send(Packet::PubAck(ack(packet_id(77))));
    client.expect_nothing();
    client.send(Packet::PubAck(ack(packet_id(2))));
    client.expect_text("t", "3");

    client.drop_link();
    let mut client = world.connect(V5, "client").clean(false).open();
    client.expect_text("t", "1");
    client.expect_nothing();
}

// [MQTT-4.3.2-4]
#[test]
fn a_message_of_qos_1_is_answered_by_puback_with_its_packet_identifier() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x32\x06\0\x01t\x12\x34\0\x32\x06\0\x01t\xff\xff\0");
    assert_eq!(client.expect_bytes(), b"\x40\x03\x12\x34\x10\x40\x03\xff\xff\x10");
}

// [MQTT-4.3.2-4]
#[test]
fn puback_comes_when_the_server_will_not_lose_the_message_any_more() {
    let world = World::new().with_delayed_commits();
    let mut subscriber = world.connect(V5, "subscriber").expiry(100).send();
    world.commit();
    subscriber.expect_connack();
    subscriber.send_bytes(b"\x82\x07\0\x01\0\0\x01t\x01");
    world.commit();
    let mut client = world.connect(V5, "client").open();

    client.send_bytes(b"\x32\x06\0\x01t\0\x01\0");

    client.expect_nothing();
    world.commit();
    assert_eq!(client.expect_puback(packet_id(1)), Success);
}

// [MQTT-4.3.2-4]
#[test]
fn a_message_that_the_server_does_not_take_is_answered_too() {
    let mut client = World::new().connect(V5, "client").open();
    assert_eq!(client.publish("$SYS/ours", "", AtLeastOnce), NotAuthorized);
}

// [MQTT-4.3.2-5]
#[test]
fn behind_its_puback_a_packet_identifier_stands_for_a_new_message_whatever_its_dup_flag() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("t", AtMostOnce);
    let mut client = world.connect(V5, "client").open();
    for first in [0x32, 0x32, 0x3a, 0x3a] {
        client.send_bytes(&packet(first, &[b"\0\x01t\0\x01\0x"]));
        assert_eq!(client.expect_bytes(), b"\x40\x02\0\x01");
    }
    assert_eq!(watcher.texts(), ["x", "x", "x", "x"]);
}

/// PUBLISH packets of QoS 1 in 3.1.1, where nobody limits how many are sent at a time.
fn send_a_thousand(publisher: &mut Client) {
    let publish = |id: u16| [0x32, 6, 0, 1, b't', (id >> 8) as u8, id as u8, b'x'];
    publisher.send_bytes(&(1..=1_000).flat_map(publish).collect::<Vec<u8>>());
    assert_eq!(publisher.received().len(), 1_000);
}
