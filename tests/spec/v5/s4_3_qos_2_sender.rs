use crate::common::*;
use fulmar::codec::{Ack, Packet, Publish, PublishProperties};
use fulmar::types::ReasonCode::{self, NoMatchingSubscribers, NotAuthorized, Success};

// [MQTT-4.3.3-2]
#[test]
fn a_message_of_qos_2_is_sent_with_its_packet_identifier_and_dup_0() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", ExactlyOnce);

    world.connect(V5, "publisher").open().send_bytes(b"\x3c\x07\0\x01t\0\x09\0x");

    assert_eq!(client.expect_bytes(), b"\x34\x07\0\x01t\0\x01\0x");
}

// [MQTT-4.3.3-3]
#[test]
fn a_message_of_qos_2_is_unacknowledged_until_its_pubrec_comes() {
    let (world, client) = holding_a_message();
    client.drop_link();
    for _ in 0..3 {
        reconnected(&world).drop_link();
    }
    let mut client = reconnected(&world);

    client.send(Packet::PubRec(ack(packet_id(1))));
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();
    assert_eq!(client.expect_pubrel(packet_id(1)), Success);
    client.expect_nothing();
}

// [MQTT-4.3.3-4]
#[test]
fn a_pubrec_below_0x80_is_answered_by_pubrel_with_its_packet_identifier() {
    for reason in [Success, NoMatchingSubscribers] {
        let (_world, mut client) = holding_a_message();
        client.send(Packet::PubRec(Ack::new(packet_id(1), reason)));
        assert_eq!(client.expect_bytes(), b"\x62\x02\0\x01");
    }
}

// [MQTT-4.3.3-4]
#[test]
fn a_pubrec_of_0x80_or_above_ends_the_exchange_without_pubrel() {
    for reason in [ReasonCode::UnspecifiedError, NotAuthorized, ReasonCode::QuotaExceeded] {
        let (_world, mut client) = holding_a_message();
        client.send(Packet::PubRec(Ack::new(packet_id(1), reason)));
        client.expect_nothing();
    }
}

// [MQTT-4.3.3-5] [MQTT-4.3.3-6]
#[test]
fn pubrel_is_unacknowledged_until_its_pubcomp_comes_and_publish_is_never_sent_again() {
    let (world, mut client) = holding_a_message();
    client.send(Packet::PubRec(ack(packet_id(1))));
    assert_eq!(client.expect_pubrel(packet_id(1)), Success);
    for _ in 0..3 {
        client.drop_link();
        client = world.connect(V5, "client").clean(false).expiry(100).open();
        assert_eq!(client.received(), [Packet::PubRel(ack(packet_id(1)))]);
    }

    client.send(Packet::PubComp(ack(packet_id(1))));
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();
    assert!(client.connack.session_present);
    client.expect_nothing();
}

// [MQTT-4.3.3-5]
#[test]
fn a_pubcomp_with_another_packet_identifier_settles_nothing() {
    let (world, mut client) = holding_a_message();
    client.send(Packet::PubRec(ack(packet_id(1))));
    assert_eq!(client.expect_pubrel(packet_id(1)), Success);

    client.send(Packet::PubComp(ack(packet_id(2))));
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();
    assert_eq!(client.expect_pubrel(packet_id(1)), Success);
}

// [MQTT-4.3.3-7]
#[test]
fn a_message_that_was_sent_does_not_expire() {
    for qos in [AtLeastOnce, ExactlyOnce] {
        let world = World::new();
        let mut publisher = world.connect(V5, "publisher").open();
        let mut client = world.connect(V5, "client").expiry(1_000).receive_maximum(1).open();
        client.subscribe("t", qos);
        publisher.publish_packet(expiring("sent", qos));
        publisher.publish_packet(expiring("waiting", qos));
        assert_eq!(client.expect_publish().payload, b"sent");
        client.drop_link();

        world.advance_secs(100);

        let mut client = world.connect(V5, "client").clean(false).open();
        let message = client.expect_message();
        assert_eq!((message.payload, message.dup), (&b"sent"[..], true));
        client.expect_nothing();
    }
}

fn expiring(payload: &'static str, qos: QoS) -> Publish<'static> {
    let properties = PublishProperties { message_expiry_secs: Some(10), ..Default::default() };
    Publish { properties, ..message("t", payload.as_bytes(), qos) }
}

/// A client that has got a message of QoS 2 with packet identifier 1 and has not answered.
fn holding_a_message() -> (World, Client) {
    let world = World::new();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", ExactlyOnce);
    world.connect(V5, "publisher").open().publish("t", "x", ExactlyOnce);
    assert_eq!(client.expect_bytes(), b"\x34\x07\0\x01t\0\x01\0x");
    (world, client)
}

/// The same client on the next connection, where the message has come again.
fn reconnected(world: &World) -> Client {
    let mut client = world.connect(V5, "client").clean(false).expiry(100).open();
    let again = client.expect_publish();
    assert_eq!((again.packet_id, again.dup), (Some(packet_id(1)), true));
    client.expect_nothing();
    client
}
