use crate::common::*;
use fulmar::types::ReasonCode::{self, GrantedQoS1, GrantedQoS2, QuotaExceeded, Success};
use fulmar::types::{RetainHandling, SubscriptionId, SubscriptionIds, SubscriptionOptions};

// [MQTT-3.8.4-1] [MQTT-3.8.4-2]
#[test]
fn each_subscribe_is_answered_by_a_suback_with_its_packet_identifier() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x82\x07\x12\x34\0\0\x01t\x01\x82\x07\xff\xff\0\0\x01u\x02");
    assert_eq!(client.expect_bytes(), b"\x90\x04\x12\x34\0\x01\x90\x04\xff\xff\0\x02");
}

// [MQTT-3.8.4-1]
#[test]
fn subscribing_again_to_the_same_is_answered_too() {
    let mut client = World::new().connect(V5, "client").open();
    for _ in 0..3 {
        client.send_bytes(b"\x82\x07\0\x01\0\0\x01t\x01");
        assert_eq!(client.expect_bytes(), b"\x90\x04\0\x01\0\x01");
    }
}

// [MQTT-3.8.4-3]
#[test]
fn the_same_topic_filter_replaces_the_subscription_with_all_its_options() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").open();
    let first = SubscriptionOptions {
        qos: ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        id: SubscriptionId::new(7),
        ..options(ExactlyOnce)
    };
    client.subscribe_with("t/+", first);

    client.subscribe_with("t/+", options(AtLeastOnce));

    publisher.retain("t/1", "x", ExactlyOnce);
    let message = client.expect_message();
    assert_eq!((message.qos, message.retain), (AtLeastOnce, false));
    assert_eq!(message.properties.subscription_ids, SubscriptionIds::None);
    client.expect_nothing();
    client.publish("t/1", "own", AtMostOnce);
    client.expect_text("t/1", "own");
}

// [MQTT-3.8.4-3]
#[test]
fn a_topic_filter_that_only_matches_the_same_replaces_nothing() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    let with_id = |id| SubscriptionOptions { id: SubscriptionId::new(id), ..options(AtMostOnce) };
    client.subscribe_with("a/+", with_id(1));
    client.subscribe_with("a/b", with_id(2));
    client.subscribe_with("+/b", with_id(3));

    world.connect(V5, "publisher").open().publish("a/b", "x", AtMostOnce);

    let mut ids: Vec<u32> = client
        .messages()
        .iter()
        .flat_map(|message| message.properties.subscription_ids.iter())
        .map(|id| id.get())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
}

// [MQTT-3.8.4-4]
#[test]
fn subscribing_again_sends_retained_messages_again() {
    let world = World::new();
    world.connect(V5, "publisher").open().retain("t", "kept", AtLeastOnce);
    let mut client = world.connect(V5, "client").open();
    for _ in 0..3 {
        client.subscribe("t", AtLeastOnce);
        let message = client.expect_message();
        assert_eq!((message.payload, message.retain), (&b"kept"[..], true));
        client.expect_nothing();
    }
}

// [MQTT-3.8.4-4]
#[test]
fn subscribing_again_loses_no_message_that_waits_or_is_on_its_way() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").receive_maximum(1).open();
    client.subscribe("t", ExactlyOnce);
    for number in ["1", "2", "3"] {
        publisher.publish("t", number, ExactlyOnce);
    }

    for handling in [RetainHandling::Send, RetainHandling::DoNotSend] {
        let again = SubscriptionOptions { retain_handling: handling, ..options(ExactlyOnce) };
        client.subscribe_with("t", again);
    }
    publisher.publish("t", "4", ExactlyOnce);

    assert_eq!(client.texts(), ["1", "2", "3", "4"]);
}

// [MQTT-3.8.4-5]
#[test]
fn several_topic_filters_count_one_after_the_other() {
    let world = World::with(|settings, _| settings.subscriptions_max = 2);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.retain("a", "kept", AtMostOnce);
    let mut client = world.connect(V5, "client").open();

    let reasons = client.subscribe_all(&[
        ("a", options(ExactlyOnce)),
        ("b", options(ExactlyOnce)),
        ("c", options(ExactlyOnce)),
        ("a", options(AtMostOnce)),
    ]);

    assert_eq!(reasons, [GrantedQoS2, GrantedQoS2, QuotaExceeded, Success]);
    client.expect_text("a", "kept");
    for topic in ["a", "b", "c"] {
        publisher.publish(topic, topic, ExactlyOnce);
    }
    let received = client.messages();
    let received: Vec<_> = received.iter().map(|message| (message.topic, message.qos)).collect();
    assert_eq!(received, [("a", AtMostOnce), ("b", ExactlyOnce)]);
}

// [MQTT-3.8.4-5]
#[test]
fn every_topic_filter_of_one_subscribe_gets_its_retained_messages() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.retain("a", "of a", AtMostOnce);
    publisher.retain("b", "of b", AtMostOnce);
    let mut client = world.connect(V5, "client").open();

    client.subscribe_all(&[("b", options(AtMostOnce)), ("a", options(AtMostOnce))]);

    assert_eq!(client.texts(), ["of b", "of a"]);
}

// [MQTT-3.8.4-6]
#[test]
fn a_suback_has_as_many_reason_codes_as_the_subscribe_has_topic_filters() {
    let mut client = World::new().connect(V5, "client").open();
    for count in [1, 2, 300] {
        let filters = vec![("t", options(AtMostOnce)); count];
        assert_eq!(client.subscribe_all(&filters).len(), count);
    }
}

// [MQTT-3.8.4-7]
#[test]
fn a_suback_says_which_qos_was_granted() {
    for (maximum, granted) in [
        (AtMostOnce, [Success, Success, Success]),
        (AtLeastOnce, [Success, GrantedQoS1, GrantedQoS1]),
        (ExactlyOnce, [Success, GrantedQoS1, GrantedQoS2]),
    ] {
        let mut client = World::with(|settings, limits| {
            settings.maximum_qos = maximum;
            limits.maximum_qos = maximum;
        })
        .connect(V5, "client")
        .open();
        let asked = QOS.map(|qos| ("t", options(qos)));
        assert_eq!(client.subscribe_all(&asked), granted);
    }
}

// [MQTT-3.8.4-7]
#[test]
fn a_subscription_whose_suback_says_that_it_failed_does_not_exist() {
    let world = World::with(|_, limits| limits.topic_levels_max = 2);
    let mut client = world.connect(V5, "client").open();

    let reason = client.subscribe("a/b/#", AtLeastOnce);

    assert_eq!(reason, ReasonCode::TopicFilterInvalid);
    world.connect(V5, "publisher").open().publish("a/b", "x", AtLeastOnce);
    client.expect_nothing();
}

// [MQTT-3.8.4-8]
#[test]
fn a_message_comes_with_the_lesser_of_its_qos_and_the_granted_one() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    for granted in QOS {
        let mut client = world.connect(V5, "client").open();
        client.subscribe("t", granted);
        for published in QOS {
            publisher.publish("t", "x", published);
            assert_eq!(client.expect_message().qos, published.min(granted));
        }
    }
}

// [MQTT-3.8.4-8]
#[test]
fn a_retained_message_comes_with_the_lesser_qos_too() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    for published in QOS {
        publisher.retain("t", "x", published);
        for granted in QOS {
            let mut client = world.connect(V5, "client").open();
            client.subscribe("t", granted);
            assert_eq!(client.expect_message().qos, published.min(granted));
        }
    }
}

const QOS: [QoS; 3] = [AtMostOnce, AtLeastOnce, ExactlyOnce];

fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions { qos, ..SubscriptionOptions::default() }
}
