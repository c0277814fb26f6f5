use std::borrow::Cow;

use crate::common::*;
use fulmar::codec::{Disconnect, LastWill};
use fulmar::types::ReasonCode::{
    self, DisconnectWithWill, KeepAliveTimeout, ProtocolError, SessionTakenOver,
};

// [MQTT-3.1.2-7] [MQTT-3.1.2-8]
#[test]
fn the_will_is_published_when_the_network_connection_is_lost() {
    let (world, mut watcher) = watched();
    let client = world.connect(V5, "client").will(will("will", "gone", AtMostOnce)).open();
    watcher.expect_nothing();

    client.drop_link();

    watcher.expect_text("will", "gone");
    watcher.expect_nothing();
}

// [MQTT-3.1.2-8]
#[test]
fn the_will_is_published_when_the_server_closes_the_connection() {
    let (world, mut watcher) = watched();
    let connect = |id| world.connect(V5, id).will(will("will", id, AtMostOnce));

    let mut in_error = connect("in error").open();
    in_error.send_bytes(b"\x10\x00");
    in_error.expect_disconnect(ReasonCode::MalformedPacket);
    watcher.expect_text("will", "in error");

    let mut silent = connect("silent").keep_alive(10).open();
    world.advance_secs(15);
    silent.expect_disconnect(KeepAliveTimeout);
    watcher.expect_text("will", "silent");

    let mut taken_over = connect("taken over").open();
    world.connect(V5, "taken over").open();
    taken_over.expect_disconnect(SessionTakenOver);
    watcher.expect_text("will", "taken over");
    watcher.expect_nothing();
}

// [MQTT-3.1.2-8] [MQTT-3.1.2-10]
#[test]
fn a_normal_disconnect_deletes_the_will() {
    let (world, mut watcher) = watched();
    let late = LastWill { delay_secs: Some(5), ..will("will", "gone", AtMostOnce) };
    world.connect(V5, "now").will(will("will", "gone", AtMostOnce)).open().disconnect();
    world.connect(V5, "later").expiry(10).will(late).open().disconnect();

    world.advance_secs(100);

    watcher.expect_nothing();
}

// [MQTT-3.1.2-8]
#[test]
fn a_disconnect_with_another_reason_leaves_the_will() {
    let (world, mut watcher) = watched();
    for reason in [DisconnectWithWill, ReasonCode::UnspecifiedError, ProtocolError] {
        let client = world.connect(V5, "client").will(will("will", "gone", AtMostOnce)).open();
        client.disconnect_with(Disconnect { reason, ..Default::default() });
        watcher.expect_text("will", "gone");
    }
}

// [MQTT-3.1.2-8]
#[test]
fn the_will_waits_for_its_delay() {
    let (world, mut watcher) = watched();
    let late = LastWill { delay_secs: Some(5), ..will("will", "gone", AtMostOnce) };
    world.connect(V5, "client").expiry(10).will(late).open().drop_link();

    world.advance_secs(4);
    watcher.expect_nothing();
    world.advance_secs(1);
    watcher.expect_text("will", "gone");
    world.advance_secs(100);
    watcher.expect_nothing();
}

// [MQTT-3.1.2-8]
#[test]
fn the_will_does_not_wait_longer_than_the_session_lives() {
    let (world, mut watcher) = watched();
    let late = || LastWill { delay_secs: Some(5), ..will("will", "gone", AtMostOnce) };

    world.connect(V5, "without session").will(late()).open().drop_link();
    watcher.expect_text("will", "gone");

    world.connect(V5, "short").expiry(3).will(late()).open().drop_link();
    world.advance_secs(2);
    watcher.expect_nothing();
    world.advance_secs(1);
    watcher.expect_text("will", "gone");

    world.connect(V5, "ended").expiry(100).will(late()).open().drop_link();
    let _started_clean = world.connect(V5, "ended").clean(true).open();
    watcher.expect_text("will", "gone");

    let mut taken_over = world.connect(V5, "taken over").expiry(100).will(late()).open();
    let _started_clean = world.connect(V5, "taken over").clean(true).open();
    taken_over.expect_disconnect(SessionTakenOver);
    watcher.expect_text("will", "gone");
}

// [MQTT-3.1.3-9] [MQTT-3.1.2-8]
#[test]
fn a_client_back_before_the_will_delay_is_over_has_no_will_published() {
    let (world, mut watcher) = watched();
    let late = || LastWill { delay_secs: Some(5), ..will("will", "gone", AtMostOnce) };

    world.connect(V5, "lost").expiry(100).will(late()).open().drop_link();
    world.advance_secs(4);
    let _back = world.connect(V5, "lost").clean(false).expiry(100).open();
    let _taken_over = world.connect(V5, "taken over").expiry(100).will(late()).open();
    let _taking = world.connect(V5, "taken over").clean(false).expiry(100).open();

    world.advance_secs(200);
    watcher.expect_nothing();
}

