use crate::common::*;
use fulmar::codec::Publish;
use fulmar::types::ReasonCode::MalformedPacket;
use fulmar::types::{RetainHandling, SubscriptionOptions};

// [MQTT-3.3.1-1]
#[test]
fn a_publish_that_is_delivered_again_has_dup_set() {
    let world = World::new();
    let mut client = world.connect(V5, "client").persistent().open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", ExactlyOnce);
    assert_eq!(client.expect_bytes(), b"\x32\x07\0\x01t\0\x01\x001\x34\x07\0\x01t\0\x02\x002");
    client.drop_link();
    publisher.publish("t", "3", AtLeastOnce);

    let mut client = world.connect(V5, "client").persistent().open();

    assert_eq!(
        client.expect_bytes(),
        b"\x3a\x07\0\x01t\0\x01\x001\x3c\x07\0\x01t\0\x02\x002\x32\x07\0\x01t\0\x03\x003"
    );
}

// [MQTT-3.3.1-2]
#[test]
fn dup_with_qos_0_is_malformed() {
    for first in [b'\x38', b'\x39'] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&packet(first, &[b"\0\x01t\0"]));
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.3.1-2] [MQTT-3.3.1-3]
#[test]
fn dup_of_the_publisher_is_not_passed_on() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    for (qos, first) in [(AtMostOnce, 0x30), (AtLeastOnce, 0x32), (ExactlyOnce, 0x34)] {
        client.subscribe("t", qos);
        let mut publisher = world.connect(V5, "publisher").open();
        publisher.send_bytes(b"\x3c\x06\0\x01t\0\x01\0");
        assert_eq!(client.expect_bytes()[0], first);
    }
}

// [MQTT-3.3.1-3]
#[test]
fn dup_is_set_on_a_retransmission_of_what_came_without_it() {
    let world = World::new();
    let mut client = world.connect(V5, "client").persistent().open();
    client.subscribe("t", AtLeastOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.send_bytes(b"\x32\x06\0\x01t\0\x01\0");
    assert!(!client.expect_publish().dup);
    client.drop_link();

    assert!(world.connect(V5, "client").persistent().open().expect_publish().dup);
}

// [MQTT-3.3.1-4]
#[test]
fn qos_3_is_malformed() {
    for first in [0x36, 0x37, 0x3e, 0x3f] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&packet(first, &[b"\0\x01t\0\x01\0"]));
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.3.1-5]
#[test]
fn a_retained_message_replaces_the_one_before_with_payload_and_qos() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    for (payload, qos) in [("1", ExactlyOnce), ("2", AtMostOnce), ("3", AtLeastOnce)] {
        client.retain("t", payload, qos);
        client.subscribe("t", ExactlyOnce);

        let retained = client.messages();
        assert_eq!(retained.len(), 1);
        assert_eq!((retained[0].payload, retained[0].qos), (payload.as_bytes(), qos));
        assert!(retained[0].retain);
        client.unsubscribe("t");
    }
}

// [MQTT-3.3.1-6] [MQTT-3.3.1-7]
#[test]
fn a_retained_message_without_payload_clears_its_topic_only() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    for topic in ["a", "b", "a/b"] {
        client.retain(topic, "kept", AtLeastOnce);
    }
    let mut subscribed = world.connect(V5, "subscribed").open();
    subscribed.subscribe_with("a", SubscriptionOptions { retain_as_published: true, ..new_only() });

    client.retain("a", "", AtLeastOnce);

    let processed = subscribed.expect_message();
    assert_eq!((processed.payload, processed.retain), (&b""[..], true));
    client.subscribe("#", AtLeastOnce);
    assert_eq!(topics(&mut client), ["a/b", "b"]);
}

// [MQTT-3.3.1-7]
#[test]
fn an_empty_message_is_never_retained() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.retain("t", "", AtLeastOnce);

    client.subscribe("t", AtLeastOnce);

    client.expect_nothing();
    assert_eq!(world.shell().borrow().broker.retained().len(), 0);
}

// [MQTT-3.3.1-8]
#[test]
fn a_message_without_retain_neither_stores_nor_replaces_nor_removes() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.publish("other", "passing", AtLeastOnce);
    client.retain("t", "kept", AtLeastOnce);
    client.publish("t", "passing", AtLeastOnce);
    client.publish("t", "", AtLeastOnce);

    client.subscribe("#", AtLeastOnce);

    assert_eq!(client.texts(), ["kept"]);
}

