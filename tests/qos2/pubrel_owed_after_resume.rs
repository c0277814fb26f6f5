use fulmar::codec::Packet;

use crate::common::*;
use crate::stage::{Stage, stories};

stories! {
    pubrel_comes_on_every_connection_until_pubcomp_and_publish_never_again
    pubrels_come_in_the_order_of_their_pubrecs
    pubrel_is_owed_where_only_pubrec_was_sent
}

// [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.4.0-1]
fn pubrel_comes_on_every_connection_until_pubcomp_and_publish_never_again(stage: Stage) {
    let (world, mut client) = holding(stage, 1);
    client.send(Packet::PubRec(ack(packet_id(1))));
    client.expect_pubrel(packet_id(1));

    for _ in 0..3 {
        client = stage.return_after(&world, "client", client);
        assert_eq!(client.received(), [Packet::PubRel(ack(packet_id(1)))]);
    }
    client.send(Packet::PubComp(ack(packet_id(1))));

    stage.return_after(&world, "client", client).expect_nothing();
}

// [MQTT-4.6.0-4]
fn pubrels_come_in_the_order_of_their_pubrecs(stage: Stage) {
    let (world, mut client) = holding(stage, 5);
    for id in [1, 2, 3] {
        client.send(Packet::PubRec(ack(packet_id(id))));
        client.expect_pubrel(packet_id(id));
    }

    let mut client = stage.return_after(&world, "client", client);

    let pubrels = client.received().into_iter().filter_map(|packet| match packet {
        Packet::PubRel(ack) => Some(ack.packet_id.get()),
        _ => None,
    });
    assert_eq!(pubrels.collect::<Vec<_>>(), [1, 2, 3]);
}

/// The answer to PUBREC never leaves the broker: the client has stopped reading.
fn pubrel_is_owed_where_only_pubrec_was_sent(stage: Stage) {
    let (world, mut client) = holding(stage, 1);
    client.set_capacity(0);
    client.send(Packet::PubRec(ack(packet_id(1))));

    let mut client = stage.return_after(&world, "client", client);

    assert_eq!(client.received(), [Packet::PubRel(ack(packet_id(1)))]);
}

/// A client that has got so many messages and answered none.
fn holding(stage: Stage, count: usize) -> (World, Client) {
    let world = World::new();
    let mut client = stage.connect(&world, "client").open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    for _ in 0..count {
        publisher.publish("t", "x", ExactlyOnce);
    }
    assert_eq!(client.received().len(), count);
    (world, client)
}
