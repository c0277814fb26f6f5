use crate::common::*;
use crate::stage::{Stage, stories};

stories! {
    each_time_it_is_sent_again_a_publish_has_dup_and_its_id
    what_was_never_sent_comes_without_dup
    a_connection_that_takes_over_is_sent_dups
}

// [MQTT-3.3.1-1] [MQTT-4.4.0-1]
fn each_time_it_is_sent_again_a_publish_has_dup_and_its_id(stage: Stage) {
    for qos in [AtLeastOnce, ExactlyOnce] {
        let (world, mut client) = receiving(stage, qos);
        publish(&world, &["a", "b"], qos);
        assert_eq!(sent(&mut client), [(1, false, "a".into()), (2, false, "b".into())]);

        for _ in 0..3 {
            client = stage.return_after(&world, "client", client);
            assert_eq!(sent(&mut client), [(1, true, "a".into()), (2, true, "b".into())]);
        }
    }
}

// [MQTT-3.3.1-1]
fn what_was_never_sent_comes_without_dup(stage: Stage) {
    let (world, mut client) = receiving(stage, ExactlyOnce);
    publish(&world, &["sent"], ExactlyOnce);
    assert_eq!(sent(&mut client).len(), 1);
    client.drop_link();
    publish(&world, &["waiting"], ExactlyOnce);

    // Somebody else is connected when it happens: this client is not.
    let other = stage.connect(&world, "other").open();
    stage.part(&world, other);

    let mut client = stage.connect(&world, "client").open();
    assert_eq!(sent(&mut client), [(1, true, "sent".into()), (2, false, "waiting".into())]);
}

// [MQTT-3.3.1-1] [MQTT-3.1.4-3]
fn a_connection_that_takes_over_is_sent_dups(stage: Stage) {
    let (world, mut client) = receiving(stage, ExactlyOnce);
    publish(&world, &["a"], ExactlyOnce);
    assert_eq!(sent(&mut client), [(1, false, "a".into())]);
    let _old = stage.return_after(&world, "client", client);

    let mut new = stage.connect(&world, "client").open();

    assert_eq!(sent(&mut new), [(1, true, "a".into())]);
}

fn receiving(stage: Stage, qos: QoS) -> (World, Client) {
    let world = World::new();
    let mut client = stage.connect(&world, "client").open();
    client.subscribe("t", qos);
    (world, client)
}

fn publish(world: &World, payloads: &[&str], qos: QoS) {
    let mut publisher = world.connect(V5, "publisher").open();
    for payload in payloads {
        publisher.publish("t", payload, qos);
    }
}

/// Packet id, DUP and payload of everything that has come, which stays unanswered.
fn sent(client: &mut Client) -> Vec<(u16, bool, String)> {
    let publishes = client.received().into_iter().map(|packet| match packet {
        fulmar::codec::Packet::Publish(publish) => publish,
        other => panic!("expected PUBLISH, got {other:?}"),
    });
    let text = |payload| String::from_utf8_lossy(payload).into_owned();
    let id = |publish: &fulmar::codec::Publish<'_>| publish.packet_id.expect("above QoS 0").get();
    publishes.map(|publish| (id(&publish), publish.dup, text(publish.payload))).collect()
}
