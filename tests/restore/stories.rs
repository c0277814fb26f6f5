use fulmar::codec::{LastWill, Packet};
use fulmar::journal::{Change, Image};
use fulmar::types::{Lsn, Timestamp};

use crate::common::{
    AtLeastOnce, Client, ExactlyOnce, V5, V311, World, ack, message, packet_id, will,
};

#[test]
fn a_session_goes_on_with_its_subscriptions_and_what_was_queued() {
    let world = World::new();
    let mut reader = world.connect(V311, "reader").persistent().open();
    reader.subscribe("t", ExactlyOnce);
    reader.drop_link();
    world.connect(V5, "writer").open().publish("t", "before", ExactlyOnce);

    world.crash();
    world.connect(V5, "writer").open().publish("t", "after", AtLeastOnce);

    let mut reader = world.connect(V311, "reader").persistent().open();
    assert!(reader.connack.session_present);
    assert_eq!(reader.texts(), ["before", "after"]);
}

/// `[MQTT-3.3.1-1]`, `[MQTT-4.4.0-1]`
#[test]
fn what_was_sent_before_the_crash_comes_again_with_dup_and_its_id_and_the_rest_without() {
    let world = World::new();
    let reader = || world.connect(V5, "reader").persistent().receive_maximum(1);
    let mut first = reader().open();
    first.subscribe("t", AtLeastOnce);
    let mut writer = world.connect(V5, "writer").open();
    writer.publish("t", "sent", AtLeastOnce);
    writer.publish("t", "waiting", AtLeastOnce);
    let sent = first.expect_publish();
    first.drop_link();

    world.crash();

    let mut again = reader().open();
    let resent = again.expect_publish();
    assert_eq!(
        (resent.packet_id, resent.dup, resent.payload),
        (sent.packet_id, true, sent.payload)
    );
    again.acknowledge(&resent);
    let waiting = again.expect_publish();
    assert_eq!((waiting.dup, waiting.payload), (false, &b"waiting"[..]));
}

/// Acknowledgements of subscribers do not wait for the disk, so more than the receive maximum may
/// have been sent and be unfinished as far as the disk knows.
#[test]
fn a_client_that_was_connected_may_have_been_sent_everything() {
    let world = World::with(|settings, _| settings.in_flight_max = 1).with_delayed_commits();
    let mut reader = world.connect(V5, "reader").persistent().send();
    world.commit();
    reader.expect_connack();
    let subscribed = reader.send_subscribe("t", subscription());
    world.commit();
    assert!(matches!(reader.expect(), Packet::SubAck(packet) if packet.packet_id == subscribed));
    let mut writer = world.connect(V5, "writer").open();
    for (id, payload) in [(1, "a"), (2, "b")] {
        let packet_id = Some(packet_id(id));
        writer.send(Packet::Publish(fulmar::codec::Publish {
            packet_id,
            ..message("t", payload.as_bytes(), AtLeastOnce)
        }));
    }
    world.commit();
    reader.expect_text("t", "a");
    let sent = reader.expect_publish();

    world.crash();

    let mut reader = world.connect(V5, "reader").persistent().send();
    world.commit();
    reader.expect_connack();
    reader.expect_message();
    let again = reader.expect_publish();
    assert_eq!((again.payload, again.packet_id, again.dup), (sent.payload, sent.packet_id, true));
}

/// `[MQTT-4.3.3-9]`
#[test]
fn a_publish_that_got_its_pubrec_is_a_duplicate_after_the_crash() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.subscribe("t", ExactlyOnce);
    let mut writer = world.connect(V5, "writer").persistent().open();
    let publish = fulmar::codec::Publish {
        packet_id: Some(packet_id(7)),
        ..message("t", b"once", ExactlyOnce)
    };
    writer.send(Packet::Publish(publish.clone()));
    writer.expect_pubrec(packet_id(7));

    world.crash();

    let mut writer = world.connect(V5, "writer").persistent().open();
    writer.send(Packet::Publish(fulmar::codec::Publish { dup: true, ..publish }));
    writer.expect_pubrec(packet_id(7));
    writer.send(Packet::PubRel(ack(packet_id(7))));
    writer.expect_pubcomp(packet_id(7));
    let mut reader = world.connect(V5, "reader").persistent().open();
    assert_eq!(reader.texts(), ["once"]);
}

