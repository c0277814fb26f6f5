use fulmar::codec::{Ack, Packet};
use fulmar::types::ReasonCode::{PacketIdentifierNotFound, Success};

use crate::common::*;
use crate::stage::{Stage, publish, stories};

stories! {
    a_pubrel_that_comes_again_after_the_end_of_its_exchange_is_answered_without_harm
    a_pubcomp_that_says_not_found_ends_the_exchange
    a_pubcomp_that_nobody_waits_for_does_no_harm
}

/// The client did not see the PUBCOMP, and owes PUBREL as far as it knows.
// [MQTT-4.3.3-11]
fn a_pubrel_that_comes_again_after_the_end_of_its_exchange_is_answered_without_harm(stage: Stage) {
    let world = World::new();
    let mut client = stage.connect(&world, "client").open();
    client.send(publish(7, false, "x"));
    client.expect_pubrec(packet_id(7));
    client.send(Packet::PubRel(ack(packet_id(7))));
    client.expect_pubcomp(packet_id(7));

    let mut client = stage.return_after(&world, "client", client);
    client.send(Packet::PubRel(ack(packet_id(7))));

    // 3.1.1 has no word for it.
    let reason = if client.is_v5() { PacketIdentifierNotFound } else { Success };
    assert_eq!(client.expect_pubcomp(packet_id(7)), reason);
    client.ping();
    client.expect_nothing();
}

/// The client has lost its state, or had finished: the broker must not ask for ever.
// [MQTT-4.3.3-5]
fn a_pubcomp_that_says_not_found_ends_the_exchange(stage: Stage) {
    if stage.protocol != V5 {
        return; // PUBCOMP has a reason in 5.0 only.
    }
    let (world, mut client) = owed_pubrel(stage);

    client.send(Packet::PubComp(Ack::new(packet_id(1), PacketIdentifierNotFound)));

    // Its place under the receive maximum is free, too.
    let next = client.expect_publish();
    assert_eq!((next.payload, next.dup), (&b"next"[..], false));
    client.acknowledge(&next);
    stage.return_after(&world, "client", client).expect_nothing();
}

// [MQTT-4.3.3-5]
fn a_pubcomp_that_nobody_waits_for_does_no_harm(stage: Stage) {
    let (world, mut client) = owed_pubrel(stage);

    for _ in 0..2 {
        client.send(Packet::PubComp(ack(packet_id(1))));
    }

    assert!(!client.is_closed());
    client.ping();
    stage.return_after(&world, "client", client).ping();
}

/// A client that came back to PUBREL for packet id 1, and takes one message at a time where it may
/// say so. Another message waits.
fn owed_pubrel(stage: Stage) -> (World, Client) {
    let world = World::new();
    let mut client = stage.connect(&world, "client").open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish("t", "first", ExactlyOnce);
    client.expect_publish();
    client.send(Packet::PubRec(ack(packet_id(1))));
    client.expect_pubrel(packet_id(1));
    stage.part(&world, client);

    let connecting = stage.connect(&world, "client");
    let mut client = match stage.protocol {
        V5 => connecting.receive_maximum(1).open(),
        _ => connecting.open(),
    };
    client.expect_pubrel(packet_id(1));
    world.connect(V5, "publisher").open().publish("t", "next", ExactlyOnce);
    (world, client)
}
