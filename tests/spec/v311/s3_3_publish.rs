use super::{EVERY_QOS, assert_fatal, publish_bytes};
use crate::common::{AtLeastOnce, AtMostOnce, ExactlyOnce, V311, World, packet_id};

// [MQTT-3.3.1-1]
#[test]
fn a_message_that_is_sent_again_has_dup() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", ExactlyOnce);
    assert_eq!(client.expect_bytes(), b"\x32\x06\0\x01t\0\x011\x34\x06\0\x01t\0\x022");
    client.drop_link();

    let mut client = world.connect(V311, "client").clean(false).open();

    assert_eq!(client.expect_bytes(), b"\x3a\x06\0\x01t\0\x011\x3c\x06\0\x01t\0\x022");
}

// [MQTT-3.3.1-1]
#[test]
fn a_message_that_waited_and_is_sent_for_the_first_time_has_no_dup() {
    let world = World::new();
    let mut client = world.connect(V311, "client").clean(false).open();
    client.subscribe("t", ExactlyOnce);
    client.drop_link();
    world.connect(V311, "publisher").open().publish("t", "1", AtLeastOnce);

    let mut client = world.connect(V311, "client").clean(false).open();

    assert_eq!(client.expect_bytes(), b"\x32\x06\0\x01t\0\x011");
}

// [MQTT-3.3.1-2]
#[test]
fn dup_in_a_qos_0_message_closes_the_connection() {
    assert_fatal(b"\x38\x03\0\x01t");
    assert_fatal(b"\x39\x03\0\x01t");
}

// [MQTT-3.3.1-2] [MQTT-3.3.1-3]
#[test]
fn dup_is_not_passed_on() {
    let world = World::new();
    let mut subscribers = EVERY_QOS.map(|qos| {
        let mut subscriber = world.connect(V311, &format!("{qos:?}")).open();
        subscriber.subscribe("t", qos);
        subscriber
    });
    let mut publisher = world.connect(V311, "publisher").open();

    publisher.send_bytes(b"\x3c\x05\0\x01t\0\x01\x3a\x05\0\x01t\0\x02");

    for subscriber in &mut subscribers {
        let messages = subscriber.messages();
        assert_eq!(messages.iter().map(|publish| publish.dup).collect::<Vec<_>>(), [false, false]);
    }
}

// [MQTT-3.3.1-4]
#[test]
fn a_qos_of_3_closes_the_connection() {
    for first in [0x36, 0x37, 0x3E, 0x3F] {
        assert_fatal(&[first, 5, 0, 1, b't', 0, 1]);
    }
}

// [MQTT-3.3.2-1]
#[test]
fn the_topic_name_comes_first_and_in_full() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("#", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();

    publisher.send_bytes(b"\x30\x0a\0\x06a/\xc3\xa4/cxy");

    assert_eq!(subscriber.expect_bytes(), b"\x30\x0a\0\x06a/\xc3\xa4/cxy");
    assert_fatal(b"\x30\0");
    assert_fatal(b"\x30\x01\0");
    assert_fatal(b"\x30\x03\0\x02t");
}

// [MQTT-3.3.2-2] [MQTT-4.7.1-1]
#[test]
fn a_topic_name_with_a_wildcard_closes_the_connection() {
    for name in ["#", "+", "a/#", "a/+/b", "a+", "a#b"] {
        assert_fatal(&publish_bytes(name, b""));
    }
}

// [MQTT-3.3.2-3]
#[test]
fn a_client_gets_only_topics_that_its_filters_match() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").open();
    subscriber.subscribe("a/+", AtMostOnce);
    subscriber.subscribe("b/#", AtMostOnce);
    let mut publisher = world.connect(V311, "publisher").open();

    for topic in ["a", "a/1", "a/1/2", "A/1", "b", "b/1/2", "ab", "c/b/1", "a/", "/a/1"] {
        publisher.publish(topic, topic, AtLeastOnce);
    }

    let topics: Vec<_> = subscriber.messages().iter().map(|publish| publish.topic).collect();
    assert_eq!(topics, ["a/1", "b", "b/1/2", "a/"]);
}

// [MQTT-3.3.4-1]
#[test]
fn a_publish_is_answered_as_its_qos_demands() {
    let mut client = World::new().connect(V311, "client").open();

    client.send_bytes(b"\x30\x03\0\x01t");
    client.expect_nothing();
    client.send_bytes(b"\x32\x05\0\x01t\0\x0a");
    assert_eq!(client.expect_bytes(), b"\x40\x02\0\x0a");
    client.send_bytes(b"\x34\x05\0\x01t\0\x0b");
    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x0b");
}

// [MQTT-3.3.4-1]
#[test]
fn every_publish_is_answered_however_many_exchanges_the_client_has_begun() {
    let world = World::with(|settings, limits| {
        settings.receive_maximum = 2;
        limits.receive_maximum = 2;
    });
    let mut client = world.connect(V311, "client").open();

    for id in 1..=100 {
        client.send_bytes(&[0x34, 5, 0, 1, b't', 0, id]);
        assert_eq!(client.expect_bytes(), [0x50, 2, 0, id]);
    }
}

// [MQTT-3.3.5-1]
#[test]
fn overlapping_subscriptions_deliver_with_the_highest_of_their_qos() {
    let filters = [("a/#", AtMostOnce), ("a/+", ExactlyOnce), ("a/b", AtLeastOnce)];
    for (published, delivered) in EVERY_QOS.into_iter().zip(EVERY_QOS) {
        let world = World::new();
        let mut subscriber = world.connect(V311, "subscriber").open();
        for (filter, qos) in filters {
            subscriber.subscribe(filter, qos);
        }

        world.connect(V311, "publisher").open().publish("a/b", "x", published);

        let messages = subscriber.messages();
        assert_eq!(messages.iter().map(|publish| publish.qos).collect::<Vec<_>>(), [delivered]);
    }
}

// [MQTT-3.3.5-2]
#[test]
fn a_publish_that_is_not_authorized_is_acknowledged_all_the_same() {
    let world = World::new();
    let mut watcher = world.connect(V311, "watcher").open();
    watcher.subscribe("$SYS/#", ExactlyOnce);
    let mut client = world.connect(V311, "client").open();

    client.publish("$SYS/broker/uptime", "x", AtMostOnce);
    client.publish("$SYS/broker/uptime", "x", AtLeastOnce);
    client.publish("$SYS/broker/uptime", "x", ExactlyOnce);

    client.expect_nothing();
    watcher.expect_nothing();
}

// [MQTT-3.3.5-2]
#[test]
fn the_exchange_of_a_publish_that_is_not_authorized_goes_its_way() {
    let mut client = World::new().connect(V311, "client").open();

    for _ in 0..2 {
        client.send_bytes(b"\x34\x0a\0\x06$SYS/x\0\x01");
        client.expect_pubrec(packet_id(1));
    }

    client.send_bytes(b"\x62\x02\0\x01");
    client.expect_pubcomp(packet_id(1));
}
