use fulmar::codec::{Packet, Publish, PublishProperties};

use crate::common::*;
use crate::stage::{Stage, stories, watcher};

stories! {
    a_message_past_pubrec_does_not_expire
    a_message_that_was_sent_does_not_expire
    a_message_that_waits_expires_and_its_id_is_free
    an_exchange_that_a_client_began_goes_on_when_its_message_has_expired
}

const EXPIRY_SECS: u32 = 10;

// [MQTT-4.3.3-7] [MQTT-4.3.3-13]
fn a_message_past_pubrec_does_not_expire(stage: Stage) {
    let (world, mut client) = waiting_for_one(stage);
    let id = client.expect_publish().packet_id.expect("above QoS 0");
    client.send(Packet::PubRec(ack(id)));
    client.expect_pubrel(id);

    let mut client = late(stage, &world, client);

    assert_eq!(client.received(), [Packet::PubRel(ack(id))]);
    client.send(Packet::PubComp(ack(id)));
    late(stage, &world, client).expect_nothing();
}

// [MQTT-4.3.3-7]
fn a_message_that_was_sent_does_not_expire(stage: Stage) {
    let (world, mut client) = waiting_for_one(stage);
    let sent = client.expect_publish();

    let mut client = late(stage, &world, client);

    let again = client.expect_message();
    let found = (again.packet_id, again.dup, again.payload);
    assert_eq!(found, (sent.packet_id, true, sent.payload));
    client.expect_nothing();
}

// [MQTT-3.3.2-5]
fn a_message_that_waits_expires_and_its_id_is_free(stage: Stage) {
    let (world, mut client) = waiting_for_one(stage);
    client.expect_message();
    client.drop_link();
    publish_expiring(&world, "too late");
    let client = stage.connect(&world, "other").open();

    late(stage, &world, client);
    let mut client = stage.connect(&world, "client").open();
    client.expect_nothing();
    world.connect(V5, "publisher").open().publish("t", "in time", ExactlyOnce);

    let message = client.expect_message();
    assert_eq!((message.payload, message.dup), (&b"in time"[..], false));
}

// [MQTT-4.3.3-13]
fn an_exchange_that_a_client_began_goes_on_when_its_message_has_expired(stage: Stage) {
    if stage.protocol != V5 {
        return; // In 3.1.1 no message expires by its publisher's wish.
    }
    let world = World::new();
    watcher(&world).drop_link();
    let mut client = stage.connect(&world, "client").open();
    let publish = Publish { packet_id: Some(packet_id(7)), ..expiring("x") };
    client.send(Packet::Publish(publish.clone()));
    client.expect_pubrec(packet_id(7));

    let mut client = late(stage, &world, client);
    client.send(Packet::Publish(Publish { dup: true, ..publish }));
    client.expect_pubrec(packet_id(7));
    client.send(Packet::PubRel(ack(packet_id(7))));

    assert_eq!(client.received(), [Packet::PubComp(ack(packet_id(7)))]);
    watcher(&world).expect_nothing();
}

/// Comes back when every message there was has expired.
fn late(stage: Stage, world: &World, client: Client) -> Client {
    stage.part(world, client);
    world.advance_secs(u64::from(EXPIRY_SECS));
    stage.connect(world, "client").open()
}

/// A client to which a message is sent that will expire.
fn waiting_for_one(stage: Stage) -> (World, Client) {
    let world = World::new();
    let mut client = stage.connect(&world, "client").open();
    client.subscribe("t", ExactlyOnce);
    publish_expiring(&world, "x");
    (world, client)
}

fn publish_expiring(world: &World, payload: &'static str) {
    world.connect(V5, "publisher").open().publish_packet(expiring(payload));
}

fn expiring(payload: &'static str) -> Publish<'static> {
    let message_expiry_secs = Some(EXPIRY_SECS);
    let properties = PublishProperties { message_expiry_secs, ..Default::default() };
    Publish { properties, ..message("t", payload.as_bytes(), ExactlyOnce) }
}
