use super::EVERY_QOS;
use crate::common::{AtLeastOnce, AtMostOnce, Client, ExactlyOnce, V311, World, will};
use fulmar::codec::LastWill;

// [MQTT-3.3.1-5] [MQTT-3.3.1-8]
#[test]
fn a_retained_message_is_stored_with_its_qos() {
    for qos in EVERY_QOS {
        let world = World::new();
        publisher(&world).retain("t", "kept", qos);

        let mut subscriber = world.connect(V311, "subscriber").open();
        subscriber.subscribe("t", ExactlyOnce);

        let publish = subscriber.expect_message();
        assert_eq!((publish.topic, publish.payload), ("t", &b"kept"[..]));
        assert_eq!((publish.qos, publish.retain, publish.dup), (qos, true, false));
        subscriber.expect_nothing();
    }
}

// [MQTT-3.3.1-6]
#[test]
fn a_new_subscription_gets_the_last_message_of_each_topic_that_it_matches() {
    let world = World::new();
    let mut publisher = publisher(&world);
    for (topic, payload) in [("a/1", "old"), ("a/1", "new"), ("a/2", "two"), ("b", "other")] {
        publisher.retain(topic, payload, AtLeastOnce);
    }

    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("a/+", AtLeastOnce);

    let mut texts = subscriber.texts();
    texts.sort();
    assert_eq!(texts, ["new", "two"]);
}

// [MQTT-3.3.1-6]
#[test]
fn retained_messages_pass_hidden_topics_by_where_the_filter_does() {
    let world = World::new();
    publisher(&world).retain("$hidden", "x", AtLeastOnce);

    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("#", AtLeastOnce);
    subscriber.subscribe("+", AtLeastOnce);

    subscriber.expect_nothing();
}

// [MQTT-3.3.1-7]
#[test]
fn a_retained_message_of_qos_0_replaces_the_one_before() {
    let world = World::new();
    let mut publisher = publisher(&world);
    publisher.retain("t", "old", ExactlyOnce);

    publisher.retain("t", "new", AtMostOnce);

    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", ExactlyOnce);
    assert_eq!(subscriber.texts(), ["new"]);
}

// [MQTT-3.3.1-9]
#[test]
fn an_established_subscription_gets_messages_without_retain() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", AtLeastOnce);
    let last_will = LastWill { retain: true, ..will("t", "will", AtMostOnce) };
    let client = world.connect(V311, "client").will(last_will).open();

    publisher(&world).retain("t", "live", AtLeastOnce);
    client.drop_link();

    let messages = subscriber.messages();
    assert_eq!(messages.iter().map(|publish| publish.retain).collect::<Vec<_>>(), [false, false]);
}

// [MQTT-3.3.1-9]
#[test]
fn a_message_that_waited_for_an_established_subscription_has_no_retain() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").clean(false).open();
    subscriber.subscribe("t", AtLeastOnce);
    subscriber.disconnect();
    publisher(&world).retain("t", "live", AtLeastOnce);

    let mut subscriber = world.connect(V311, "subscriber").clean(false).open();

    assert!(!subscriber.expect_message().retain);
    subscriber.expect_nothing();
}

// [MQTT-3.3.1-10] [MQTT-3.3.1-11]
#[test]
fn a_retained_message_without_payload_is_delivered_and_clears_the_topic() {
    for qos in EVERY_QOS {
        let world = World::new();
        let mut publisher = publisher(&world);
        publisher.retain("t", "kept", AtLeastOnce);
        let mut subscriber = world.connect(V311, "subscriber").open();
        subscriber.subscribe("t", ExactlyOnce);
        subscriber.expect_text("t", "kept");

        publisher.retain("t", "", qos);

        let publish = subscriber.expect_message();
        assert_eq!((publish.payload, publish.retain), (&b""[..], false));
        assert_eq!(late_texts(&world), [""; 0]);
    }
}

// [MQTT-3.3.1-11]
#[test]
fn a_message_without_payload_is_never_stored() {
    let world = World::new();

    publisher(&world).retain("t", "", AtLeastOnce);

    assert_eq!(late_texts(&world), [""; 0]);
    assert_eq!(world.shell().borrow().broker.retained().len(), 0);
}

// [MQTT-3.3.1-12]
#[test]
fn a_message_without_retain_is_not_stored() {
    let world = World::new();

    publisher(&world).publish("t", "x", ExactlyOnce);

    assert_eq!(late_texts(&world), [""; 0]);
}

// [MQTT-3.3.1-12]
#[test]
fn a_message_without_retain_leaves_the_retained_one() {
    let world = World::new();
    let mut publisher = publisher(&world);
    publisher.retain("t", "kept", AtLeastOnce);

    publisher.publish("t", "x", AtLeastOnce);
    publisher.publish("t", "", AtLeastOnce);

    assert_eq!(late_texts(&world), ["kept"]);
}

fn publisher(world: &World) -> Client {
    world.connect(V311, "publisher").open()
}

/// What a new subscription to `t` gets.
fn late_texts(world: &World) -> Vec<String> {
    let mut late = world.connect(V311, "late").open();
    late.subscribe("t", ExactlyOnce);
    late.texts()
}
