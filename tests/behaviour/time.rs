//! Keep alive, expiry and will delay where time passes unobserved.

use std::collections::VecDeque;

use fulmar::broker::{Actions, Budget};
use fulmar::codec::LastWill;
use fulmar::request::{Outgoing, Request};
use fulmar::types::ReasonCode;

use crate::common::{AtLeastOnce, V5, World, will};
use crate::rig::{BUDGET, Rig};

/// `[MQTT-3.1.2-22]`: the driver also visits the broker to fetch messages.
#[test]
fn fetching_messages_is_no_sign_of_life_of_a_silent_client() {
    let mut rig = Rig::with(|_| {});
    let id = rig.connect("silent", 10);
    for _ in 0..2 {
        rig.advance_secs(5);
        rig.request(id, &mut VecDeque::new());
        rig.poll(id, BUDGET);
    }

    rig.advance_secs(5);

    let (out, _) = rig.poll(id, BUDGET);
    let is_told =
        |it: &Outgoing| matches!(it, Outgoing::Close { reason: ReasonCode::KeepAliveTimeout, .. });
    assert!(out.iter().any(is_told), "{out:?}");
}

#[test]
fn a_request_is_a_sign_of_life() {
    let mut rig = Rig::with(|_| {});
    let id = rig.connect("talking", 10);
    for _ in 0..3 {
        rig.advance_secs(10);
        rig.request(id, &mut VecDeque::from([Request::Ping]));
        let (out, _) = rig.poll(id, BUDGET);
        assert!(matches!(out.last(), Some(Outgoing::PingResp)), "{out:?}");
    }
}

#[test]
fn a_connection_that_is_gone_leaves_no_timer() {
    let mut rig = Rig::with(|_| {});
    for round in 0..3 {
        let id = rig.connect("back again", u16::MAX);
        rig.advance_secs(round);
        rig.broker.handle_disconnected(id, rig.now, &mut Actions::default());
    }

    assert_eq!(rig.broker.next_deadline(), None);
}

#[test]
fn a_timer_that_was_moved_is_gone_with_its_connection_too() {
    let mut rig = Rig::with(|_| {});
    let id = rig.connect("busy", 10);
    rig.advance_secs(10);
    rig.request(id, &mut VecDeque::from([Request::Ping]));
    rig.advance_secs(6);

    rig.broker.handle_disconnected(id, rig.now, &mut Actions::default());

    assert_eq!(rig.broker.next_deadline(), None);
}

#[test]
fn a_client_that_comes_before_its_timers_are_looked_at_finds_its_session_expired() {
    let world = World::new();
    world.connect(V5, "late").expiry(10).open().drop_link();
    let later = world.now().plus_secs(10);
    world.shell().borrow_mut().now = later;

    let back = world.connect(V5, "late").clean(false).expiry(10).open();

    assert!(!back.connack.session_present);
    assert_eq!(world.stats().sessions_expired, 1);
}

/// `[MQTT-3.1.3-9]` spares the will only within its delay.
#[test]
fn a_client_that_comes_after_its_will_delay_has_had_its_will() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("will", AtLeastOnce);
    let delayed = LastWill { delay_secs: Some(5), ..will("will", "gone", AtLeastOnce) };
    world.connect(V5, "late").expiry(100).will(delayed).open().drop_link();
    let later = world.now().plus_secs(5);
    world.shell().borrow_mut().now = later;

    let back = world.connect(V5, "late").clean(false).expiry(100).open();

    assert!(back.connack.session_present);
    watcher.expect_text("will", "gone");
}

#[test]
fn wills_of_many_receivers_are_not_all_published_under_one_hold() {
    let world = World::with(|settings, _| settings.work_max = 4);
    let mut watchers = ["a", "b", "c", "d"].map(|id| world.connect(V5, id).open());
    for watcher in &mut watchers {
        watcher.subscribe("will", AtLeastOnce);
    }
    for id in ["x", "y", "z"] {
        let delayed = LastWill { delay_secs: Some(5), ..will("will", id, AtLeastOnce) };
        world.connect(V5, id).expiry(100).will(delayed).open().drop_link();
    }
    let later = world.now().plus_secs(5);

    let mut actions = Actions::default();
    let due = {
        let mut shell = world.shell().borrow_mut();
        shell.now = later;
        shell.broker.handle_deadline(later, &mut actions);
        shell.broker.next_deadline()
    };

    assert_eq!(due, Some(later), "two wills are left for the next call");
    world.advance_secs(0);
    for watcher in &mut watchers {
        watcher.ping();
        assert_eq!(watcher.texts().len(), 3);
    }
}

#[test]
fn retained_wills_of_many_topics_are_not_all_published_under_one_hold() {
    let world = World::with(|settings, _| settings.work_max = 50);
    for id in ["w", "x", "y", "z"] {
        let topic = format!("will/{id}");
        let delayed =
            LastWill { delay_secs: Some(5), retain: true, ..will(&topic, id, AtLeastOnce) };
        world.connect(V5, id).expiry(100).will(delayed).open().drop_link();
    }
    let later = world.now().plus_secs(5);

    let published = {
        let mut shell = world.shell().borrow_mut();
        shell.now = later;
        shell.broker.handle_deadline(later, &mut Actions::default());
        shell.broker.retained().len()
    };

    assert_eq!(published, 2, "a timer, a search and a retained message are 25 steps");
    world.advance_secs(0);
    assert_eq!(world.shell().borrow().broker.retained().len(), 4);
}

/// The driver that has no room asks only for what cannot wait; CONNACK is not lost by that.
#[test]
fn an_answer_that_is_ready_is_announced_however_small_the_budget() {
    let mut rig = Rig::with(|_| {});
    let id = rig.connect("waiting", 0);

    let (out, more) = rig.poll(id, Budget { messages: 0, bytes: 0 });

    assert_eq!((out.len(), more), (0, true));
}

#[test]
fn the_servers_own_topics_are_not_all_published_under_one_hold() {
    let mut whole = Rig::with(|settings| settings.sys_interval_secs = 10);
    whole.advance_secs(0);
    let topics = whole.broker.retained().len();

    let mut rig = Rig::with(|settings| {
        settings.sys_interval_secs = 10;
        settings.work_max = 100;
    });
    rig.advance_secs(0);
    assert_eq!(rig.broker.retained().len(), 4, "a search and a retained message are 25 steps");
    assert_eq!(rig.broker.next_deadline(), Some(rig.now), "the rest is still due");

    for _ in 0..topics.div_ceil(4) {
        rig.advance_secs(0);
    }
    assert_eq!(rig.broker.retained().len(), topics);
    assert_eq!(rig.broker.next_deadline(), Some(rig.now.plus_secs(10)));
}
