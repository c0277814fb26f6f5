//! A client that nobody reads because the store is behind is not silent.

use std::collections::VecDeque;

use fulmar::broker::Pause;
use fulmar::codec::{Packet, Publish};
use fulmar::request::{Outgoing, Request};
use fulmar::types::ConnId;

use crate::common::{AtLeastOnce, V5, V311, World, message};
use crate::rig::{BUDGET, Rig};

#[test]
fn a_paused_connection_is_not_silent_and_its_keep_alive_begins_anew_when_it_is_read_again() {
    let mut rig = Rig::with(|_| {});
    let id = rig.connect("client", 10);
    rig.broker.handle_paused(id, Pause::Store);
    for _ in 0..10 {
        rig.advance_secs(10);
    }

    rig.broker.handle_resumed(id, Pause::Store, rig.now);
    rig.advance_secs(14);
    assert!(is_open(&mut rig, id));
    rig.request(id, &mut VecDeque::from([Request::Ping]));
    rig.advance_secs(14);
    assert!(is_open(&mut rig, id));

    rig.advance_secs(2);
    assert!(!is_open(&mut rig, id));
}

#[test]
fn a_connection_that_is_paused_for_two_reasons_is_read_again_after_both() {
    for (first, second) in [
        (Pause::Store, Pause::Question),
        (Pause::Question, Pause::Store),
        (Pause::Store, Pause::Pace),
        (Pause::Pace, Pause::Store),
    ] {
        let mut rig = Rig::with(|_| {});
        let id = rig.connect("client", 10);
        rig.broker.handle_paused(id, first);
        rig.broker.handle_paused(id, second);

        rig.broker.handle_resumed(id, first, rig.now);
        rig.advance_secs(100);
        assert!(is_open(&mut rig, id), "{second:?} remains");

        rig.broker.handle_resumed(id, second, rig.now);
        rig.advance_secs(14);
        assert!(is_open(&mut rig, id));
        rig.advance_secs(2);
        assert!(!is_open(&mut rig, id), "neither {first:?} nor {second:?}");
    }
}

#[test]
fn a_client_whose_requests_wait_for_the_disk_is_not_silent() {
    let world = World::with(|settings, _| settings.receive_maximum = 2).with_delayed_commits();
    let mut subscriber = world.connect(V311, "subscriber").persistent().send();
    world.commit();
    subscriber.expect_connack();
    subscriber.send_subscribe("t", Default::default());
    world.commit();
    let mut publisher = world.connect(V5, "publisher").keep_alive(10).open();

    publish(&mut publisher, 3);
    publisher.send(Packet::PingReq);
    world.advance_secs(1000);
    publisher.expect_nothing();
    world.commit();

    let answers = publisher.received();
    assert!(matches!(answers[..], [.., Packet::PingResp]), "{answers:?}");
    world.advance_secs(16);
    publisher.received();
    publisher.expect_closed();
}

/// The broker takes what it brings: nothing is left unread.
#[test]
fn a_client_that_only_waits_for_answers_has_to_send_pings() {
    let world = World::new().with_delayed_commits();
    let mut publisher = world.connect(V311, "publisher").keep_alive(10).open();
    publisher.retain("t", "x", fulmar::types::QoS::AtMostOnce);
    publish(&mut publisher, 1);

    world.advance_secs(16);

    publisher.received();
    publisher.expect_closed();
}

fn publish(client: &mut crate::common::Client, count: usize) {
    for _ in 0..count {
        let packet_id = Some(client.next_id());
        let publish = Publish { packet_id, retain: true, ..message("t", b"x", AtLeastOnce) };
        client.send(Packet::Publish(publish));
    }
}

fn is_open(rig: &mut Rig, id: ConnId) -> bool {
    let (out, _) = rig.poll(id, BUDGET);
    !out.iter().any(|it| matches!(it, Outgoing::Close { .. }))
}
