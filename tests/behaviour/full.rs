//! A disk without room: what is refused, how either version learns of it, and what goes on.

use std::collections::VecDeque;

use fulmar::broker::Actions;
use fulmar::codec::{Packet, Publish};
use fulmar::journal::{Durations, StoreFigures, StoreReport, StoreState};
use fulmar::request::{Outgoing, Request};
use fulmar::types::ReasonCode::{GrantedQoS1, NoMatchingSubscribers, QuotaExceeded, Success};
use fulmar::types::{InboundId, Message, MessageHead, PacketId, SubscriptionOptions};

use crate::common::{
    AtLeastOnce, AtMostOnce, Client, ExactlyOnce, QoS, V5, V311, World, ack, message, will,
};
use crate::rig::{BUDGET, Rig};

#[test]
fn a_client_of_5_0_is_told_0x97_and_its_message_is_taken_when_there_is_room_again() {
    let world = World::new();
    let mut subscriber = durable(&world, "subscriber", "t");
    let mut publisher = world.connect(V5, "publisher").open();
    world.set_disk_full(true);

    assert_eq!(publisher.publish("t", "1", AtLeastOnce), QuotaExceeded);
    assert_eq!(publisher.publish("t", "2", ExactlyOnce), QuotaExceeded);
    subscriber.expect_nothing();
    assert_eq!(world.stats().turned_away, 2);

    world.set_disk_full(false);
    assert_eq!(publisher.publish("t", "3", AtLeastOnce), Success);
    subscriber.expect_text("t", "3");
}

/// `[MQTT-3.3.5-2]` leaves no other way to refuse, `[MQTT-4.6.0-6]` demands that nothing overtakes.
#[test]
fn a_client_of_3_1_1_gets_no_acknowledgement_until_it_comes_back_and_sends_again() {
    for qos in [AtLeastOnce, ExactlyOnce] {
        let world = World::new();
        let mut subscriber = durable(&world, "subscriber", "t");
        let mut publisher = world.connect(V311, "publisher").open();
        world.set_disk_full(true);

        send(&mut publisher, "t", "1", qos);
        send(&mut publisher, "elsewhere", "needs no disk, but comes later", qos);
        publisher.publish("t", "at most once", AtMostOnce);
        publisher.ping();
        subscriber.expect_text("t", "at most once");
        subscriber.expect_nothing();

        world.set_disk_full(false);
        publisher.expect_closed();
        let mut publisher = world.connect(V311, "publisher").open();
        assert_eq!(publisher.publish("t", "1", qos), Success);
        assert_eq!(subscriber.texts(), ["1"]);
    }
}

#[test]
fn a_client_of_3_1_1_that_was_refused_nothing_keeps_its_connection() {
    let world = World::new();
    let mut client = world.connect(V311, "client").open();

    world.set_disk_full(true);
    assert_eq!(client.publish("t", "", AtLeastOnce), Success);
    world.set_disk_full(false);

    client.ping();
}

#[test]
fn a_client_of_3_1_1_stays_refused_though_there_was_room_for_a_moment() {
    let world = World::with(|settings, _| settings.work_max = 1);
    let _subscriber = durable(&world, "subscriber", "t");
    let mut clients = ["a", "b", "c"].map(|id| world.connect(V311, id).open());
    world.set_disk_full(true);
    clients.iter_mut().for_each(|client| send(client, "t", "", AtLeastOnce));

    world.set_disk_full(false);
    world.set_disk_full(true);
    world.set_disk_full(false);
    world.advance_secs(1);

    clients.iter_mut().for_each(Client::expect_closed);
}

#[test]
fn those_to_be_closed_are_closed_a_bounded_number_at_a_time() {
    let mut rig = Rig::with(|settings| settings.work_max = 4);
    let ids: Vec<_> = (0..5).map(|n| rig.connect_v311(&format!("c{n}"), 0)).collect();
    let full = |rig: &mut Rig, full| {
        rig.broker.handle_store_full(full, rig.now, &mut Actions::default());
    };
    full(&mut rig, true);
    for id in &ids {
        rig.request(*id, &mut VecDeque::from([retained()]));
    }

    full(&mut rig, false);
    let closed = |rig: &mut Rig| {
        let is_close = |it: &Outgoing| matches!(it, Outgoing::Close { .. });
        ids.iter().filter(|id| rig.poll(**id, BUDGET).0.iter().any(is_close)).count()
    };
    assert_eq!(closed(&mut rig), 4);
    assert!(rig.broker.next_deadline().is_some_and(|at| at <= rig.now), "there is more to do");
    rig.advance_secs(0);
    assert_eq!(closed(&mut rig), 1);
    assert_eq!(rig.broker.next_deadline(), None);
}