/// `[MQTT-4.3.3-6]`
#[test]
fn pubrel_is_owed_after_the_crash_and_the_publish_never_comes_again() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.subscribe("t", ExactlyOnce);
    world.connect(V5, "writer").open().publish("t", "once", ExactlyOnce);
    let id = reader.expect_publish().packet_id.expect("above QoS 0");
    reader.send(Packet::PubRec(ack(id)));
    reader.expect_pubrel(id);

    world.crash();

    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.expect_pubrel(id);
    reader.send(Packet::PubComp(ack(id)));
    reader.expect_nothing();
}

/// A delivery of QoS 1 goes out before it is durable. Its id is not given to another message: a
/// PUBACK that comes late would be taken for that one's.
#[test]
fn an_id_that_was_sent_and_lost_is_not_used_for_the_next_message() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.subscribe("t", AtLeastOnce);
    let world = world.with_delayed_commits();
    let mut writer = world.connect(V5, "writer").open();
    writer.send(Packet::Publish(fulmar::codec::Publish {
        packet_id: Some(packet_id(1)),
        ..message("t", b"lost", AtLeastOnce)
    }));
    let lost = reader.expect_publish();

    // Twice: the second restart must know it from the journal, too.
    world.crash();
    world.commit();
    world.crash();
    world.shell().borrow_mut().commits = crate::common::Commits::Immediate;
    world.commit();

    let mut reader = world.connect(V5, "reader").persistent().open();
    world.connect(V5, "writer").open().publish("t", "next", AtLeastOnce);
    let next = reader.expect_publish();
    assert_eq!(next.payload, b"next");
    let (next, lost) = (next.packet_id.expect("QoS 1"), lost.packet_id.expect("QoS 1"));
    assert_eq!(u64::from(next.get() - lost.get()), world.settings().reserve());
}

/// Acknowledged and cancelled out before it was written, it has left no trace in the journal.
#[test]
fn an_id_that_was_sent_is_not_used_again_even_if_nothing_tells_of_its_message() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.subscribe("t", AtLeastOnce);
    let mut writer = world.connect(V5, "writer").open();
    let world = world.with_delayed_commits();
    let reserve = world.settings().reserve();
    let mut ids = std::collections::BTreeSet::new();
    for count in 0..2 * reserve {
        publish_unanswered(&mut writer, count);
        let sent = reader.expect_publish();
        reader.acknowledge(&sent);
        assert!(ids.insert(sent.packet_id), "{count}");
        without_deliveries(&world);
        world.commit();
    }

    world.crash();
    world.commit();

    world.connect(V5, "writer").open();
    let mut reader = world.connect(V5, "reader").persistent().send();
    world.commit();
    reader.expect_connack();
    let mut writer = world.connect(V5, "writer").open();
    for count in 0..reserve {
        publish_unanswered(&mut writer, count);
        world.commit();
        let sent = reader.expect_publish();
        reader.acknowledge(&sent);
        assert!(ids.insert(sent.packet_id), "used before the crash");
    }
}

/// What is beyond the reservation was not sent before the crash: it expires like any other.
#[test]
fn after_a_crash_what_cannot_have_been_sent_comes_without_dup_and_may_expire() {
    let world = World::with(|settings, _| settings.in_flight_max = 1);
    let mut reader = world.connect(V5, "reader").persistent().receive_maximum(1).open();
    reader.subscribe("t", AtLeastOnce);
    let mut writer = world.connect(V5, "writer").open();
    let reserve = world.settings().reserve() as usize;
    for count in 0..reserve + 2 {
        let payload = count.to_string();
        let mut publish = message("t", payload.as_bytes(), AtLeastOnce);
        publish.properties.message_expiry_secs = (count != reserve).then_some(10);
        writer.publish_packet(publish);
    }

    world.crash();
    world.advance_secs(10);

    let mut reader = world.connect(V5, "reader").persistent().open();
    let sent = reader.messages();
    let dups = sent.iter().filter(|publish| publish.dup).count();
    assert_eq!((sent.len(), dups), (reserve + 1, reserve));
    assert_eq!(world.stats().dropped.expired, 1);
}

