//! What is not taken while memory is short, and how that is over by itself.

use fulmar::broker::Drops;
use fulmar::codec::Packet;
use fulmar::types::ReasonCode;

use crate::common::{
    AtLeastOnce, AtMostOnce, Client, ExactlyOnce, V5, V311, World, message, packet_id,
};

#[test]
fn a_client_of_5_0_is_told_and_may_send_again_later() {
    let world = World::new();
    let mut subscriber = subscribed(world.connect(V5, "subscriber").open());
    let mut publisher = world.connect(V5, "publisher").open();
    world.set_memory_short(true);

    for qos in [AtLeastOnce, ExactlyOnce] {
        assert_eq!(publisher.publish("t", "m", qos), ReasonCode::QuotaExceeded);
    }
    assert_eq!(subscriber.texts(), [""; 0]);
    assert_eq!(world.stats().refused_for_memory, 2);

    world.set_memory_short(false);
    assert_eq!(publisher.publish("t", "m", AtLeastOnce), ReasonCode::Success);
    assert_eq!(subscriber.texts(), ["m"]);
}

#[test]
fn a_client_of_3_1_1_is_slowed_down_and_loses_nothing() {
    let world = World::new();
    let mut subscriber = subscribed(world.connect(V311, "subscriber").open());
    let mut publisher = world.connect(V311, "publisher").keep_alive(10).open();
    world.set_memory_short(true);

    publish(&mut publisher, 1);
    publish(&mut publisher, 2);
    publisher.send(Packet::PingReq);
    world.advance_secs(1_000);
    publisher.expect_nothing();
    assert!(!publisher.is_closed(), "its silence is ours");

    world.set_memory_short(false);
    publisher.expect_puback(packet_id(1));
    publisher.expect_puback(packet_id(2));
    assert_eq!(publisher.expect(), Packet::PingResp);
    assert_eq!(subscriber.texts(), ["m", "m"]);
    world.advance_secs(14);
    assert!(!publisher.is_closed(), "its keep alive begins anew");
    world.advance_secs(2);
    assert!(publisher.is_closed());
}

#[test]
fn what_waits_is_sent_and_acknowledged_all_the_same() {
    for protocol in [V5, V311] {
        let world = World::new();
        subscribed(world.connect(protocol, "away").persistent().open()).drop_link();
        let mut publisher = world.connect(V5, "publisher").open();
        for _ in 0..100 {
            publisher.publish("t", "m", AtLeastOnce);
        }
        world.set_memory_short(true);

        let mut back = world.connect(protocol, "away").persistent().open();

        assert_eq!(back.texts().len(), 100);
        back.ping();
    }
}

#[test]
fn a_message_that_was_taken_before_is_no_new_one() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let id = publisher.next_id();
    let mut publish = message("t", b"m", ExactlyOnce);
    publish.packet_id = Some(id);
    publisher.send(Packet::Publish(publish.clone()));
    assert_eq!(publisher.expect_pubrec(id), ReasonCode::Success);
    world.set_memory_short(true);

    publish.dup = true;
    publisher.send(Packet::Publish(publish));

    assert_eq!(publisher.expect_pubrec(id), ReasonCode::Success);
}

#[test]
fn qos_0_reaches_who_reads_and_is_dropped_for_who_does_not() {
    let world = World::new();
    let mut quick = subscribed(world.connect(V311, "quick").open());
    let mut slow = subscribed(world.connect(V311, "slow").open());
    slow.set_capacity(0);
    let mut publisher = world.connect(V311, "publisher").open();
    world.set_memory_short(true);

    for payload in ["1", "2", "3", "4"] {
        publisher.publish("t", payload, AtMostOnce);
    }

    assert_eq!(quick.texts(), ["1", "2", "3", "4"]);
    slow.set_capacity(usize::MAX);
    let few = slow.texts().len();
    assert!((1..4).contains(&few), "{few}");
    let queue_full = 4 - few as u64;
    assert_eq!(world.stats().dropped, Drops { queue_full, ..Drops::default() });
}

#[test]
fn nothing_new_is_retained_and_to_clear_a_topic_makes_room() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.retain("old", "m", AtMostOnce);
    world.set_memory_short(true);

    publisher.retain("new", "m", AtMostOnce);
    publisher.retain("old", "", AtMostOnce);

    assert_eq!(world.shell().borrow().broker.retained().len(), 0);
    assert_eq!(world.stats().dropped.retained_full, 1);
}

fn subscribed(mut client: Client) -> Client {
    client.subscribe("t", AtLeastOnce);
    client
}

/// Sends a PUBLISH of QoS 1 and waits for nothing.
fn publish(publisher: &mut Client, id: u16) {
    let mut publish = message("t", b"m", AtLeastOnce);
    publish.packet_id = Some(packet_id(id));
    publisher.send(Packet::Publish(publish));
}