#[test]
fn what_needs_no_disk_goes_on() {
    let world = World::new();
    let mut here = world.connect(V5, "here").open();
    here.subscribe("here", ExactlyOnce);
    let mut spared = world.connect(V5, "spared").persistent().open();
    spared.subscribe("at most once", AtMostOnce);
    spared.subscribe_with(
        "own",
        SubscriptionOptions { no_local: true, qos: AtLeastOnce, ..Default::default() },
    );
    world.set_disk_full(true);

    let mut publisher = world.connect(V5, "publisher").open();
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        assert_eq!(publisher.publish("here", "x", qos), Success);
        here.expect_text("here", "x");
    }
    assert_eq!(publisher.publish("at most once", "y", AtLeastOnce), Success);
    spared.expect_text("at most once", "y");
    assert_eq!(spared.publish("own", "", AtLeastOnce), Success);
    assert_eq!(publisher.publish("nobody", "", AtLeastOnce), NoMatchingSubscribers);
}

#[test]
fn what_is_under_way_comes_to_its_end() {
    let world = World::new();
    let mut subscriber = durable(&world, "subscriber", "t");
    let mut publisher = world.connect(V311, "publisher").persistent().open();
    let id = publisher.next_id();
    let publish = Publish { packet_id: Some(id), ..message("t", b"x", ExactlyOnce) };
    publisher.send(Packet::Publish(publish.clone()));
    publisher.expect_pubrec(id);
    let delivery = subscriber.expect_message();

    world.set_disk_full(true);

    publisher.send(Packet::Publish(Publish { dup: true, ..publish }));
    publisher.expect_pubrec(id);
    publisher.send(Packet::PubRel(ack(id)));
    publisher.expect_pubcomp(id);
    subscriber.acknowledge(&delivery);
    assert_eq!(subscriber.subscribe("more", AtLeastOnce), GrantedQoS1);
    assert_eq!(subscriber.unsubscribe("more"), Success);
    subscriber.drop_link();
    durable(&world, "subscriber", "t").expect_nothing();
}

#[test]
fn the_packet_id_of_a_durable_session_needs_the_disk_whoever_gets_the_message() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").persistent().open();
    world.set_disk_full(true);

    assert_eq!(publisher.publish("t", "", ExactlyOnce), QuotaExceeded);
    assert_eq!(publisher.publish("t", "", AtLeastOnce), NoMatchingSubscribers);
}

#[test]
fn a_shared_subscription_with_a_durable_member_needs_the_disk() {
    let world = World::new();
    let mut here = world.connect(V5, "here").open();
    here.subscribe("$share/g/t", AtLeastOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    world.set_disk_full(true);

    assert_eq!(publisher.publish("t", "1", AtLeastOnce), Success);
    here.expect_text("t", "1");
    durable(&world, "durable", "$share/g/t");
    assert_eq!(publisher.publish("t", "2", AtLeastOnce), QuotaExceeded);
}

#[test]
fn nothing_new_is_retained_and_clearing_goes_on() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.retain("old", "old", AtLeastOnce);
    client.retain("older", "older", AtLeastOnce);
    client.subscribe("#", AtMostOnce);
    client.received();
    world.set_disk_full(true);

    assert_eq!(client.retain("old", "new", AtLeastOnce), QuotaExceeded);
    client.expect_nothing();
    client.retain("old", "newer", AtMostOnce);
    client.expect_text("old", "newer");
    assert_eq!(client.retain("older", "", AtLeastOnce), Success);
    client.received();

    let mut other = world.connect(V5, "other").open();
    other.subscribe("#", AtMostOnce);
    assert_eq!(other.texts(), ["old"]);
    assert_eq!(world.stats().dropped.retained_full, 1);
}

