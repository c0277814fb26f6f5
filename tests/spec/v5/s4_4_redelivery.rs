use crate::common::*;
use fulmar::codec::{Ack, Packet, Publish};
use fulmar::types::ReasonCode::{ImplementationSpecificError, PayloadFormatInvalid};

// [MQTT-4.4.0-1]
#[test]
fn unacknowledged_publishes_and_pubrels_are_sent_again_with_their_packet_identifiers() {
    let (world, client) = with_unfinished_messages();
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).expiry(100).open();

    assert!(client.connack.session_present);
    let again = client.received();
    assert_eq!(again.len(), 3);
    assert!(again.contains(&Packet::PubRel(ack(packet_id(2)))));
    for (id, payload, qos) in [(1, b"1", AtLeastOnce), (3, b"3", ExactlyOnce)] {
        let packet_id = Some(packet_id(id));
        let publish = Publish { dup: true, packet_id, ..message("t", payload, qos) };
        assert!(again.contains(&Packet::Publish(publish)));
    }
}

// [MQTT-4.4.0-1]
#[test]
fn a_message_that_was_never_sent_is_not_marked_as_sent_again() {
    let (world, client) = with_unfinished_messages();
    client.drop_link();
    world.connect(V5, "publisher").open().publish("t", "4", AtLeastOnce);

    let mut client = world.connect(V5, "client").clean(false).open();

    let dups = client.received().into_iter().filter_map(|packet| match packet {
        Packet::Publish(publish) => Some(publish.dup),
        _ => None,
    });
    assert_eq!(dups.collect::<Vec<_>>(), [true, true, false]);
}

// [MQTT-4.4.0-1]
#[test]
fn nothing_is_sent_again_while_the_connection_stands() {
    let (world, mut client) = with_unfinished_messages();
    for _ in 0..1_000 {
        world.advance_secs(60);
        client.ping();
    }
    client.subscribe("t", AtLeastOnce);
    client.expect_nothing();
}

// [MQTT-4.4.0-1]
#[test]
fn nothing_is_sent_again_in_a_new_session() {
    let (world, client) = with_unfinished_messages();
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(true).open();

    assert!(!client.connack.session_present);
    client.expect_nothing();
}

// [MQTT-4.4.0-1]
#[test]
fn a_connection_that_takes_over_gets_again_what_the_other_had_not_acknowledged() {
    let (world, mut first) = with_unfinished_messages();

    let mut second = world.connect(V5, "client").clean(false).open();

    assert_eq!(second.received().len(), 3);
    assert_eq!(first.received().len(), 1, "DISCONNECT");
}

// [MQTT-4.4.0-2]
#[test]
fn a_message_that_the_client_has_refused_is_not_sent_again() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", ExactlyOnce);
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", ExactlyOnce);
    assert_eq!(client.received().len(), 2);

    client.send(Packet::PubAck(Ack::new(packet_id(1), PayloadFormatInvalid)));
    client.send(Packet::PubRec(Ack::new(packet_id(2), ImplementationSpecificError)));

    client.expect_nothing();
    client.drop_link();
    let mut client = world.connect(V5, "client").clean(false).open();
    assert!(client.connack.session_present);
    client.expect_nothing();
}

/// A client that owes PUBACK for "1", PUBCOMP for "2" and PUBREC for "3".
fn with_unfinished_messages() -> (World, Client) {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", ExactlyOnce);
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", ExactlyOnce);
    publisher.publish("t", "3", ExactlyOnce);
    assert_eq!(client.received().len(), 3);
    client.send(Packet::PubRec(ack(packet_id(2))));
    assert_eq!(client.received(), [Packet::PubRel(ack(packet_id(2)))]);
    (world, client)
}
