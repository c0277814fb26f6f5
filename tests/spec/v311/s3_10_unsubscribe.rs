use super::{assert_fatal, unsubscribe_bytes};
use crate::common::{AtLeastOnce, AtMostOnce, Client, ExactlyOnce, V311, World, packet, packet_id};

// [MQTT-3.10.1-1]
#[test]
fn unsubscribe_with_other_flags_closes_the_connection() {
    for flags in (0..16).filter(|flags| *flags != 0b0010) {
        assert_fatal(&packet(0xA0 | flags, &[b"\0\x01\0\x01t"]));
    }
}

// [MQTT-3.10.3-1]
#[test]
fn a_topic_filter_to_unsubscribe_from_may_be_any_utf8() {
    let (world, mut subscriber) = subscribed("маяк/\u{1f426}/+");

    subscriber.unsubscribe("маяк/\u{1f426}/+");

    world.connect(V311, "publisher").open().publish("маяк/\u{1f426}/a", "x", AtMostOnce);
    subscriber.expect_nothing();
}

// [MQTT-3.10.3-2]
#[test]
fn unsubscribe_without_a_filter_closes_the_connection() {
    assert_fatal(b"\xa2\x02\0\x01");
}

// [MQTT-3.10.4-1]
#[test]
fn only_the_subscription_with_just_this_filter_is_deleted() {
    let (world, mut subscriber) = subscribed("a/+");

    for other in ["a/b", "a/#", "A/+", "#", "a/+/", "a", "+/+"] {
        subscriber.unsubscribe(other);
    }

    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("a/b", "x", AtLeastOnce);
    subscriber.expect_text("a/b", "x");
    subscriber.unsubscribe("a/+");
    publisher.publish("a/b", "y", AtLeastOnce);
    subscriber.expect_nothing();
}

// [MQTT-3.10.4-2]
#[test]
fn no_new_message_is_delivered_after_unsubscribe() {
    let (world, mut subscriber) = subscribed("t");
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "before", AtLeastOnce);

    subscriber.send_bytes(&unsubscribe_bytes("t"));
    publisher.publish("t", "after", AtMostOnce);
    publisher.publish("t", "after", AtLeastOnce);
    publisher.publish("t", "after", ExactlyOnce);

    subscriber.expect_text("t", "before");
    assert_eq!(subscriber.expect_bytes(), b"\xb0\x02\0\x01");
}

// [MQTT-3.10.4-3]
#[test]
fn deliveries_that_have_started_go_on_after_unsubscribe() {
    let (world, mut subscriber) = subscribed("t");
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "", AtLeastOnce);
    publisher.publish("t", "", ExactlyOnce);
    assert_eq!(subscriber.expect_bytes(), b"\x32\x05\0\x01t\0\x01\x34\x05\0\x01t\0\x02");

    subscriber.unsubscribe("t");

    subscriber.send_bytes(b"\x40\x02\0\x01\x50\x02\0\x02");
    assert_eq!(subscriber.expect_bytes(), b"\x62\x02\0\x02");
    subscriber.send_bytes(b"\x70\x02\0\x02");
    subscriber.expect_nothing();
}

// [MQTT-3.10.4-3]
#[test]
fn deliveries_that_have_started_are_sent_again_after_unsubscribe() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").clean(false).open();
    subscriber.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "", AtLeastOnce);
    publisher.publish("t", "", ExactlyOnce);
    subscriber.expect_bytes();
    subscriber.unsubscribe("t");
    subscriber.drop_link();

    let mut subscriber = world.connect(V311, "subscriber").clean(false).open();

    assert_eq!(subscriber.expect_bytes(), b"\x3a\x05\0\x01t\0\x01\x3c\x05\0\x01t\0\x02");
    subscriber.send_bytes(b"\x50\x02\0\x02");
    subscriber.expect_pubrel(packet_id(2));
}

// [MQTT-3.10.4-4]
#[test]
fn unsubscribe_is_answered_with_unsuback_of_the_same_packet_identifier() {
    let (_world, mut subscriber) = subscribed("t");

    subscriber.send_bytes(b"\xa2\x05\xab\xcd\0\x01t");

    assert_eq!(subscriber.expect_bytes(), b"\xb0\x02\xab\xcd");
}

// [MQTT-3.10.4-5]
#[test]
fn unsubscribe_is_answered_when_nothing_is_deleted() {
    let (_world, mut subscriber) = subscribed("t");

    subscriber.send_bytes(&unsubscribe_bytes("never"));

    assert_eq!(subscriber.expect_bytes(), b"\xb0\x02\0\x01");
}

// [MQTT-3.10.4-6]
#[test]
fn several_filters_are_handled_one_after_the_other_and_answered_once() {
    let (world, mut subscriber) = subscribed("a");
    subscriber.subscribe("b", AtLeastOnce);
    subscriber.subscribe("c", AtLeastOnce);

    subscriber.send_bytes(&packet(0xA2, &[b"\0\x09", b"\0\x01a", b"\0\x05never", b"\0\x01c"]));

    assert_eq!(subscriber.expect_bytes(), b"\xb0\x02\0\x09");
    let mut publisher = world.connect(V311, "publisher").open();
    for topic in ["a", "b", "c"] {
        publisher.publish(topic, topic, AtLeastOnce);
    }
    assert_eq!(subscriber.texts(), ["b"]);
}

fn subscribed(filter: &str) -> (World, Client) {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe(filter, ExactlyOnce);
    (world, subscriber)
}
