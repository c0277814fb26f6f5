use fulmar::codec::Packet;

use crate::common::*;
use crate::stage::{Stage, publish, stories, watcher};

stories! {
    a_second_publish_before_pubrel_is_answered_and_not_delivered
    the_message_of_a_second_publish_is_not_looked_at
    behind_pubcomp_the_id_stands_for_a_new_message
}

// [MQTT-4.3.3-10]
fn a_second_publish_before_pubrel_is_answered_and_not_delivered(stage: Stage) {
    let (world, client) = owing_pubrel(stage);

    let mut client = stage.return_after(&world, "client", client);
    for dup in [true, true, false] {
        client.send(publish(7, dup, "once"));
        assert_eq!(client.received(), [Packet::PubRec(ack(packet_id(7)))]);
    }
    client.send(Packet::PubRel(ack(packet_id(7))));

    assert_eq!(client.received(), [Packet::PubComp(ack(packet_id(7)))]);
    assert_eq!(watcher(&world).texts(), ["once"]);
}

// [MQTT-4.3.3-10]
fn the_message_of_a_second_publish_is_not_looked_at(stage: Stage) {
    let (world, client) = owing_pubrel(stage);

    let mut client = stage.return_after(&world, "client", client);
    client.send(publish(7, true, "something else"));
    client.expect_pubrec(packet_id(7));
    // Its own, which is not the one in the exchange.
    client.send(publish(8, true, "another"));
    client.expect_pubrec(packet_id(8));

    assert_eq!(watcher(&world).texts(), ["once", "another"]);
}

// [MQTT-4.3.3-12]
fn behind_pubcomp_the_id_stands_for_a_new_message(stage: Stage) {
    let (world, mut client) = owing_pubrel(stage);
    client.send(Packet::PubRel(ack(packet_id(7))));
    client.expect_pubcomp(packet_id(7));

    let mut client = stage.return_after(&world, "client", client);
    client.send(publish(7, false, "twice"));

    client.expect_pubrec(packet_id(7));
    assert_eq!(watcher(&world).texts(), ["once", "twice"]);
}

/// A client whose PUBLISH with packet id 7 got its PUBREC, and somebody to watch.
fn owing_pubrel(stage: Stage) -> (World, Client) {
    let world = World::new();
    watcher(&world).drop_link();
    let mut client = stage.connect(&world, "client").open();
    client.send(publish(7, false, "once"));
    client.expect_pubrec(packet_id(7));
    (world, client)
}
