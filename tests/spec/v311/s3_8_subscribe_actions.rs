use crate::common::{AtLeastOnce, AtMostOnce, ExactlyOnce, V311, World, packet};
use fulmar::codec::Packet;

// [MQTT-3.8.4-3]
#[test]
fn the_same_filter_again_replaces_the_subscription() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();

    subscriber.subscribe("t", AtMostOnce);

    publisher.publish("t", "x", ExactlyOnce);
    assert_eq!(subscriber.expect_message().qos, AtMostOnce);
    subscriber.expect_nothing();
    subscriber.unsubscribe("t");
    publisher.publish("t", "y", ExactlyOnce);
    subscriber.expect_nothing();
}

// [MQTT-3.8.4-3]
#[test]
fn the_same_filter_again_gets_the_retained_messages_again() {
    let world = World::new();
    world.connect(V311, "publisher").open().retain("a/b", "kept", AtLeastOnce);
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("a/+", AtLeastOnce);
    subscriber.expect_text("a/b", "kept");

    subscriber.subscribe("a/+", AtLeastOnce);

    let again = subscriber.expect_message();
    assert_eq!((again.payload, again.retain), (&b"kept"[..], true));
    subscriber.expect_nothing();
}

// [MQTT-3.8.4-3]
#[test]
fn the_same_filter_again_does_not_interrupt_the_flow() {
    let world = World::with(|settings, _| settings.in_flight_max = 1);
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "in flight", ExactlyOnce);
    publisher.publish("t", "queued", AtLeastOnce);

    subscriber.subscribe("t", AtLeastOnce);
    publisher.publish("t", "new", AtLeastOnce);

    assert_eq!(subscriber.texts(), ["in flight", "queued", "new"]);
}

// [MQTT-3.8.4-3]
#[test]
fn another_filter_makes_another_subscription() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("a/b", AtLeastOnce);
    subscriber.subscribe("a/+", AtLeastOnce);
    subscriber.subscribe("A/b", AtLeastOnce);
    let mut publisher = world.connect(V311, "publisher").open();

    subscriber.unsubscribe("a/+");

    publisher.publish("a/b", "x", AtLeastOnce);
    publisher.publish("A/b", "y", AtLeastOnce);
    assert_eq!(subscriber.texts(), ["x", "y"]);
}

// [MQTT-3.8.4-4]
#[test]
fn several_filters_are_handled_one_after_the_other_and_answered_once() {
    let world = World::new();
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.retain("a", "1", AtLeastOnce);
    publisher.retain("b", "2", AtLeastOnce);
    let mut subscriber = world.connect(V311, "subscriber").open();
    let filters = [&b"\0\x01a\x01"[..], b"\0\x01b\0", b"\0\x01a\x02"];

    subscriber.send_bytes(&packet(0x82, &[b"\0\x01", &filters.concat()]));

    let Packet::SubAck(suback) = subscriber.expect() else { panic!("SUBACK comes first") };
    assert_eq!(suback.reasons.iter().map(|reason| reason.byte()).collect::<Vec<_>>(), [1, 0, 2]);
    let mut texts = subscriber.texts();
    texts.sort();
    texts.dedup();
    assert_eq!(texts, ["1", "2"]);
    publisher.publish("a", "live", ExactlyOnce);
    assert_eq!(subscriber.expect_message().qos, ExactlyOnce);
    subscriber.expect_nothing();
}
