use crate::common::*;
use fulmar::codec::{Ack, Packet};
use fulmar::types::ReasonCode::{GrantedQoS1, QuotaExceeded, Success};

// [MQTT-4.9.0-1]
#[test]
fn the_send_quota_begins_above_zero_and_within_the_receive_maximum() {
    for (maximum, sent) in [(1, 1), (2, 2), (10, 10), (11, 10)] {
        let (_world, mut client) = owed_messages(10, maximum);
        assert_eq!(client.received().len(), sent);
    }
}

// [MQTT-4.9.0-1]
#[test]
fn the_send_quota_begins_anew_with_each_connection() {
    let (world, mut client) = owed_messages(10, 10);
    assert_eq!(client.received().len(), 10);
    for maximum in [1, 3, 1] {
        client.drop_link();
        let connecting = world.connect(V5, "client").clean(false).expiry(100);
        client = connecting.receive_maximum(maximum).open();
        assert_eq!(client.received().len(), usize::from(maximum));
    }
}

// [MQTT-4.9.0-2]
#[test]
fn at_a_quota_of_zero_no_further_message_of_qos_1_or_2_is_sent() {
    let (world, mut client) = owed_messages(5, 2);
    assert_eq!(client.received().len(), 2);

    world.advance_secs(1_000);
    client.ping();
    client.send(Packet::PubAck(ack(packet_id(99))));
    client.expect_nothing();
}

// [MQTT-4.9.0-2]
#[test]
fn the_quota_grows_with_puback_pubcomp_and_a_refusing_pubrec_but_not_with_pubrec() {
    let (_world, mut client) = owed_messages(9, 3);
    let first = client.received();
    assert_eq!(numbers(&first), [0, 1, 2]);

    client.send(Packet::PubRec(ack(packet_id(2))));
    assert_eq!(client.received(), [Packet::PubRel(ack(packet_id(2)))]);
    client.send(Packet::PubComp(ack(packet_id(2))));
    assert_eq!(numbers(&client.received()), [3]);
    client.send(Packet::PubAck(ack(packet_id(1))));
    assert_eq!(numbers(&client.received()), [4]);
    client.send(Packet::PubRec(Ack::new(packet_id(4), QuotaExceeded)));
    assert_eq!(numbers(&client.received()), [5]);
    client.expect_nothing();
}

// [MQTT-4.9.0-2]
#[test]
fn acknowledgements_that_belong_to_nothing_do_not_raise_the_quota() {
    let (_world, mut client) = owed_messages(9, 2);
    assert_eq!(client.received().len(), 2);
    client.send(Packet::PubAck(ack(packet_id(1))));
    assert_eq!(client.received().len(), 1);

    client.send(Packet::PubAck(ack(packet_id(1))));
    client.send(Packet::PubComp(ack(packet_id(1))));

    client.expect_nothing();
}

// [MQTT-4.9.0-3]
#[test]
fn at_a_quota_of_zero_everything_else_is_answered_and_qos_0_is_sent() {
    let (world, mut client) = owed_messages(5, 1);
    assert_eq!(client.received().len(), 1);

    client.ping();
    assert_eq!(client.subscribe("u", AtLeastOnce), GrantedQoS1);
    assert_eq!(client.unsubscribe("u"), Success);
    assert_eq!(client.publish("t/0", "", AtMostOnce), Success);
    client.expect_text("t/0", "");
    assert!(!client.publish("nobody", "", AtLeastOnce).is_error());
    assert!(!client.publish("nobody", "", ExactlyOnce).is_error());
    world.connect(V5, "other").open().publish("t/0", "of another", AtMostOnce);
    client.expect_text("t/0", "of another");
    client.expect_nothing();
}

/// Numbered messages of QoS 1 and 2 in turn wait for a client with this receive maximum.
fn owed_messages(count: usize, receive_maximum: u16) -> (World, Client) {
    let world = World::new();
    let connecting = world.connect(V5, "client").expiry(100);
    let mut client = connecting.receive_maximum(receive_maximum).open();
    client.subscribe("t/#", ExactlyOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    for (number, qos) in (0..count).zip([AtLeastOnce, ExactlyOnce].into_iter().cycle()) {
        publisher.publish("t", [number as u8], qos);
    }
    (world, client)
}

fn numbers(packets: &[Packet<'_>]) -> Vec<u8> {
    let number = |packet: &Packet<'_>| match packet {
        Packet::Publish(publish) => publish.payload[0],
        other => panic!("no PUBLISH but {other:?}"),
    };
    packets.iter().map(number).collect()
}
