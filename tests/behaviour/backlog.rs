//! Queues of which the store has the greater part.

use fulmar::codec::Packet;
use fulmar::session::QueueRule;
use fulmar::types::{ClientId, ReasonCode};

use crate::common::{Answers, AtLeastOnce, Client, ExactlyOnce, QoS, V5, World, ack, message};

#[test]
fn what_the_store_has_comes_in_order_between_what_was_sent_and_what_has_come_since() {
    let world = paging(4, 60_000);
    let mut writer = away(&world, "reader", AtLeastOnce);
    publish(&mut writer, 0..50);
    store(&world, "reader");
    publish(&mut writer, 50..60);
    assert_eq!(world.stats().backlog_messages, 50);

    let mut reader = world.connect(V5, "reader").persistent().open();
    publish(&mut writer, 60..70);

    assert_eq!(reader.texts(), numbers(0..70));
    assert_eq!(world.stats().backlog_messages, 0);
    assert_eq!((world.stats().dropped.total(), world.stats().backlog_loads), (0, 13));
}

#[test]
fn a_connected_client_that_does_not_read_has_its_window_in_memory() {
    let world = paging(4, 60_000);
    let mut writer = away(&world, "reader", AtLeastOnce);
    let mut reader = world.connect(V5, "reader").persistent().receive_maximum(1).open();
    publish(&mut writer, 0..20);

    store(&world, "reader");

    assert_eq!(world.stats().backlog_messages, 20 - 1 - 4);
    let mut received = Vec::new();
    for _ in 0..20 {
        let publish = reader.expect_publish();
        reader.acknowledge(&publish);
        received.push(String::from_utf8_lossy(publish.payload).into_owned());
    }
    assert_eq!(received, numbers(0..20));
}

// [MQTT-4.3.3-4], [MQTT-4.6.0-6]
#[test]
fn messages_of_qos_2_from_the_store_are_delivered_once_and_in_order() {
    let world = paging(3, 60_000);
    let mut writer = away(&world, "reader", ExactlyOnce);
    publish(&mut writer, 0..20);
    store(&world, "reader");

    let mut reader = world.connect(V5, "reader").persistent().receive_maximum(2).open();

    assert_eq!(reader.texts(), numbers(0..20));
    assert!(session_is_empty(&world, "reader"));
}

#[test]
fn a_session_that_ends_while_a_load_is_under_way_leaves_nothing() {
    let world = loads_wait(paging(4, 60_000));
    let mut writer = away(&world, "reader", AtLeastOnce);
    publish(&mut writer, 0..20);
    store(&world, "reader");
    let mut reader = world.connect(V5, "reader").persistent().open();
    reader.expect_nothing();

    let mut anew = world.connect(V5, "reader").clean(true).expiry(60).open();
    world.shell().borrow_mut().answer(0);

    anew.expect_nothing();
    assert_eq!((world.stats().backlog_messages, world.stats().dropped.session_ended), (0, 20));
    assert!(world.shell().borrow().pages.asked.is_empty());
}

// [MQTT-3.1.4-3]
#[test]
fn a_client_that_is_taken_over_while_a_load_is_under_way_misses_nothing() {
    let world = loads_wait(paging(4, 60_000));
    let mut writer = away(&world, "reader", AtLeastOnce);
    publish(&mut writer, 0..9);
    store(&world, "reader");
    let mut first = world.connect(V5, "reader").persistent().open();

    let mut second = world.connect(V5, "reader").persistent().open();
    assert_eq!(world.shell().borrow().pages.asked.len(), 1, "one at a time");
    world.shell().borrow_mut().answers = Answers::Immediate;
    world.shell().borrow_mut().answer(0);

    assert_eq!(second.texts(), numbers(0..9));
    first.expect_disconnect(ReasonCode::SessionTakenOver);
}

#[test]
fn a_page_for_a_client_that_is_gone_stays_with_the_store() {
    let world = loads_wait(paging(4, 60_000));
    let mut writer = away(&world, "reader", AtLeastOnce);
    publish(&mut writer, 0..9);
    store(&world, "reader");
    world.connect(V5, "reader").persistent().open().drop_link();

    world.shell().borrow_mut().answer(0);

    assert_eq!(world.stats().backlog_messages, 9);
    world.shell().borrow_mut().answers = Answers::Immediate;
    assert_eq!(world.connect(V5, "reader").persistent().open().texts(), numbers(0..9));
}

// [MQTT-3.3.2-5]
#[test]
fn messages_expire_in_the_store_as_they_do_in_memory() {
    let world = paging(4, 60_000);
    let mut writer = away(&world, "reader", AtLeastOnce);
    for number in 0..30 {
        let expiry = (number % 3 > 0).then_some(10);
        let payload = number.to_string();
        let mut publish = message("t", payload.as_bytes(), AtLeastOnce);
        publish.properties.message_expiry_secs = expiry;
        writer.publish_packet(publish);
    }
    store(&world, "reader");

    world.advance_secs(10);

    let mut reader = world.connect(V5, "reader").persistent().open();
    let expected: Vec<String> = (0..30).step_by(3).map(|number| number.to_string()).collect();
    assert_eq!(reader.texts(), expected);
    assert_eq!(world.stats().dropped.expired, 20);
    assert!(session_is_empty(&world, "reader"));
    assert!(world.shell().borrow().image.sessions.values().all(|kept| kept.queue.is_empty()));
}

