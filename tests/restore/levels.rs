//! Clients of a listener that acknowledges at once, beside others, on a disk that is done when the
//! story says so.

use fulmar::codec::{Packet, Publish};
use fulmar::types::{QoS, ReasonCode};

use crate::common::{
    AtLeastOnce, Client, Commits, Connecting, ExactlyOnce, V5, V311, World, ack, message, packet_id,
};

#[test]
fn a_message_that_is_acknowledged_at_once_is_kept_all_the_same() {
    let (world, _) = with_reader();
    let mut hasty = hasty(&world, "hasty").open();
    publish(&mut hasty, 1, "one", AtLeastOnce);
    publish(&mut hasty, 2, "two", ExactlyOnce);

    hasty.expect_puback(packet_id(1));
    hasty.expect_pubrec(packet_id(2));
    world.commit();
    world.crash();

    assert_eq!(reader(&world).texts(), ["one", "two"]);
}

#[test]
fn a_crash_takes_what_was_acknowledged_at_once_and_nothing_that_others_were_told() {
    let (world, _) = with_reader();
    let mut careful = world.connect(V5, "careful").open();
    publish(&mut careful, 1, "kept", AtLeastOnce);
    careful.expect_nothing();
    world.commit();
    careful.expect_puback(packet_id(1));
    let mut hasty = hasty(&world, "hasty").open();
    publish(&mut hasty, 1, "lost", AtLeastOnce);
    hasty.expect_puback(packet_id(1));

    world.crash();

    assert_eq!(reader(&world).texts(), ["kept"]);
}

/// `[MQTT-4.3.3-9]`: whoever sends it again has not seen PUBREC, and nobody has seen the message.
#[test]
fn a_message_of_qos_2_that_was_acknowledged_at_once_is_seen_once_or_never() {
    for (is_sent_again, expected) in [(true, vec!["it"]), (false, vec![])] {
        let (world, mut first) = with_reader();
        let mut writer = lasting(&world);
        publish(&mut writer, 7, "it", ExactlyOnce);
        writer.expect_pubrec(packet_id(7));
        first.expect_nothing();

        world.crash();

        world.shell().borrow_mut().commits = Commits::Immediate;
        let mut writer = hasty(&world, "lasting").persistent().open();
        if is_sent_again {
            publish(&mut writer, 7, "it", ExactlyOnce);
            writer.expect_pubrec(packet_id(7));
        }
        writer.send(Packet::PubRel(ack(packet_id(7))));
        writer.expect_pubcomp(packet_id(7));
        assert_eq!(reader(&world).texts(), expected);
    }
}

/// Were the client told too early that its packet id is free, the crash would have the next message
/// under that id taken for the one before it.
#[test]
fn a_packet_id_is_free_when_a_crash_cannot_take_its_release_back() {
    let (world, _) = with_reader();
    let mut writer = lasting(&world);
    publish(&mut writer, 7, "before", ExactlyOnce);
    writer.expect_pubrec(packet_id(7));
    world.commit();
    writer.send(Packet::PubRel(ack(packet_id(7))));
    writer.expect_nothing();
    world.commit();
    writer.expect_pubcomp(packet_id(7));

    world.crash();

    world.shell().borrow_mut().commits = Commits::Immediate;
    let mut writer = hasty(&world, "lasting").persistent().open();
    publish(&mut writer, 7, "after", ExactlyOnce);
    writer.expect_pubrec(packet_id(7));
    assert_eq!(reader(&world).texts(), ["before", "after"]);
}

#[test]
fn where_no_crash_leaves_packet_ids_a_whole_exchange_waits_for_nothing() {
    let (world, _) = with_reader();
    let mut hasty = hasty(&world, "hasty").open();
    publish(&mut hasty, 7, "it", ExactlyOnce);
    hasty.expect_pubrec(packet_id(7));

    hasty.send(Packet::PubRel(ack(packet_id(7))));

    hasty.expect_pubcomp(packet_id(7));
}

#[test]
fn sessions_and_subscriptions_wait_for_the_disk_at_every_level() {
    let world = World::new().with_delayed_commits();
    let mut hasty = hasty(&world, "hasty").persistent().send();
    hasty.expect_nothing();
    world.commit();
    hasty.expect_connack();

    hasty.send_subscribe("t", Default::default());
    hasty.expect_nothing();
    world.commit();
    assert!(matches!(hasty.expect(), Packet::SubAck(_)));

    hasty.send_unsubscribe("t");
    hasty.expect_nothing();
    world.commit();
    assert!(matches!(hasty.expect(), Packet::UnsubAck(_)));
}

/// `[MQTT-4.3.3-6]`
#[test]
fn a_delivery_of_qos_2_is_released_when_a_crash_cannot_bring_it_again() {
    let world = World::new();
    let mut hasty = hasty(&world, "reader").persistent().open();
    hasty.subscribe("t", ExactlyOnce);
    world.connect(V5, "writer").open().publish("t", "it", ExactlyOnce);
    let id = hasty.expect_publish().packet_id.expect("above QoS 0");
    world.shell().borrow_mut().commits = Commits::Delayed;

    hasty.send(Packet::PubRec(ack(id)));

    hasty.expect_nothing();
    world.commit();
    hasty.expect_pubrel(id);
}

#[test]
fn a_client_has_the_level_of_the_listener_that_it_comes_by_today() {
    let (world, _) = with_reader();
    let mut writer = lasting(&world);
    publish(&mut writer, 1, "hasty", AtLeastOnce);
    writer.expect_puback(packet_id(1));
    world.change_limits(|limits| limits.acknowledged_at_once = false);
    let mut writer = world.connect(V5, "lasting").persistent().send();
    world.commit();
    writer.expect_connack();

    publish(&mut writer, 2, "careful", AtLeastOnce);

    writer.expect_nothing();
    world.commit();
    writer.expect_puback(packet_id(2));
}

#[test]
fn a_full_disk_refuses_messages_at_every_level() {
    let (world, _) = with_reader();
    let mut hasty = hasty(&world, "hasty").open();
    world.set_disk_full(true);

    publish(&mut hasty, 1, "it", AtLeastOnce);

    assert_eq!(hasty.expect_puback(packet_id(1)), ReasonCode::QuotaExceeded);
}

/// A world whose disk is done when it is told so, and somebody who has subscribed to everything.
fn with_reader() -> (World, Client) {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.subscribe("t", ExactlyOnce);
    world.shell().borrow_mut().commits = Commits::Delayed;
    (world, reader)
}

/// The reader comes back, after which the disk is done at once.
fn reader(world: &World) -> Client {
    world.shell().borrow_mut().commits = Commits::Immediate;
    world.commit();
    world.connect(V311, "reader").persistent().open()
}

/// Whoever connects from here on comes by the listener that acknowledges at once.
fn hasty(world: &World, client_id: &str) -> Connecting {
    world.change_limits(|limits| limits.acknowledged_at_once = true);
    world.connect(V5, client_id)
}

/// A client of that listener whose session a restart brings back.
fn lasting(world: &World) -> Client {
    let mut writer = hasty(world, "lasting").persistent().send();
    world.commit();
    writer.expect_connack();
    writer
}

fn publish(client: &mut Client, id: u16, payload: &str, qos: QoS) {
    let packet = message("t", payload.as_bytes(), qos);
    client.send(Packet::Publish(Publish { packet_id: Some(packet_id(id)), ..packet }));
}
