use std::collections::VecDeque;

use fulmar::codec::{Packet, Publish};

use crate::common::*;
use crate::stage::{Stage, stories};

// In 3.1.1 a client cannot say how many it takes at a time.
stories! { V5:
    what_is_sent_again_keeps_to_the_new_maximum_and_in_order
    exchanges_past_pubrec_and_new_messages_keep_to_it_together
}

const SENT: usize = 10;

// [MQTT-3.3.4-9] [MQTT-4.9.0-2] [MQTT-4.6.0-1]
fn what_is_sent_again_keeps_to_the_new_maximum_and_in_order(stage: Stage) {
    for maximum in [1, 2, 9] {
        let (world, client) = holding_all(stage);
        stage.part(&world, client);

        let mut client = stage.connect(&world, "client").receive_maximum(maximum).open();

        let payloads = drain(&mut client, maximum);
        assert_eq!(payloads, expected(0..SENT), "receive maximum {maximum}");
        stage.return_after(&world, "client", client).expect_nothing();
    }
}

// [MQTT-3.3.4-9] [MQTT-4.3.3-5]
fn exchanges_past_pubrec_and_new_messages_keep_to_it_together(stage: Stage) {
    let (world, mut client) = holding_all(stage);
    for id in 1..=3 {
        client.send(Packet::PubRec(ack(packet_id(id))));
        client.expect_pubrel(packet_id(id));
    }
    stage.part(&world, client);

    let mut client = stage.connect(&world, "client").receive_maximum(2).open();
    publish(&world, SENT..SENT + 5);

    assert_eq!(drain(&mut client, 2), expected(3..SENT + 5));
}

/// Runs all exchanges, in which never more than `maximum` messages are without PUBREC: the payloads
/// in the order in which they came. DUP is set on what had been sent before, and on nothing else.
#[track_caller]
fn drain(client: &mut Client, maximum: u16) -> Vec<String> {
    let mut payloads = Vec::new();
    let mut unanswered = VecDeque::new();
    loop {
        let arrived = client.received();
        if arrived.is_empty() && unanswered.is_empty() {
            return payloads;
        }
        for packet in arrived {
            match packet {
                Packet::Publish(publish) => {
                    payloads.push(String::from_utf8_lossy(publish.payload).into_owned());
                    assert_eq!(publish.dup, is_old(&publish), "{publish:?}");
                    unanswered.push_back(publish.packet_id.expect("above QoS 0"));
                }
                Packet::PubRel(release) => client.send(Packet::PubComp(ack(release.packet_id))),
                other => panic!("expected PUBLISH or PUBREL, got {other:?}"),
            }
        }
        assert!(unanswered.len() <= usize::from(maximum), "{} at a time", unanswered.len());
        if let Some(id) = unanswered.pop_front() {
            client.send(Packet::PubRec(ack(id)));
        }
    }
}

fn is_old(publish: &Publish<'_>) -> bool {
    let number: usize = String::from_utf8_lossy(publish.payload).parse().expect("a number");
    number < SENT
}

fn expected(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// A client that got ten messages and answered none.
fn holding_all(stage: Stage) -> (World, Client) {
    let world = World::new();
    let mut client = stage.connect(&world, "client").open();
    client.subscribe("t", ExactlyOnce);
    publish(&world, 0..SENT);
    assert_eq!(client.received().len(), SENT);
    (world, client)
}

fn publish(world: &World, numbers: std::ops::Range<usize>) {
    let mut publisher = world.connect(V5, "publisher").open();
    for payload in expected(numbers) {
        publisher.publish("t", payload, ExactlyOnce);
    }
}