#[test]
fn the_queue_limit_counts_what_the_store_has() {
    for (rule, expected) in [(QueueRule::RefuseNew, 0..10), (QueueRule::DropOldest, 20..30)] {
        let world = World::with(|settings, _| {
            settings.queue.messages_max = 10;
            settings.queue.rule = rule;
        });
        let mut writer = away(&world, "reader", AtLeastOnce);
        publish(&mut writer, 0..15);
        store(&world, "reader");
        publish(&mut writer, 15..30);

        let mut reader = world.connect(V5, "reader").persistent().open();

        assert_eq!(reader.texts(), numbers(expected));
        assert_eq!(world.stats().dropped.queue_full, 20);
        let shell = world.shell().borrow();
        assert!(shell.image.sessions.values().all(|kept| kept.queue.is_empty()), "all is settled");
    }
}

// [MQTT-4.8.2-4]
#[test]
fn a_shared_message_that_only_the_store_has_stays_with_the_member_that_it_came_to() {
    let world = paging(4, 60_000);
    let mut first = world.connect(V5, "first").persistent().receive_maximum(1).open();
    first.subscribe("$share/g/t", AtLeastOnce);
    let mut writer = world.connect(V5, "writer").open();
    publish(&mut writer, 0..10);
    first.expect_publish();
    store(&world, "first");
    let mut second = world.connect(V5, "second").persistent().open();
    second.subscribe("$share/g/t", AtLeastOnce);

    first.drop_link();

    assert_eq!(second.texts(), numbers(0..5), "what was sent and the window are handed on");
    let mut first = world.connect(V5, "first").persistent().open();
    assert_eq!(first.texts(), numbers(5..10));
}

#[test]
fn what_the_store_has_lost_is_counted_and_does_not_block_what_it_has() {
    let world = paging(4, 60_000);
    let mut writer = away(&world, "reader", AtLeastOnce);
    publish(&mut writer, 0..10);
    store(&world, "reader");
    world.shell().borrow_mut().pages.lose(3..5);

    let mut reader = world.connect(V5, "reader").persistent().open();

    let left: Vec<String> = [numbers(0..3), numbers(5..10)].concat();
    assert_eq!(reader.texts(), left);
    assert_eq!(world.stats().dropped.lost, 2);
}

/// A client may answer what an earlier process has sent before that is sent again.
#[test]
fn a_pubrec_for_what_the_store_has_yet_to_give_brings_no_second_copy() {
    let world = loads_wait(paging(4, 60_000));
    let mut writer = away(&world, "reader", ExactlyOnce);
    let mut reader = world.connect(V5, "reader").persistent().open();
    publish(&mut writer, 0..1);
    let sent = reader.expect_publish();
    store(&world, "reader");
    world.crash();

    let mut reader = world.connect(V5, "reader").persistent().open();
    let id = sent.packet_id.expect("above QoS 0");
    reader.send(Packet::PubRec(ack(id)));
    reader.expect_nothing();
    world.shell().borrow_mut().answer(0);

    let again = reader.expect_publish();
    assert_eq!((again.packet_id, again.dup), (Some(id), true));
    reader.send(Packet::PubRec(ack(id)));
    reader.expect_pubrel(id);
    reader.send(Packet::PubComp(ack(id)));
    reader.expect_nothing();
}

fn paging(messages_max: usize, bytes_max: usize) -> World {
    World::with(|settings, _| {
        settings.window.messages_max = messages_max;
        settings.window.bytes_max = bytes_max;
    })
}

fn loads_wait(world: World) -> World {
    world.shell().borrow_mut().answers = Answers::Delayed;
    world
}

/// A client that has subscribed and gone; returns one that publishes.
fn away(world: &World, id: &str, qos: QoS) -> Client {
    let mut reader = world.connect(V5, id).persistent().open();
    reader.subscribe("t", qos);
    reader.drop_link();
    world.connect(V5, "writer").open()
}

fn publish(writer: &mut Client, numbers: std::ops::Range<u32>) {
    for number in numbers {
        writer.publish("t", number.to_string(), ExactlyOnce);
    }
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// The store has sorted in all that is durable of the client's queue.
fn store(world: &World, id: &str) {
    let mut shell = world.shell().borrow_mut();
    let number = shell.broker.session(&ClientId::new(id)).expect("it has one").number;
    let next = shell.image.sessions[&number].next_number;
    shell.store(number, next);
}

fn session_is_empty(world: &World, id: &str) -> bool {
    let shell = world.shell().borrow();
    shell.broker.session(&ClientId::new(id)).is_some_and(|session| session.outbound.is_empty())
}
