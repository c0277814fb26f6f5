use crate::common::*;
use fulmar::codec::{Ack, Packet, Publish};
use fulmar::types::ReasonCode::{self, ReceiveMaximumExceeded};

// [MQTT-3.3.4-7]
#[test]
fn a_client_that_exceeds_the_receive_maximum_is_disconnected() {
    let world = World::with(|settings, limits| {
        settings.receive_maximum = 2;
        limits.receive_maximum = 2;
    });
    let mut client = world.connect(V5, "client").open();
    assert_eq!(client.connack.receive_maximum, Some(2));
    client.send_bytes(b"\x34\x06\0\x01t\0\x01\0\x34\x06\0\x01t\0\x02\0");
    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01\x50\x02\0\x02");

    client.send_bytes(b"\x34\x06\0\x01t\0\x03\0");

    client.expect_disconnect(ReceiveMaximumExceeded);
}

// [MQTT-3.3.4-7]
#[test]
fn finished_exchanges_do_not_count_towards_the_receive_maximum() {
    let world = World::with(|settings, limits| {
        settings.receive_maximum = 1;
        limits.receive_maximum = 1;
    });
    let mut client = world.connect(V5, "client").open();
    for _ in 0..5 {
        client.publish("t", "", AtLeastOnce);
        client.publish("t", "", ExactlyOnce);
        assert_eq!(client.publish("$SYS/ours", "", ExactlyOnce), ReasonCode::NotAuthorized);
    }
    client.expect_nothing();
}

// [MQTT-3.3.4-7]
#[test]
fn messages_that_are_refused_make_no_room_for_others() {
    let world = World::with(|settings, limits| {
        settings.receive_maximum = 2;
        limits.receive_maximum = 2;
        limits.topic_levels_max = 2;
    });
    let mut client = world.connect(V5, "client").open();
    client.send_bytes(b"\x34\x06\0\x01t\0\x01\0");
    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01");
    for _ in 0..5 {
        client.send_bytes(b"\x32\x0a\0\x05a/b/c\0\x02\0");
        assert_eq!(client.expect_bytes(), b"\x40\x03\0\x02\x90");
    }
    client.send_bytes(b"\x34\x06\0\x01t\0\x03\0");
    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x03");

    client.send_bytes(b"\x32\x0a\0\x05a/b/c\0\x04\0");

    client.expect_disconnect(ReceiveMaximumExceeded);
}

// [MQTT-3.3.4-9]
#[test]
fn the_server_has_no_more_messages_unacknowledged_than_the_client_takes() {
    let (_world, mut client, mut publisher) = receiving_at_most(2);
    for number in ["1", "2", "3", "4", "5"] {
        publisher.publish("t", number, AtLeastOnce);
    }
    let first = client.expect_publish();
    let second = client.expect_publish();
    client.expect_nothing();

    client.acknowledge(&second);
    let third = client.expect_publish();
    client.expect_nothing();

    client.acknowledge(&first);
    let fourth = client.expect_publish();
    client.expect_nothing();
    assert_eq!((third.payload, fourth.payload), (&b"3"[..], &b"4"[..]));
}

// [MQTT-3.3.4-9]
#[test]
fn a_message_of_qos_2_is_unacknowledged_until_pubcomp() {
    let (_world, mut client, mut publisher) = receiving_at_most(1);
    publisher.publish("t", "1", ExactlyOnce);
    publisher.publish("t", "2", ExactlyOnce);
    let id = id_of(&client.expect_publish());

    client.send(Packet::PubRec(ack(id)));
    client.expect_pubrel(id);
    client.expect_nothing();

    client.send(Packet::PubComp(ack(id)));
    client.expect_text("t", "2");
}

// [MQTT-3.3.4-9]
#[test]
fn a_message_of_qos_2_that_the_client_refuses_is_no_longer_unacknowledged() {
    let (_world, mut client, mut publisher) = receiving_at_most(1);
    publisher.publish("t", "1", ExactlyOnce);
    publisher.publish("t", "2", ExactlyOnce);
    let id = id_of(&client.expect_publish());

    client.send(Packet::PubRec(Ack { reason: ReasonCode::QuotaExceeded, ..ack(id) }));

    client.expect_text("t", "2");
}

// [MQTT-3.3.4-9]
#[test]
fn the_receive_maximum_holds_for_what_is_sent_again() {
    let (world, mut client, mut publisher) = receiving_at_most(3);
    for number in ["1", "2", "3", "4"] {
        publisher.publish("t", number, AtLeastOnce);
    }
    assert_eq!(client.received().len(), 3);
    client.drop_link();

    let mut client = world.connect(V5, "client").persistent().receive_maximum(2).open();

    assert_eq!(client.received().len(), 2);
}

// [MQTT-3.3.4-9]
#[test]
fn without_a_receive_maximum_of_the_client_the_limit_is_the_servers() {
    let world = World::with(|settings, _| settings.in_flight_max = 5);
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtLeastOnce);
    let mut publisher = world.connect(V5, "publisher").open();

    for _ in 0..10 {
        publisher.publish("t", "", AtLeastOnce);
    }

    assert_eq!(client.received().len(), 5);
}

// [MQTT-3.3.4-10]
#[test]
fn only_publish_packets_wait_for_acknowledgements() {
    let (_world, mut client, mut publisher) = receiving_at_most(1);
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", AtLeastOnce);
    assert_eq!(client.expect_publish().payload, b"1");

    client.ping();
    client.subscribe("u", AtMostOnce);
    client.unsubscribe("u");
    client.publish("v", "", AtLeastOnce);
    client.publish("v", "", ExactlyOnce);
    client.expect_nothing();
}

// [MQTT-3.3.4-10]
#[test]
fn a_pubrel_that_is_sent_again_does_not_wait_for_acknowledgements() {
    let (world, mut client, mut publisher) = receiving_at_most(3);
    for number in ["1", "2", "3"] {
        publisher.publish("t", number, ExactlyOnce);
    }
    assert_eq!(client.received().len(), 3);
    client.send(Packet::PubRec(ack(packet_id(3))));
    client.expect_pubrel(packet_id(3));
    client.drop_link();

    let mut client = world.connect(V5, "client").persistent().receive_maximum(1).open();

    client.expect_pubrel(packet_id(3));
}

/// A client that subscribed to `t` and takes so many unacknowledged messages, and a publisher.
fn receiving_at_most(receive_maximum: u16) -> (World, Client, Client) {
    let world = World::new();
    let connecting = world.connect(V5, "client").persistent().receive_maximum(receive_maximum);
    let mut client = connecting.open();
    client.subscribe("t", ExactlyOnce);
    let publisher = world.connect(V5, "publisher").open();
    (world, client, publisher)
}

fn id_of(publish: &Publish<'_>) -> fulmar::types::PacketId {
    publish.packet_id.expect("QoS 1 and 2 have one")
}
