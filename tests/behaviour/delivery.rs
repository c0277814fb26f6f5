//! Messages that got lost, stuck or seen too early.

use fulmar::codec::{Packet, Publish};
use fulmar::session::QueueRule;
use fulmar::types::SubscriptionOptions;

use crate::common::{AtLeastOnce, ExactlyOnce, V5, World, ack, message, packet_id};

#[test]
fn a_message_that_never_fits_the_queue_drives_nobody_out_of_it() {
    let world = World::with(|settings, _| {
        settings.queue.rule = QueueRule::DropOldest;
        settings.queue.bytes_max = 1_000;
    });
    let mut away = world.connect(V5, "away").persistent().open();
    away.subscribe("t", AtLeastOnce);
    away.drop_link();
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish("t", "first", AtLeastOnce);
    publisher.publish("t", "second", AtLeastOnce);

    publisher.publish("t", [b'x'; 2_000], AtLeastOnce);

    let mut back = world.connect(V5, "away").persistent().open();
    assert_eq!(back.texts(), ["first", "second"]);
    assert_eq!(world.stats().dropped.queue_full, 1);
}

// [MQTT-3.1.2-24], [MQTT-3.1.2-25]
#[test]
fn a_message_too_large_for_the_next_connection_does_not_block_those_behind_it() {
    for qos in [AtLeastOnce, ExactlyOnce] {
        let world = World::new();
        let mut client = world.connect(V5, "shrinking").persistent().open();
        client.subscribe("t", qos);
        let mut publisher = world.connect(V5, "publisher").open();
        publisher.publish("t", [b'x'; 100], qos);
        client.expect_publish();
        client.drop_link();

        let shrunk = world.connect(V5, "shrinking").persistent();
        let mut client = shrunk.maximum_packet_size(50).receive_maximum(1).open();
        publisher.publish("t", "small", qos);

        client.expect_text("t", "small");
        assert_eq!(world.stats().dropped.too_large, 1);
        client.drop_link();
        world.connect(V5, "shrinking").persistent().open().expect_nothing();
    }
}

// [MQTT-3.3.1-12]
#[test]
fn a_shared_message_that_is_handed_on_has_the_retain_flag_of_its_new_receiver() {
    let world = World::new();
    let keeping =
        SubscriptionOptions { qos: AtLeastOnce, retain_as_published: true, ..Default::default() };
    let mut first = world.connect(V5, "first").open();
    first.subscribe_with("$share/g/t", keeping);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.retain("t", "shared", AtLeastOnce);
    assert!(first.expect_publish().retain);
    let mut second = world.connect(V5, "second").open();
    second.subscribe("$share/g/t", AtLeastOnce);

    first.drop_link();

    assert!(!second.expect_message().retain);
}

/// Were it seen, and a crash then made the publisher send it again, it would come twice.
#[test]
fn a_retained_message_of_qos_2_is_not_seen_by_a_new_subscriber_before_it_is_on_disk() {
    let world = World::new().with_delayed_commits();
    let mut publisher = world.connect(V5, "publisher").persistent().send();
    world.commit();
    publisher.expect_connack();
    let publish = Publish {
        retain: true,
        packet_id: Some(packet_id(1)),
        ..message("t", b"once", ExactlyOnce)
    };
    publisher.send(Packet::Publish(publish));
    publisher.expect_nothing();

    let mut newcomer = world.connect(V5, "newcomer").open();
    newcomer.subscribe("t", AtLeastOnce);
    newcomer.expect_nothing();

    world.commit();
    newcomer.expect_text("t", "once");
    publisher.expect_pubrec(packet_id(1));
    publisher.send(Packet::PubRel(ack(packet_id(1))));
}
