use crate::common::*;
use fulmar::codec::{Disconnect, Packet};
use fulmar::types::ReasonCode::{
    self, KeepAliveTimeout, MalformedPacket, ProtocolError, ServerShuttingDown, SessionTakenOver,
};

// [MQTT-3.14.0-1]
#[test]
fn before_connack_there_is_no_disconnect_whatever_goes_wrong() {
    let world = World::new().with_delayed_commits();
    let mut client = world.connect(V5, "client").expiry(100).send();
    client.expect_nothing();

    client.send_bytes(b"\xc1\0");

    assert_eq!(client.expect_connack().reason, MalformedPacket);
    client.expect_closed();
}

// [MQTT-3.14.0-1]
#[test]
fn a_client_that_is_taken_over_before_its_connack_gets_no_disconnect() {
    let world = World::new().with_delayed_commits();
    let mut first = world.connect(V5, "client").expiry(100).send();
    first.expect_nothing();

    let _second = world.connect(V5, "client").expiry(100).send();

    assert!(first.expect_connack().reason.is_error());
    first.expect_closed();
}

// [MQTT-3.14.0-1]
#[test]
fn a_client_that_does_not_begin_with_connect_is_closed_without_a_word() {
    let mut client = World::new().connect_raw();
    client.send_bytes(b"\xc0\0");
    client.expect_closed();
}

// [MQTT-3.14.1-1]
#[test]
fn a_disconnect_with_reserved_flags_is_a_malformed_packet() {
    for flags in 1..16 {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&[0xe0 | flags, 0]);
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.14.2-1]
#[test]
fn the_server_says_in_a_reason_code_of_disconnect_why_it_closes() {
    let world = World::new();
    let mut silent = world.connect(V5, "silent").keep_alive(10).open();
    world.advance_secs(16);
    silent.expect_disconnect(KeepAliveTimeout);

    let mut first = world.connect(V5, "client").open();
    let mut second = world.connect(V5, "client").open();
    first.expect_disconnect(SessionTakenOver);

    world.shut_down();
    second.expect_disconnect(ServerShuttingDown);
}

// [MQTT-3.14.2-1]
#[test]
fn a_disconnect_with_the_reason_code_of_another_packet_is_a_protocol_error() {
    for reason in [0x01, 0x10, 0x18, 0x84, 0x85, 0x88, 0x91, 0xff] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&[0xe0, 1, reason]);
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-3.14.2-2]
#[test]
fn the_disconnect_of_the_server_has_no_session_expiry_interval() {
    let world = World::with(|settings, _| settings.session_expiry_max_secs = 50);
    let mut first = world.connect(V5, "client").expiry(100).open();
    assert_eq!(first.connack.session_expiry_secs, Some(50));

    let _second = world.connect(V5, "client").expiry(100).open();

    let disconnect = expect_disconnect(&mut first);
    assert_eq!(disconnect.reason, SessionTakenOver);
    assert_eq!(disconnect.session_expiry_secs, None);
}

// [MQTT-3.14.2-3] [MQTT-3.14.2-4]
#[test]
fn what_does_not_fit_into_the_packets_of_the_client_is_left_out_of_disconnect() {
    let told = |maximum: u32| {
        let world = World::new();
        let connect = world.connect(V5, "client").maximum_packet_size(maximum);
        let mut client = connect.with(|it| it.request_problem_information = Some(true)).open();
        client.send_bytes(b"\xe1\0");
        client.expect_bytes()
    };
    let whole = told(1_000);
    assert!(whole.len() > 8, "it has a reason string");

    assert_eq!(told(whole.len() as u32), whole);
    assert_eq!(told(whole.len() as u32 - 1), b"\xe0\x01\x81");
    assert_eq!(told(8), b"\xe0\x01\x81");
}

// [MQTT-3.14.4-1] [MQTT-3.14.4-2]
#[test]
fn behind_the_disconnect_of_the_server_nothing_comes_and_the_connection_is_closed() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).receive_maximum(1).open();
    client.subscribe("t", AtLeastOnce);
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", AtLeastOnce);
    let first = client.expect_publish();

    client.send_bytes(b"\xe1\0");
    client.acknowledge(&first);
    client.send_bytes(b"\xc0\0");
    publisher.publish("t", "3", AtMostOnce);

    client.expect_disconnect(MalformedPacket);
}

// [MQTT-3.14.4-1] [MQTT-3.14.4-2]
#[test]
fn a_connection_that_is_taken_over_ends_with_its_disconnect() {
    let world = World::new();
    let mut first = world.connect(V5, "client").expiry(100).open();
    first.subscribe("t", AtMostOnce);

    let mut second = world.connect(V5, "client").clean(false).expiry(100).open();
    world.connect(V5, "publisher").open().publish("t", "x", AtMostOnce);
    first.send_bytes(b"\xc0\0");

    first.expect_disconnect(SessionTakenOver);
    second.expect_text("t", "x");
}

// [MQTT-3.14.4-1]
#[test]
fn what_a_client_sends_behind_its_disconnect_is_ignored_and_the_server_closes() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("t", AtMostOnce);
    let mut client = world.connect(V5, "client").open();

    client.send_bytes(b"\xe0\0\x30\x04\0\x01t\0\xc0\0");

    client.expect_closed();
    watcher.expect_nothing();
}

// [MQTT-3.14.4-3]
#[test]
fn a_disconnect_with_success_discards_the_will() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("will", AtMostOnce);
    for bytes in [&b"\xe0\0"[..], b"\xe0\x01\0", b"\xe0\x02\0\0", b"\xe0\x07\0\x05\x11\0\0\0\x09"] {
        let gone = will("will", "gone", AtMostOnce);
        let mut client = world.connect(V5, "client").expiry(100).will(gone).open();
        client.send_bytes(bytes);
        client.expect_closed();
        world.advance_secs(1_000);
        watcher.expect_nothing();
    }
}

// [MQTT-3.14.4-3]
#[test]
fn a_disconnect_with_any_other_reason_leaves_the_will_standing() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("will", AtMostOnce);
    for reason in [ReasonCode::DisconnectWithWill, ReasonCode::UnspecifiedError] {
        let client = world.connect(V5, "client").will(will("will", "gone", AtMostOnce)).open();
        client.disconnect_with(Disconnect { reason, ..Disconnect::default() });
        watcher.expect_text("will", "gone");
    }
}

#[track_caller]
fn expect_disconnect(client: &mut Client) -> Disconnect<'static> {
    match client.expect() {
        Packet::Disconnect(disconnect) => disconnect,
        other => panic!("expected DISCONNECT, got {other:?}"),
    }
}