/// A device whose clock has no battery starts in 1970, and is told the time later.
#[test]
fn a_message_does_not_expire_because_the_clock_was_set() {
    for (waits_secs, left) in [(86_399, 1), (86_400, 0)] {
        let world = World::new();
        let mut reader = world.connect(V5, "reader").persistent().open();
        reader.subscribe("t", AtLeastOnce);
        reader.drop_link();
        let mut publish = message("t", b"m", AtLeastOnce);
        publish.properties.message_expiry_secs = Some(10);
        world.connect(V5, "writer").open().publish_packet(publish);

        world.shell().borrow_mut().now = Timestamp(1_800_000_000_000);
        world.crash();
        world.advance_secs(waits_secs);

        let mut reader = world.connect(V5, "reader").persistent().open();
        assert_eq!(reader.texts().len(), left, "after {waits_secs} s");
    }
}

#[test]
fn what_is_restored_counts_in_the_limit_of_its_queue() {
    let world = World::with(|settings, _| settings.queue.messages_max = 3);
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.subscribe("t", AtLeastOnce);
    let mut writer = world.connect(V5, "writer").open();
    writer.publish("t", "0", AtLeastOnce);
    writer.publish("t", "1", AtLeastOnce);
    reader.expect_publish();
    reader.expect_publish();

    world.crash();
    let mut writer = world.connect(V5, "writer").open();
    writer.publish("t", "2", AtLeastOnce);
    writer.publish("t", "3", AtLeastOnce);

    let mut reader = world.connect(V5, "reader").persistent().open();
    assert_eq!(reader.texts(), ["0", "1", "2"]);
    assert_eq!(world.stats().dropped.queue_full, 1);
}

#[test]
fn retained_messages_and_cleared_topics_stay_as_they_were() {
    let world = World::new();
    let mut writer = world.connect(V5, "writer").open();
    writer.retain("r/1", "kept", AtLeastOnce);
    writer.retain("r/2", "gone", AtLeastOnce);
    writer.retain("r/2", "", AtLeastOnce);

    world.crash();

    let mut reader = world.connect(V5, "reader").open();
    reader.subscribe("r/#", AtLeastOnce);
    assert_eq!(reader.texts(), ["kept"]);
}

/// `[MQTT-3.1.3-9]`: the delay runs from the crash, and the will is not due if the client is back.
#[test]
fn a_delayed_will_goes_on_from_the_crash() {
    for (returns, expected) in [(false, vec!["gone"]), (true, vec![])] {
        let world = World::new();
        let mut reader = world.connect(V5, "reader").persistent().open();
        reader.subscribe("w", AtLeastOnce);
        let delayed = LastWill { delay_secs: Some(10), ..will("w", "gone", AtLeastOnce) };
        world.connect(V5, "c").persistent().will(delayed).open();

        world.crash();
        world.advance_secs(9);
        if returns {
            world.connect(V5, "c").persistent().open();
        }
        world.crash();
        let mut reader = world.connect(V5, "reader").persistent().open();
        reader.expect_nothing();
        world.advance_secs(1);

        assert_eq!(reader.texts(), expected);
    }
}

#[test]
fn a_session_that_was_to_end_with_its_connection_is_over_and_its_will_is_published() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.subscribe("w", AtLeastOnce);
    world.connect(V5, "c").persistent().open().drop_link();
    let gone = will("w", "gone", AtLeastOnce);
    world.connect(V5, "c").clean(false).will(gone).open();

    world.crash();

    let mut reader = world.connect(V5, "reader").persistent().open();
    assert_eq!(reader.texts(), ["gone"]);
    assert!(!world.connect(V5, "c").clean(false).open().connack.session_present);
}

/// `[MQTT-3.1.2-23]`
#[test]
fn the_expiry_interval_goes_on_through_a_crash() {
    for (secs, present) in [(19, true), (20, false)] {
        let world = World::new();
        world.connect(V5, "c").expiry(20).open().drop_link();
        world.advance_secs(10);
        world.crash();
        world.advance_secs(secs - 10);
        let client = world.connect(V5, "c").clean(false).expiry(20).open();
        assert_eq!(client.connack.session_present, present, "after {secs} s");
    }
}

