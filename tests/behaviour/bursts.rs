//! Messages that arrive together go together where they go the same way, and nobody can tell.

use fulmar::codec::{Packet, Publish, encode};
use fulmar::types::{PacketId, ReasonCode};

use crate::common::{
    AtLeastOnce, AtMostOnce, Client, ExactlyOnce, QoS, V5, V311, World, message, packet_id,
};

// [MQTT-4.6.0-6]
#[test]
fn messages_of_several_topics_keep_their_order() {
    let world = World::new();
    let mut all = subscriber(&world, "all", "#", AtMostOnce);
    let mut some = subscriber(&world, "some", "a", AtMostOnce);
    let mut writer = world.connect(V5, "writer").open();

    burst(&mut writer, &[0, 1, 2, 3, 4, 5].map(|n| of("aabbaa", n, AtMostOnce)));

    assert_eq!(all.texts(), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(some.texts(), ["0", "1", "4", "5"]);
}

// [MQTT-4.6.0-6]
#[test]
fn who_gets_them_twice_gets_them_in_order_both_times() {
    let world = World::new();
    let mut reader = subscriber(&world, "reader", "a", AtMostOnce);
    reader.subscribe("$share/group/a", AtMostOnce);
    let mut writer = world.connect(V5, "writer").open();

    burst(&mut writer, &[0, 1, 2].map(|n| of("aaa", n, AtMostOnce)));

    let texts = reader.texts();
    assert_eq!(texts.len(), 6);
    // Each copy of a message stands before every copy of a later one.
    assert!(texts.is_sorted(), "{texts:?}");
}

// [MQTT-4.3.3-10]
#[test]
fn the_same_message_of_qos_2_twice_in_one_burst_is_delivered_once() {
    let world = World::new();
    let mut reader = subscriber(&world, "reader", "a", ExactlyOnce);
    let mut writer = world.connect(V5, "writer").open();

    let publishes =
        [1, 1, 2].map(|id| Publish { packet_id: Some(packet_id(id)), ..of("aaa", 0, ExactlyOnce) });
    burst(&mut writer, &publishes);

    assert_eq!(reader.texts(), ["0", "0"]);
    for id in [1, 1, 2] {
        assert_eq!(writer.expect_pubrec(packet_id(id)), ReasonCode::Success);
    }
}

// [MQTT-3.3.4-7], [MQTT-3.3.4-8]
#[test]
fn a_burst_beyond_the_receive_maximum_is_taken_up_to_it() {
    let world = World::with(|settings, limits| {
        (settings.receive_maximum, limits.receive_maximum) = (3, 3);
    });
    let mut reader = subscriber(&world, "reader", "a", ExactlyOnce);
    let mut writer = world.connect(V5, "writer").open();

    burst(&mut writer, &numbered(4, ExactlyOnce));

    assert_eq!(reader.texts(), ["0", "1", "2"]);
    (1..=3).for_each(|id| _ = writer.expect_pubrec(packet_id(id)));
    writer.expect_disconnect(ReasonCode::ReceiveMaximumExceeded);
}

#[test]
fn answers_come_in_the_order_of_the_messages() {
    for (qos, version) in [(AtLeastOnce, V311), (AtLeastOnce, V5), (ExactlyOnce, V311)] {
        let world = World::with(|settings, _| settings.replies_max = 2);
        let mut reader = subscriber(&world, "reader", "a", qos);
        let mut writer = world.connect(version, "writer").open();

        burst(&mut writer, &numbered(6, qos));

        let answers = writer.received();
        assert_eq!(
            answers.iter().map(id_of).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6].map(packet_id)
        );
        assert_eq!(reader.texts().len(), 6);
    }
}

// [MQTT-3.3.1-5]
#[test]
fn each_message_of_a_burst_is_retained_and_the_last_one_stays() {
    let world = World::new();
    let mut writer = world.connect(V5, "writer").open();

    let retained = [0, 1, 2].map(|n| Publish { retain: n < 2, ..of("aaa", n, AtMostOnce) });
    burst(&mut writer, &retained);

    let mut late = subscriber(&world, "late", "a", AtMostOnce);
    assert_eq!(late.texts(), ["1"]);
}

#[test]
fn a_burst_larger_than_one_hold_is_delivered_whole() {
    let world = World::with(|settings, _| settings.work_max = 5);
    let mut readers =
        ["a", "b", "c"].map(|client_id| subscriber(&world, client_id, "a", AtLeastOnce));
    let mut writer = world.connect(V5, "writer").open();

    burst(&mut writer, &numbered(9, AtLeastOnce));

    for reader in &mut readers {
        assert_eq!(reader.texts(), (0..9).map(|n| n.to_string()).collect::<Vec<_>>());
    }
    assert_eq!(world.stats().publishes_received, 9);
    assert_eq!(world.stats().publishes_sent, 27);
}

#[test]
fn a_full_queue_takes_of_a_burst_what_there_is_room_for() {
    for qos in [AtMostOnce, AtLeastOnce] {
        let world = World::with(|settings, _| {
            (settings.queue.messages_max, settings.queue_qos0_offline) = (2, true);
        });
        let mut reader = world.connect(V5, "reader").persistent().open();
        reader.subscribe("a", qos);
        reader.drop_link();
        let mut writer = world.connect(V5, "writer").open();

        burst(&mut writer, &numbered(5, qos));

        let mut reader = world.connect(V5, "reader").persistent().open();
        assert_eq!(reader.texts(), ["0", "1"]);
        assert_eq!(world.stats().dropped.queue_full, 3);
    }
}

fn subscriber(world: &World, client_id: &str, filter: &str, qos: QoS) -> Client {
    let mut reader = world.connect(V5, client_id).open();
    reader.subscribe(filter, qos);
    reader
}

/// The messages 0, 1 and so on of one topic.
fn numbered(count: usize, qos: QoS) -> Vec<Publish<'static>> {
    let id = |n: usize| (qos > AtMostOnce).then(|| packet_id(n as u16 + 1));
    (0..count).map(|n| Publish { packet_id: id(n), ..of("aaaaaaaaa", n, qos) }).collect()
}

/// The `n`th message, of the topic that the `n`th letter is.
fn of(topics: &'static str, n: usize, qos: QoS) -> Publish<'static> {
    message(&topics[n..=n], &b"012345678"[n..=n], qos)
}

fn burst(writer: &mut Client, publishes: &[Publish<'_>]) {
    let protocol = if writer.is_v5() { V5 } else { V311 };
    let mut bytes = Vec::new();
    for publish in publishes {
        encode(&Packet::Publish(publish.clone()), protocol, &mut bytes);
    }
    writer.send_bytes(&bytes);
}

fn id_of(answer: &Packet<'_>) -> PacketId {
    match answer {
        Packet::PubAck(ack) | Packet::PubRec(ack) => ack.packet_id,
        other => panic!("no answer to a PUBLISH: {other:?}"),
    }
}
