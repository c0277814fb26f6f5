use crate::common::*;
use fulmar::codec::{Disconnect, Packet};
use fulmar::types::ReasonCode::{
    self, MalformedPacket, PacketTooLarge, ProtocolError, ReceiveMaximumExceeded, TopicAliasInvalid,
};

// [MQTT-4.13.1-1]
#[test]
fn a_malformed_packet_closes_the_connection_with_its_reason_code() {
    for bytes in [
        &b"\x00\0"[..],
        b"\xc1\0",
        b"\xc0\x01\0",
        b"\xc0\xff\xff\xff\xff\x01",
        b"\x36\x06\0\x01t\0\x01\0",
        b"\x30\x02\0\x05",
        b"\x30\x05\0\x01\xff\0x",
        b"\x30\x06\0\x01t\x02\x7f\0",
        b"\x82\x02\0\x01",
        b"\x40\x01\0",
        b"\x40\x05\0\x01\0\0\0",
    ] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-4.13.1-1]
#[test]
fn a_protocol_error_closes_the_connection_with_its_reason_code() {
    for bytes in [
        &connect_v5(0x02, &[&string("client")])[..],
        b"\x20\x03\0\0\0",
        b"\x90\x04\0\x01\0\0",
        b"\xb0\x04\0\x01\0\0",
        b"\xd0\0",
        b"\xf0\0",
        b"\x30\x03\0\0\0",
        b"\x32\x06\0\x01t\0\0\0",
        b"\x82\x07\0\0\0\0\x01t\0",
        b"\xa2\x06\0\0\0\0\x01t",
        b"\x82\x07\0\x01\0\0\x01t\x30",
        b"\x82\x09\0\x01\x02\x0b\0\0\x01t\0",
        b"\x30\x08\0\x01t\x04\x01\0\x01\0",
        b"\x30\x06\0\x01t\x02\x0b\x01",
        b"\x30\x06\0\x01t\x02\x01\x02",
        b"\xe0\x07\0\x05\x11\0\0\0\x01",
    ] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-4.13.1-1]
#[test]
fn an_acknowledgement_that_does_not_belong_to_its_message_closes_the_connection() {
    for (qos, first) in
        [(AtLeastOnce, 0x50), (AtLeastOnce, 0x70), (ExactlyOnce, 0x40), (ExactlyOnce, 0x70)]
    {
        let world = World::new();
        let mut client = world.connect(V5, "client").open();
        client.subscribe("t", ExactlyOnce);
        world.connect(V5, "publisher").open().publish("t", "", qos);
        assert_eq!(client.expect_publish().packet_id, Some(packet_id(1)));

        client.send_bytes(&[first, 2, 0, 1]);

        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-4.13.1-1]
#[test]
fn a_limit_that_is_passed_closes_the_connection_with_its_reason_code() {
    for (bytes, reason) in [
        (&b"\x30\x15\0\x01tx"[..], PacketTooLarge),
        (b"\x30\x07\0\x01t\x03\x23\0\x03", TopicAliasInvalid),
        (b"\x34\x06\0\x01t\0\x01\0\x34\x06\0\x01t\0\x02\0", ReceiveMaximumExceeded),
    ] {
        let world = World::with(|settings, limits| {
            settings.receive_maximum = 1;
            limits.receive_maximum = 1;
            limits.maximum_packet_size = 22;
            limits.topic_alias_maximum = 2;
        });
        let mut client = world.connect_raw();
        client.send_bytes(&connect_v5(0x02, &[&string("c")]));
        assert_eq!(client.expect_connack().reason, ReasonCode::Success);
        client.send_bytes(bytes);
        let last = client.received().pop().expect("DISCONNECT");
        let Packet::Disconnect(disconnect) = last else { panic!("expected DISCONNECT: {last:?}") };
        assert_eq!(disconnect.reason, reason);
        client.expect_closed();
    }
}

// [MQTT-4.13.1-1]
#[test]
fn packets_before_the_wrong_one_count_and_those_behind_it_do_not() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("t", AtMostOnce);
    let mut client = world.connect(V5, "client").open();

    client.send_bytes(b"\x30\x05\0\x01t\x001\xc1\0\x30\x05\0\x01t\x002");

    client.expect_disconnect(MalformedPacket);
    assert_eq!(watcher.texts(), ["1"]);
}

// [MQTT-4.13.1-1]
#[test]
fn a_client_that_breaks_the_rules_takes_nobody_with_it_and_its_will_is_published() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("#", AtMostOnce);
    let mut client = world.connect(V5, "client").will(will("will", "gone", AtMostOnce)).open();

    client.send_bytes(b"\0\0");

    client.expect_disconnect(MalformedPacket);
    watcher.expect_text("will", "gone");
    watcher.ping();
}

// [MQTT-4.13.2-1]
#[test]
fn a_connection_that_gets_a_connack_of_0x80_or_above_is_closed() {
    let world = World::with(|settings, limits| {
        settings.sessions_max = 1;
        limits.client_id_bytes_max = 10;
        limits.maximum_qos = AtLeastOnce;
        limits.retain_available = false;
    });
    let refused = world.connect(V5, "much too long").refused();
    assert_eq!(refused.reason, ReasonCode::ClientIdentifierNotValid);
    let refused = world.connect(V5, "client").will(will("t", "", ExactlyOnce)).refused();
    assert_eq!(refused.reason, ReasonCode::QoSNotSupported);
    let method = world.connect(V5, "client").with(|it| it.authentication_method = Some("M"));
    assert_eq!(method.refused().reason, ReasonCode::BadAuthenticationMethod);
    let _first = world.connect(V5, "first").open();
    assert_eq!(world.connect(V5, "second").refused().reason, ReasonCode::QuotaExceeded);
}

// [MQTT-4.13.2-1]
#[test]
fn a_connection_is_closed_even_if_the_client_takes_no_packet_that_would_say_so() {
    let mut client = World::new().connect(V5, "client").maximum_packet_size(1).send();
    client.expect_closed();

    let world = World::with(|settings, _| settings.sessions_max = 0);
    let mut client = world.connect(V5, "client").maximum_packet_size(4).send();
    client.expect_closed();
}

// [MQTT-4.13.2-1]
#[test]
fn a_client_that_does_not_read_is_disconnected_all_the_same() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("will", AtMostOnce);
    let mut client = world.connect(V5, "client").will(will("will", "gone", AtMostOnce)).open();
    client.set_capacity(0);

    client.send_bytes(b"\xc1\0");

    watcher.expect_text("will", "gone");
    assert_eq!(world.shell().borrow().broker.connections(), 1);
}

// [MQTT-4.13.2-1]
#[test]
fn a_client_that_disconnects_with_0x80_or_above_is_disconnected() {
    let world = World::new();
    let client = world.connect(V5, "client").open();
    let reason = ReasonCode::UnspecifiedError;
    client.disconnect_with(Disconnect { reason, ..Disconnect::default() });
    assert_eq!(world.shell().borrow().broker.connections(), 0);

    let mut client = world.connect(V5, "client").open();
    client.send_bytes(b"\xe0\x01\x80");
    client.expect_closed();
}
