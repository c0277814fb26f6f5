//! The world itself: what the tests of the protocol stand on.

#[path = "common/mod.rs"]
mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{AtLeastOnce, ExactlyOnce, V5, V311, World, will};
use fulmar::codec::Packet;
use fulmar::request::{AuthAnswer, AuthRequest};
use fulmar::types::ReasonCode;

#[test]
fn a_message_goes_from_one_version_to_the_other() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").open();
    let mut writer = world.connect(V311, "writer").open();

    assert_eq!(reader.subscribe("a/+", ExactlyOnce), ReasonCode::GrantedQoS2);
    assert_eq!(writer.publish("a/b", "hello", ExactlyOnce), ReasonCode::Success);

    reader.expect_text("a/b", "hello");
    reader.expect_nothing();
}

#[test]
fn time_moves_and_a_silent_client_is_closed() {
    let world = World::new();
    let mut client = world.connect(V5, "c").keep_alive(10).open();

    world.advance_secs(10);
    client.ping();
    world.advance_secs(14);
    client.expect_nothing();
    world.advance_secs(1);

    client.expect_disconnect(ReasonCode::KeepAliveTimeout);
}

#[test]
fn a_lost_link_publishes_the_will() {
    let world = World::new();
    let mut reader = world.connect(V311, "reader").open();
    reader.subscribe("gone", AtLeastOnce);

    world.connect(V311, "c").will(will("gone", "c", AtLeastOnce)).open().drop_link();

    reader.expect_text("gone", "c");
}

#[test]
fn with_delayed_commits_an_acknowledgement_waits_for_the_disk() {
    let world = World::new().with_delayed_commits();
    let mut client = world.connect(V311, "c").persistent().send();

    client.expect_nothing();
    world.commit();

    assert_eq!(client.expect_connack().reason, ReasonCode::Success);
}

#[test]
fn a_client_that_does_not_read_gets_everything_later() {
    let world = World::new();
    let mut reader = world.connect(V5, "reader").open();
    reader.subscribe("t", AtLeastOnce);
    reader.set_capacity(0);

    world.connect(V5, "writer").open().publish("t", "hello", AtLeastOnce);
    reader.expect_nothing();
    reader.set_capacity(usize::MAX);

    reader.expect_text("t", "hello");
}

#[test]
fn bytes_may_come_one_by_one() {
    let mut client = World::new().connect_raw();
    for byte in b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00" {
        client.send_bytes(&[*byte]);
    }
    assert!(matches!(client.expect(), Packet::ConnAck(_)));
}

#[test]
fn credentials_are_decided_about_by_whom_the_test_names() {
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let world = World::new().authenticated_by(move |_: AuthRequest| {
        count.set(count.get() + 1);
        AuthAnswer::Refuse { reason: ReasonCode::NotAuthorized, why: "" }
    });

    let connack = world.connect(V5, "c").credentials("ann", "secret").refused();

    assert_eq!((connack.reason, asked.get()), (ReasonCode::NotAuthorized, 1));
}

#[test]
fn nothing_comes_before_connack() {
    let world = World::new().with_delayed_commits();
    let mut client = world.connect(V311, "c").persistent().send();
    client.send(Packet::PingReq);
    client.expect_nothing();
    world.commit();

    client.expect_connack();
    assert_eq!(client.expect(), Packet::PingResp);
}