// [MQTT-3.3.1-9]
#[test]
fn retain_handling_0_sends_all_matching_retained_messages_every_time() {
    let mut client = World::new().connect(V5, "client").open();
    for topic in ["a", "a/1", "a/2", "b"] {
        client.retain(topic, "kept", AtMostOnce);
    }
    let always = handling(RetainHandling::Send);
    client.subscribe_with("a/#", always);
    assert_eq!(topics(&mut client), ["a", "a/1", "a/2"]);
    client.subscribe_with("a/#", always);
    assert_eq!(topics(&mut client), ["a", "a/1", "a/2"]);
    client.subscribe_with("a/+", always);
    assert_eq!(topics(&mut client), ["a/1", "a/2"]);
}

// [MQTT-3.3.1-10]
#[test]
fn retain_handling_1_sends_retained_messages_to_new_subscriptions_only() {
    let world = World::new();
    let mut client = world.connect(V5, "client").persistent().open();
    for topic in ["a", "a/1", "b"] {
        client.retain(topic, "kept", AtMostOnce);
    }
    let if_new = handling(RetainHandling::SendIfNew);
    client.subscribe_with("a/#", if_new);
    assert_eq!(topics(&mut client), ["a", "a/1"]);

    client.subscribe_with("a/#", if_new);
    client.expect_nothing();
    client.drop_link();
    let mut client = world.connect(V5, "client").persistent().open();
    client.subscribe_with("a/#", if_new);
    client.expect_nothing();

    client.unsubscribe("a/#");
    client.subscribe_with("a/#", if_new);
    assert_eq!(topics(&mut client), ["a", "a/1"]);
}

// [MQTT-3.3.1-11]
#[test]
fn retain_handling_2_sends_no_retained_messages() {
    let mut client = World::new().connect(V5, "client").open();
    client.retain("t", "kept", AtMostOnce);

    client.subscribe_with("t", handling(RetainHandling::DoNotSend));
    client.expect_nothing();

    client.retain("t", "new", AtMostOnce);
    client.expect_text("t", "new");
}

// [MQTT-3.3.1-12]
#[test]
fn without_retain_as_published_a_message_is_forwarded_without_retain() {
    let mut client = World::new().connect(V5, "client").open();
    client.subscribe("t", ExactlyOnce);
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        client.retain("t", "x", qos);
        assert!(!client.expect_message().retain);
        client.publish("t", "x", qos);
        assert!(!client.expect_message().retain);
    }
}

// [MQTT-3.3.1-13]
#[test]
fn with_retain_as_published_a_message_keeps_its_retain_flag() {
    let mut client = World::new().connect(V5, "client").open();
    client.subscribe_with("t", SubscriptionOptions { retain_as_published: true, ..new_only() });
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        client.retain("t", "x", qos);
        assert!(client.expect_message().retain);
        client.publish("t", "x", qos);
        assert!(!client.expect_message().retain);
    }
}

// [MQTT-3.3.1-13]
#[test]
fn messages_that_waited_for_the_client_keep_their_retain_flag() {
    let world = World::new();
    let mut client = world.connect(V5, "client").persistent().open();
    let as_published = SubscriptionOptions { retain_as_published: true, ..new_only() };
    client.subscribe_with("t", as_published);
    client.subscribe_with("u", new_only());
    client.drop_link();
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.retain("t", "1", AtLeastOnce);
    publisher.publish("t", "2", AtLeastOnce);
    publisher.retain("u", "3", AtLeastOnce);

    let mut client = world.connect(V5, "client").persistent().open();

    let flags: Vec<_> = client.messages().iter().map(|message| message.retain).collect();
    assert_eq!(flags, [true, false, false]);
}

fn handling(retain_handling: RetainHandling) -> SubscriptionOptions {
    SubscriptionOptions { retain_handling, ..new_only() }
}

/// Every QoS, and no retained messages.
fn new_only() -> SubscriptionOptions {
    let retain_handling = RetainHandling::DoNotSend;
    SubscriptionOptions { qos: ExactlyOnce, retain_handling, ..Default::default() }
}

/// The topics of all retained messages that come, in alphabetical order.
#[track_caller]
fn topics(client: &mut Client) -> Vec<&'static str> {
    let check = |message: Publish<'static>| {
        assert!(message.retain);
        message.topic
    };
    let mut topics: Vec<_> = client.messages().into_iter().map(check).collect();
    topics.sort_unstable();
    topics
}