#[test]
fn retained_messages_reach_a_durable_session_when_there_is_room_to_queue_them() {
    let world = World::new();
    world.connect(V5, "client").open().retain("t", "kept", AtLeastOnce);
    world.set_disk_full(true);

    let mut subscriber = durable(&world, "subscriber", "t");
    let mut passing = world.connect(V5, "passing").open();
    passing.subscribe("t", AtLeastOnce);
    passing.expect_text("t", "kept");
    subscriber.expect_nothing();

    world.set_disk_full(false);
    subscriber.expect_text("t", "kept");
}

#[test]
fn a_will_is_published_all_the_same() {
    let world = World::new();
    let mut heir = durable(&world, "heir", "will");
    let client = world.connect(V5, "client").will(will("will", "gone", AtLeastOnce)).open();
    world.set_disk_full(true);

    client.drop_link();

    heir.expect_text("will", "gone");
}

#[test]
fn the_servers_own_topics_are_refused_as_ever() {
    let world = World::new();
    let mut client = world.connect(V311, "client").open();
    world.set_disk_full(true);

    assert_eq!(client.retain("$SYS/x", "x", AtLeastOnce), Success);
}

#[test]
fn sys_says_so_at_once_and_without_the_disk() {
    let world = World::with(|settings, _| settings.sys_interval_secs = 3600);
    let mut watcher = durable(&world, "watcher", "$SYS/broker/store/state");
    report(&world, StoreState::Working);
    world.advance_secs(1);
    watcher.expect_text("$SYS/broker/store/state", "working");
    watcher.drop_link();
    let mut here = durable(&world, "watcher", "$SYS/broker/store/state");
    here.received();

    world.set_disk_full(true);
    report(&world, StoreState::Full);
    world.advance_secs(1);

    let told = here.expect_publish();
    assert_eq!((told.payload, told.qos), (&b"full"[..], AtMostOnce));
}

#[test]
fn sys_tells_what_the_store_does() {
    let world = World::with(|settings, _| settings.sys_interval_secs = 10);
    let figures = StoreFigures {
        commits: 7,
        bytes_per_message: 12.34,
        sync_time: Durations { p50: 100, p99: 500, max: 1234 },
        free_bytes: Some(99),
        ..Default::default()
    };
    let (durability, state) = ("disk", StoreState::Working);
    let report = StoreReport { durability, state, figures: Some(figures) };
    world.shell().borrow_mut().broker.handle_store_report(report);
    world.advance_secs(1);

    let mut client = world.connect(V5, "client").open();
    client.subscribe("$SYS/broker/store/#", AtMostOnce);
    let told: Vec<(String, String)> = client
        .messages()
        .iter()
        .map(|it| (it.topic.to_owned(), String::from_utf8_lossy(it.payload).into_owned()))
        .collect();

    for (topic, value) in [
        ("durability", "disk"),
        ("state", "working"),
        ("refused", "0"),
        ("commits/count", "7"),
        ("bytes_per_message", "12.3"),
        ("sync/p50_us", "100"),
        ("sync/p99_us", "500"),
        ("sync/max_us", "1234"),
        ("disk/free_bytes", "99"),
    ] {
        let expected = (format!("$SYS/broker/store/{topic}"), value.to_owned());
        assert!(told.contains(&expected), "{expected:?} is not among {told:?}");
    }
}

fn report(world: &World, state: StoreState) {
    let report = StoreReport { durability: "disk", state, figures: None };
    world.shell().borrow_mut().broker.handle_store_report(report);
}

/// A client of 3.1.1 with a session that outlives it, subscribed at QoS 2.
fn durable(world: &World, id: &str, filter: &str) -> Client {
    let protocol = if filter.starts_with("$share") { V5 } else { V311 };
    let mut client = world.connect(protocol, id).persistent().open();
    client.subscribe(filter, ExactlyOnce);
    client
}

/// PUBLISH of QoS 1 to be retained.
fn retained() -> Request {
    let head = MessageHead { qos: AtLeastOnce, retain: true, expires_at: None };
    let message = Message::new(head, "t", &[], b"x");
    Request::Publish { id: Some(InboundId(PacketId::MIN)), dup: false, message }
}

/// PUBLISH, and no answer is waited for.
fn send(client: &mut Client, topic: &str, payload: &str, qos: QoS) {
    let packet_id = Some(client.next_id());
    client.send(Packet::Publish(Publish { packet_id, ..message(topic, payload.as_bytes(), qos) }));
}