#[test]
fn a_session_that_was_connected_counts_its_expiry_from_the_restart() {
    for (secs, present) in [(19, true), (20, false)] {
        let world = World::new();
        world.connect(V5, "c").expiry(20).open();
        world.advance_secs(100);
        world.crash();
        world.advance_secs(secs);
        let client = world.connect(V5, "c").clean(false).expiry(20).open();
        assert_eq!(client.connack.session_present, present, "after {secs} s");
    }
}

#[test]
fn the_end_of_a_session_is_durable_before_its_client_is_told() {
    let world = World::new();
    world.connect(V5, "c").persistent().open().drop_link();
    let world = world.with_delayed_commits();

    expect_end_is_durable_first(&world);
}

#[test]
fn the_end_of_a_session_by_its_expiry_is_durable_before_its_client_is_told() {
    let world = World::new();
    world.connect(V5, "c").expiry(20).open().drop_link();
    let world = world.with_delayed_commits();
    world.advance_secs(20);

    expect_end_is_durable_first(&world);
}

#[test]
fn a_will_is_seen_only_when_a_crash_cannot_publish_it_again() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").open();
    reader.subscribe("w", AtLeastOnce);
    let gone = will("w", "gone", AtLeastOnce);
    let client = world.connect(V5, "c").persistent().will(gone).open();
    let world = world.with_delayed_commits();

    client.drop_link();
    reader.expect_nothing();
    world.commit();

    reader.expect_text("w", "gone");
}

/// `[MQTT-4.8.2-4]`
#[test]
fn another_member_gets_a_message_only_when_a_crash_cannot_give_it_back() {
    let world = World::new();
    let mut first = world.connect(V5, "first").persistent().receive_maximum(1).open();
    first.subscribe("$share/g/t", ExactlyOnce);
    let mut writer = world.connect(V5, "writer").open();
    writer.publish("t", "sent", ExactlyOnce);
    writer.publish("t", "waiting", ExactlyOnce);
    let mut second = world.connect(V5, "second").open();
    second.subscribe("$share/g/t", ExactlyOnce);
    let world = world.with_delayed_commits();

    first.drop_link();
    second.expect_nothing();
    world.commit();

    second.expect_text("t", "waiting");
}

#[test]
fn a_restart_from_a_folded_journal_is_a_restart() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.subscribe("t", ExactlyOnce);
    world.connect(V5, "writer").open().publish("t", "a", ExactlyOnce);
    let folded = Image::of(world.shell().borrow().image.changes());
    assert_eq!(folded, world.shell().borrow().image);
    world.shell().borrow_mut().image = folded;

    world.shell().borrow_mut().crash(Lsn::NONE);

    assert_eq!(world.connect(V5, "reader").persistent().open().texts(), ["a"]);
}

/// A client that starts anew hears of its new session when nothing of the old one can come back.
#[track_caller]
fn expect_end_is_durable_first(world: &World) {
    let mut client = world.connect(V5, "c").clean(true).send();
    client.expect_nothing();
    world.commit();
    assert!(!client.expect_connack().session_present);
    world.crash();
    assert!(world.shell().borrow().image.sessions.is_empty());
}

fn publish_unanswered(writer: &mut Client, count: u64) {
    let packet_id = Some(packet_id(1 + (count % 60_000) as u16));
    let publish = message("t", b"m", AtLeastOnce);
    writer.send(Packet::Publish(fulmar::codec::Publish { packet_id, ..publish }));
}

/// A store strikes out what cancels out.
fn without_deliveries(world: &World) {
    for batch in &mut world.shell().borrow_mut().waiting {
        let cancels =
            |change: &Change| matches!(change, Change::Queued { .. } | Change::Settled { .. });
        batch.changes.retain(|change| !cancels(change));
    }
}

fn subscription() -> fulmar::types::SubscriptionOptions {
    fulmar::types::SubscriptionOptions { qos: AtLeastOnce, ..Default::default() }
}
