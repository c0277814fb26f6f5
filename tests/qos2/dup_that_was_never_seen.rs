use fulmar::codec::Packet;

use crate::common::*;
use crate::stage::{Stage, publish, stories, watcher};

stories! {
    a_publish_with_dup_that_never_came_before_is_delivered_once
    a_finished_exchange_does_not_make_its_id_a_duplicate
    the_flag_is_not_passed_on
}

// [MQTT-4.3.3-10]
fn a_publish_with_dup_that_never_came_before_is_delivered_once(stage: Stage) {
    let world = World::new();
    watcher(&world).drop_link();
    let client = stage.connect(&world, "client").open();

    // The first PUBLISH was lost with its connection.
    let mut client = stage.return_after(&world, "client", client);
    for _ in 0..2 {
        client.send(publish(9, true, "once"));
        client.expect_pubrec(packet_id(9));
    }
    client.send(Packet::PubRel(ack(packet_id(9))));
    client.expect_pubcomp(packet_id(9));

    assert_eq!(watcher(&world).texts(), ["once"]);
}

// [MQTT-4.3.3-12]
fn a_finished_exchange_does_not_make_its_id_a_duplicate(stage: Stage) {
    let world = World::new();
    watcher(&world).drop_link();
    let mut client = stage.connect(&world, "client").open();
    client.send(publish(9, false, "first"));
    client.expect_pubrec(packet_id(9));
    client.send(Packet::PubRel(ack(packet_id(9))));
    client.expect_pubcomp(packet_id(9));

    let mut client = stage.return_after(&world, "client", client);
    client.send(publish(9, true, "second"));
    client.expect_pubrec(packet_id(9));

    assert_eq!(watcher(&world).texts(), ["first", "second"]);
}

// [MQTT-3.3.1-3]
fn the_flag_is_not_passed_on(stage: Stage) {
    let world = World::new();
    watcher(&world).drop_link();
    let mut client = stage.connect(&world, "client").open();
    client.send(publish(9, true, "x"));
    client.expect_pubrec(packet_id(9));

    stage.part(&world, client);

    let mut watcher = watcher(&world);
    assert!(!watcher.expect_publish().dup);
}
