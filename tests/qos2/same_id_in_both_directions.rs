use fulmar::codec::Packet;

use crate::common::*;
use crate::stage::{Stage, publish, stories, watcher};

stories! {
    two_exchanges_with_one_id_go_on_side_by_side
    the_end_of_the_clients_exchange_leaves_the_brokers
    the_end_of_the_brokers_exchange_leaves_the_clients
}

const ID: u16 = 1;

fn two_exchanges_with_one_id_go_on_side_by_side(stage: Stage) {
    let (world, mut client) = with_two_exchanges(stage);
    client.send(Packet::PubRec(ack(packet_id(ID))));
    client.expect_pubrel(packet_id(ID));

    let mut client = stage.return_after(&world, "client", client);
    assert_eq!(client.received(), [Packet::PubRel(ack(packet_id(ID)))]);
    client.send(publish(ID, true, "mine"));
    assert_eq!(client.received(), [Packet::PubRec(ack(packet_id(ID)))]);
    client.send(Packet::PubComp(ack(packet_id(ID))));
    client.expect_nothing();
    client.send(Packet::PubRel(ack(packet_id(ID))));

    assert_eq!(client.received(), [Packet::PubComp(ack(packet_id(ID)))]);
    assert_eq!(watcher(&world).texts(), ["mine"]);
}

fn the_end_of_the_clients_exchange_leaves_the_brokers(stage: Stage) {
    let (world, mut client) = with_two_exchanges(stage);
    client.send(Packet::PubRel(ack(packet_id(ID))));
    client.expect_pubcomp(packet_id(ID));

    let mut client = stage.return_after(&world, "client", client);

    let theirs = client.expect_publish();
    let found = (theirs.packet_id, theirs.dup, theirs.payload);
    assert_eq!(found, (Some(packet_id(ID)), true, &b"theirs"[..]));
    client.acknowledge(&theirs);
    stage.return_after(&world, "client", client).expect_nothing();
}

fn the_end_of_the_brokers_exchange_leaves_the_clients(stage: Stage) {
    let (world, mut client) = with_two_exchanges(stage);
    client.send(Packet::PubRec(ack(packet_id(ID))));
    client.expect_pubrel(packet_id(ID));
    client.send(Packet::PubComp(ack(packet_id(ID))));

    let mut client = stage.return_after(&world, "client", client);
    client.expect_nothing();
    client.send(publish(ID, true, "mine"));

    client.expect_pubrec(packet_id(ID));
    assert_eq!(watcher(&world).texts(), ["mine"]);
}

/// A client that got PUBREC for "mine" and PUBLISH with "theirs", both with the same packet id.
fn with_two_exchanges(stage: Stage) -> (World, Client) {
    let world = World::new();
    watcher(&world).drop_link();
    let mut client = stage.connect(&world, "client").open();
    client.subscribe("u", ExactlyOnce);
    client.send(publish(ID, false, "mine"));
    client.expect_pubrec(packet_id(ID));
    world.connect(V5, "publisher").open().publish("u", "theirs", ExactlyOnce);
    assert_eq!(client.expect_publish().packet_id, Some(packet_id(ID)));
    (world, client)
}
