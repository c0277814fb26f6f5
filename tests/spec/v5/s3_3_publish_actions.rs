use crate::common::*;
use fulmar::types::ReasonCode::ProtocolError;
use fulmar::types::{SubscriptionId, SubscriptionOptions};

// [MQTT-3.3.4-1]
#[test]
fn a_publish_is_answered_as_its_qos_demands() {
    let world = World::new();
    world.connect(V5, "receiver").open().subscribe("t", AtMostOnce);
    let mut client = world.connect(V5, "client").open();

    client.send_bytes(b"\x30\x04\0\x01t\0");
    client.expect_nothing();
    client.send_bytes(b"\x32\x06\0\x01t\0\x01\0");
    assert_eq!(client.expect_bytes(), b"\x40\x02\0\x01");
    client.send_bytes(b"\x34\x06\0\x01t\0\x02\0");
    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x02");
}

// [MQTT-3.3.4-1]
#[test]
fn a_publish_that_is_not_taken_is_answered_all_the_same() {
    let mut client = World::new().connect(V5, "client").open();
    let topic = string("$SYS/ours");

    client.send_bytes(&packet(0x30, &[&topic, b"\0"]));
    client.expect_nothing();
    client.send_bytes(&packet(0x32, &[&topic, b"\0\x01\0"]));
    assert_eq!(client.expect_bytes(), b"\x40\x03\0\x01\x87");
    client.send_bytes(&packet(0x34, &[&topic, b"\0\x02\0"]));
    assert_eq!(client.expect_bytes(), b"\x50\x03\0\x02\x87");
}

// [MQTT-3.3.4-2]
#[test]
fn overlapping_subscriptions_deliver_with_the_highest_qos_of_them() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("a/#", AtMostOnce);
    client.subscribe("a/+", ExactlyOnce);
    client.subscribe("a/b", AtLeastOnce);
    let mut publisher = world.connect(V5, "publisher").open();

    for qos in [ExactlyOnce, AtLeastOnce, AtMostOnce] {
        publisher.publish("a/b", "hi", qos);

        let messages = client.messages();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].qos, qos);
    }
}

// [MQTT-3.3.4-3] [MQTT-3.3.4-4]
#[test]
fn a_single_copy_carries_the_identifiers_of_all_matching_subscriptions() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe_with("a/#", identified(7));
    client.subscribe_with("a/b", identified(268_435_455));
    client.subscribe_with("+/b", identified(1));
    client.subscribe("#", AtMostOnce);
    client.subscribe_with("a/c", identified(5));

    client.publish("a/b", "hi", AtLeastOnce);

    assert_eq!(identifiers(&mut client), [vec![1, 7, 268_435_455]]);
}

// [MQTT-3.3.4-3]
#[test]
fn the_identifier_comes_with_messages_that_waited_and_with_retained_ones() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.retain("t", "kept", AtLeastOnce);
    let mut client = world.connect(V5, "client").persistent().open();
    client.subscribe_with("t", identified(3));
    assert_eq!(identifiers(&mut client), [vec![3]]);
    client.drop_link();
    publisher.publish("t", "waits", AtLeastOnce);

    let mut client = world.connect(V5, "client").persistent().open();

    assert_eq!(identifiers(&mut client), [vec![3]]);
}

// [MQTT-3.3.4-3]
#[test]
fn without_identifiers_none_are_sent() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe_with("t", identified(3));
    client.subscribe("t", AtLeastOnce);

    client.publish("t", "hi", AtLeastOnce);

    assert_eq!(identifiers(&mut client), [vec![0; 0]]);
}

// [MQTT-3.3.4-5]
#[test]
fn copies_for_separate_subscriptions_carry_the_identifier_of_each() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe_with("t", identified(1));
    client.subscribe_with("$share/group/t", identified(2));
    client.subscribe_with("$share/group/#", identified(3));

    client.publish("t", "hi", AtLeastOnce);

    let mut identifiers = identifiers(&mut client);
    identifiers.sort();
    assert_eq!(identifiers, [vec![1], vec![2], vec![3]]);
}

// [MQTT-3.3.4-6]
#[test]
fn a_subscription_identifier_from_a_client_is_a_protocol_error() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("#", AtMostOnce);
    let mut client = world.connect(V5, "client").open();

    client.send_bytes(b"\x30\x06\0\x01t\x02\x0b\x01");

    client.expect_disconnect(ProtocolError);
    watcher.expect_nothing();
}

fn identified(id: u32) -> SubscriptionOptions {
    let id = SubscriptionId::new(id);
    SubscriptionOptions { qos: AtLeastOnce, id, ..Default::default() }
}

/// The subscription identifiers of each message that has come, in ascending order.
#[track_caller]
fn identifiers(client: &mut Client) -> Vec<Vec<u32>> {
    let ids = |message: fulmar::codec::Publish<'_>| {
        message.properties.subscription_ids.iter().map(SubscriptionId::get).collect()
    };
    client.messages().into_iter().map(ids).collect()
}
