use fulmar::codec::Packet;

use crate::common::*;
use crate::stage::{Stage, stories};

// In 3.1.1 a client cannot say how large a packet it takes.
stories! { V5:
    a_message_that_waits_and_is_too_large_does_not_hold_up_the_others
    a_message_that_was_sent_and_is_too_large_now_does_not_hold_up_the_others
    an_exchange_past_pubrec_is_finished_whatever_the_size_of_its_message
}

/// A PUBLISH of "t" with a small payload fits, one of [`large`] does not.
const PACKET_BYTES: u32 = 64;

// [MQTT-3.1.2-24] [MQTT-3.1.2-25]
fn a_message_that_waits_and_is_too_large_does_not_hold_up_the_others(stage: Stage) {
    let (world, client) = subscribed(stage);
    client.drop_link();
    publish(&world, &[large(), "a", large(), large(), "b"]);
    let other = stage.connect(&world, "other").open();
    stage.part(&world, other);

    let mut client = narrow(stage, &world);

    assert_eq!(client.texts(), ["a", "b"]);
    publish(&world, &[large(), "c"]);
    assert_eq!(client.texts(), ["c"]);
    client.drop_link();
    stage.connect(&world, "client").open().expect_nothing();
}

// [MQTT-3.1.2-24] [MQTT-3.1.2-25]
fn a_message_that_was_sent_and_is_too_large_now_does_not_hold_up_the_others(stage: Stage) {
    let (world, mut client) = subscribed(stage);
    publish(&world, &["a", large(), "b"]);
    assert_eq!(client.received().len(), 3);
    stage.part(&world, client);

    let mut client = narrow(stage, &world);
    publish(&world, &["c"]);

    assert_eq!(client.texts(), ["a", "b", "c"]);
}

// [MQTT-4.3.3-5]
fn an_exchange_past_pubrec_is_finished_whatever_the_size_of_its_message(stage: Stage) {
    let (world, mut client) = subscribed(stage);
    publish(&world, &[large(), "a"]);
    let id = client.expect_publish().packet_id.expect("above QoS 0");
    client.send(Packet::PubRec(ack(id)));
    client.expect_pubrel(id);
    stage.part(&world, client);

    let mut client = narrow(stage, &world);
    client.expect_pubrel(id);
    client.send(Packet::PubComp(ack(id)));

    assert_eq!(client.texts(), ["a"]);
}

fn large() -> &'static str {
    "a payload that is longer than all that the client will take when it comes back"
}

fn subscribed(stage: Stage) -> (World, Client) {
    let world = World::new();
    let mut client = stage.connect(&world, "client").open();
    client.subscribe("t", ExactlyOnce);
    (world, client)
}

/// The client again, which now takes one message at a time and none that is large.
fn narrow(stage: Stage, world: &World) -> Client {
    let connecting = stage.connect(world, "client");
    connecting.receive_maximum(1).maximum_packet_size(PACKET_BYTES).open()
}

fn publish(world: &World, payloads: &[&str]) {
    let mut publisher = world.connect(V5, "publisher").open();
    for payload in payloads {
        publisher.publish("t", payload, ExactlyOnce);
    }
}
