use crate::common::*;
use fulmar::types::ReasonCode::{MalformedPacket, NoSubscriptionExisted, ProtocolError, Success};

// [MQTT-3.10.1-1]
#[test]
fn an_unsubscribe_with_other_flags_closes_the_connection() {
    for flags in (0..16).filter(|flags| *flags != 0b0010) {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&packet(0xa0 | flags, &[b"\0\x01\0\0\x01t"]));
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.10.3-1]
#[test]
fn a_topic_filter_that_is_not_utf_8_closes_the_connection() {
    for filter in [&b"a\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&packet(0xa2, &[b"\0\x01\0", &string(filter)]));
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.10.3-2]
#[test]
fn an_unsubscribe_without_a_topic_filter_closes_the_connection() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\xa2\x03\0\x01\0");
    client.expect_disconnect(ProtocolError);
}

// [MQTT-3.10.4-1]
#[test]
fn the_subscription_with_exactly_this_topic_filter_is_deleted() {
    for filter in ["a/b", "a/+", "#", "/", "$share/g/a/b"] {
        let world = World::new();
        let mut client = world.connect(V5, "client").open();
        client.subscribe(filter, AtLeastOnce);

        assert_eq!(client.unsubscribe(filter), Success);

        let mut publisher = world.connect(V5, "publisher").open();
        publisher.publish("a/b", "", AtLeastOnce);
        publisher.publish("/", "", AtLeastOnce);
        client.expect_nothing();
        assert_eq!(client.unsubscribe(filter), NoSubscriptionExisted);
    }
}

// [MQTT-3.10.4-1]
#[test]
fn a_topic_filter_that_is_not_character_by_character_the_same_deletes_nothing() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("a/b", AtMostOnce);
    for other in ["a/+", "a/#", "#", "A/b", "a/b/", "/a/b", "a//b", "a", "$share/g/a/b"] {
        assert_eq!(client.unsubscribe(other), NoSubscriptionExisted, "{other}");
    }

    world.connect(V5, "publisher").open().publish("a/b", "still", AtMostOnce);

    assert_eq!(client.texts(), ["still"]);
}

// [MQTT-3.10.4-1]
#[test]
fn the_subscriptions_of_others_stay() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    let mut other = world.connect(V5, "other").open();
    for subscriber in [&mut client, &mut other] {
        subscriber.subscribe("t", AtMostOnce);
        subscriber.subscribe("$share/g/t", AtMostOnce);
    }

    client.unsubscribe("t");
    client.unsubscribe("$share/g/t");

    world.connect(V5, "publisher").open().publish("t", "x", AtMostOnce);
    client.expect_nothing();
    assert_eq!(other.texts(), ["x", "x"]);
}

// [MQTT-3.10.4-2]
#[test]
fn no_new_message_comes_behind_the_unsuback() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", ExactlyOnce);
    publisher.publish("t", "before", ExactlyOnce);

    client.unsubscribe("t");
    publisher.publish("t", "after", ExactlyOnce);

    assert_eq!(client.texts(), ["before"]);
    client.drop_link();
    publisher.publish("t", "while away", ExactlyOnce);
    let mut client = world.connect(V5, "client").clean(false).open();
    assert!(client.connack.session_present);
    client.expect_nothing();
}

// [MQTT-3.10.4-2]
#[test]
fn retained_messages_that_have_not_been_queued_are_left_out() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    for number in 0..1_000 {
        publisher.retain(&format!("t/{number:03}"), "x", AtLeastOnce);
    }
    let mut client = world.connect(V5, "client").receive_maximum(1).open();
    client.subscribe("t/#", AtLeastOnce);

    client.unsubscribe("t/#");

    assert!(client.messages().len() < 500);
}

// [MQTT-3.10.4-3]
#[test]
fn what_the_server_has_started_to_send_is_completed() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", ExactlyOnce);
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", ExactlyOnce);
    client.expect_publish();
    client.expect_publish();

    client.unsubscribe("t");
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();
    assert!(client.expect_message().dup);
    let second = client.expect_publish();
    assert_eq!((second.payload, second.dup), (&b"2"[..], true));
    client.acknowledge(&second);
    client.expect_nothing();
}

// [MQTT-3.10.4-4] [MQTT-3.10.4-5]
#[test]
fn each_unsubscribe_is_answered_with_its_packet_identifier_even_if_nothing_is_deleted() {
    let mut client = World::new().connect(V5, "client").open();
    client.subscribe("t", AtMostOnce);

    client.send_bytes(b"\xa2\x06\x12\x34\0\0\x01t\xa2\x06\xff\xff\0\0\x01t");

    assert_eq!(client.expect_bytes(), b"\xb0\x04\x12\x34\0\0\xb0\x04\xff\xff\0\x11");
}

// [MQTT-3.10.4-6]
#[test]
fn several_topic_filters_count_one_after_the_other_and_are_answered_together() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    for filter in ["a", "b", "c"] {
        client.subscribe(filter, AtMostOnce);
    }

    client.send_bytes(&packet(0xa2, &[b"\0\x09\0", b"\0\x01a", b"\0\x01a", b"\0\x01c"]));

    assert_eq!(client.expect_bytes(), b"\xb0\x06\0\x09\0\0\x11\0");
    let mut publisher = world.connect(V5, "publisher").open();
    for topic in ["a", "b", "c"] {
        publisher.publish(topic, topic, AtMostOnce);
    }
    assert_eq!(client.texts(), ["b"]);
}