// [MQTT-3.1.2-10]
#[test]
fn a_published_will_is_no_longer_part_of_the_session() {
    let (world, mut watcher) = watched();
    let gone = will("will", "gone", AtMostOnce);
    world.connect(V5, "client").expiry(100).will(gone).open().drop_link();
    watcher.expect_text("will", "gone");

    world.connect(V5, "client").clean(false).expiry(100).open().drop_link();
    world.advance_secs(1000);

    watcher.expect_nothing();
}

// [MQTT-3.1.2-10]
#[test]
fn a_new_connection_has_its_own_will_only() {
    let (world, mut watcher) = watched();
    let late = LastWill { delay_secs: Some(5), ..will("will", "old", AtMostOnce) };
    world.connect(V5, "client").expiry(100).will(late).open().drop_link();
    let new = will("will", "new", AtMostOnce);
    world.connect(V5, "client").clean(false).expiry(100).will(new).open().drop_link();

    world.advance_secs(1000);

    assert_eq!(watcher.texts(), ["new"]);
}

// [MQTT-3.1.2-12] [MQTT-3.1.2-9]
#[test]
fn the_will_is_published_with_the_will_qos() {
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        let (world, mut watcher) = watched();
        world.connect(V5, "client").will(will("will", "gone", qos)).open().drop_link();
        assert_eq!(watcher.expect_message().qos, qos);
    }
}

// [MQTT-3.1.2-14]
#[test]
fn without_will_retain_the_will_is_not_retained() {
    let (world, mut watcher) = watched();
    world.connect(V5, "client").will(will("will", "gone", AtLeastOnce)).open().drop_link();
    watcher.expect_text("will", "gone");

    watcher.subscribe("#", AtMostOnce);

    watcher.expect_nothing();
}

// [MQTT-3.1.2-15]
#[test]
fn with_will_retain_the_will_is_retained() {
    let (world, mut watcher) = watched();
    let retained = LastWill { retain: true, ..will("will", "gone", AtLeastOnce) };
    world.connect(V5, "client").will(retained).open().drop_link();
    assert!(!watcher.expect_message().retain);

    watcher.subscribe("#", AtMostOnce);

    let again = watcher.expect_message();
    assert_eq!((again.topic, again.payload, again.retain), ("will", &b"gone"[..], true));
}

// [MQTT-3.1.2-15]
#[test]
fn a_retained_will_without_payload_clears_its_topic() {
    let (world, mut watcher) = watched();
    watcher.retain("will", "here", AtMostOnce);
    watcher.expect_text("will", "here");
    let clearing = LastWill { retain: true, ..will("will", "", AtMostOnce) };
    world.connect(V5, "client").will(clearing).open().drop_link();
    watcher.expect_text("will", "");

    watcher.subscribe("#", AtMostOnce);

    watcher.expect_nothing();
}

// [MQTT-3.1.3-10] [MQTT-3.1.2-9]
#[test]
fn the_will_is_published_with_its_properties_in_the_order_of_the_client() {
    let properties =
        &b"\x26\0\x01b\0\x011\x01\x01\x26\0\x01a\0\x012\x03\0\x04text\x26\0\x01b\0\x013"[..];
    let (world, mut watcher) = watched();
    let will = LastWill { passed_on: Cow::Borrowed(properties), ..will("will", "", AtMostOnce) };

    world.connect(V5, "client").will(will).open().drop_link();

    assert_eq!(*watcher.expect_message().properties.passed_on, *properties);
}

// [MQTT-3.1.2-9]
#[test]
fn the_expiry_interval_of_the_will_runs_from_its_publication() {
    let (world, mut watcher) = watched();
    let will = LastWill {
        delay_secs: Some(5),
        message_expiry_secs: Some(3),
        ..will("will", "gone", AtMostOnce)
    };
    world.connect(V5, "client").expiry(100).will(will).open().drop_link();

    world.advance_secs(5);

    assert_eq!(watcher.expect_message().properties.message_expiry_secs, Some(3));
}

// [MQTT-3.1.3-11]
#[test]
fn a_will_topic_that_is_no_topic_name_is_malformed() {
    for topic in [&b"\xff"[..], b"a\0", b"\xed\xa0\x80", b""] {
        let mut client = World::new().connect_raw();
        client.send_bytes(&connect_v5(0x06, &[&string("c"), b"\0", &string(topic), b"\0\0"]));
        let reason = client.expect_connack().reason;
        assert_eq!(reason, ReasonCode::MalformedPacket, "{topic:02x?}");
        client.expect_closed();
    }
}

/// A world and somebody who sees all that is published in it.
fn watched() -> (World, Client) {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("#", ExactlyOnce);
    (world, watcher)
}
