use crate::common::*;
use fulmar::codec::Packet;
use fulmar::types::ReasonCode::{
    MalformedPacket, ProtocolError, Success, UnsupportedProtocolVersion,
};

// [MQTT-3.1.0-1]
#[test]
fn a_first_packet_other_than_connect_closes_the_connection_unanswered() {
    for bytes in [
        &b"\x20\x03\0\0\0"[..],
        b"\x30\x04\0\x01t\0",
        b"\x40\x02\0\x01",
        b"\x50\x02\0\x01",
        b"\x62\x02\0\x01",
        b"\x70\x02\0\x01",
        b"\x82\x07\0\x01\0\0\x01t\0",
        b"\xa2\x06\0\x01\0\0\x01t",
        b"\xc0\x00",
        b"\xe0\x00",
        b"\xf0\x00",
    ] {
        let world = World::new();
        let mut watcher = world.connect(V5, "watcher").open();
        watcher.subscribe("#", AtMostOnce);
        let mut client = world.connect_raw();

        client.send_bytes(bytes);

        client.expect_closed();
        watcher.expect_nothing();
    }
}

// [MQTT-3.1.0-2]
#[test]
fn a_second_connect_is_a_protocol_error() {
    for second in ["client", "other"] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&connect_v5(0x02, &[&string(second)]));
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-3.1.2-1]
#[test]
fn a_protocol_name_other_than_mqtt_closes_the_connection() {
    for name in ["mqtt", "MQTX", "", "MQTTT"] {
        let mut client = World::new().connect_raw();
        client.send_bytes(&packet(0x10, &[&string(name), b"\x05\x02\0\0\0", &string("c")]));
        for answer in client.received() {
            let Packet::ConnAck(connack) = answer else { panic!("{name}: {answer:?}") };
            assert_eq!(connack.reason, UnsupportedProtocolVersion, "{name}");
        }
        client.expect_closed();
    }
}

// [MQTT-3.1.2-2]
#[test]
fn an_unknown_protocol_version_is_refused_as_such() {
    for version in [6, 7, 0x7f] {
        let mut client = World::new().connect_raw();
        client.send_bytes(&packet(0x10, &[b"\0\x04MQTT", &[version], b"\x02\0\0\0\0\x01c"]));
        assert_eq!(client.expect_connack().reason, UnsupportedProtocolVersion);
        client.expect_closed();
    }
}

// [MQTT-3.1.2-3] [MQTT-3.1.4-1]
#[test]
fn the_reserved_connect_flag_is_malformed() {
    assert_eq!(refusal(&connect_v5(0x03, &[&string("c")])), MalformedPacket);
}

// [MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.4-1]
#[test]
fn will_qos_and_will_retain_without_a_will_are_malformed() {
    for flags in [0x0a, 0x12, 0x22, 0x2a] {
        assert_eq!(refusal(&connect_v5(flags, &[&string("c")])), MalformedPacket);
    }
}

// [MQTT-3.1.2-12] [MQTT-3.1.4-1]
#[test]
fn will_qos_3_is_malformed() {
    let payload = [&string("c")[..], b"\0", &string("will"), &string("gone")];
    assert_eq!(refusal(&connect_v5(0x1e, &payload)), MalformedPacket);
}

// [MQTT-3.1.2-9] [MQTT-3.1.4-1]
#[test]
fn a_will_flag_without_all_of_the_will_is_malformed() {
    let (id, properties) = (string("c"), b"\0");
    let (topic, payload) = (string("will"), string("gone"));
    assert_eq!(accepted(&connect_v5(0x06, &[&id, properties, &topic, &payload])), Success);

    assert_eq!(refusal(&connect_v5(0x06, &[&id])), MalformedPacket);
    assert_eq!(refusal(&connect_v5(0x06, &[&id, properties])), MalformedPacket);
    assert_eq!(refusal(&connect_v5(0x06, &[&id, properties, &topic])), MalformedPacket);
    assert_eq!(refusal(&connect_v5(0x06, &[&id, &topic, &payload])), MalformedPacket);
}

// [MQTT-3.1.2-9] [MQTT-3.1.4-1]
#[test]
fn a_will_without_the_will_flag_is_malformed() {
    let payload = [&string("c")[..], b"\0", &string("will"), &string("gone")];
    assert_eq!(refusal(&connect_v5(0x02, &payload)), MalformedPacket);
}

// [MQTT-3.1.2-16] [MQTT-3.1.2-18] [MQTT-3.1.4-1]
#[test]
fn a_user_name_or_password_without_its_flag_is_malformed() {
    let (id, user, password) = (string("c"), string("user"), string("password"));
    assert_eq!(accepted(&connect_v5(0x02, &[&id])), Success);
    assert_eq!(accepted(&connect_v5(0x82, &[&id, &user])), Success);

    assert_eq!(refusal(&connect_v5(0x02, &[&id, &user])), MalformedPacket);
    assert_eq!(refusal(&connect_v5(0x82, &[&id, &user, &password])), MalformedPacket);
    assert_eq!(refusal(&connect_v5(0x42, &[&id, &user, &password])), MalformedPacket);
}

// [MQTT-3.1.2-17] [MQTT-3.1.2-19] [MQTT-3.1.4-1]
#[test]
fn a_flag_without_its_user_name_or_password_is_malformed() {
    let (id, user, password) = (string("c"), string("user"), string("password"));
    assert_eq!(accepted(&connect_v5(0xc2, &[&id, &user, &password])), Success);
    assert_eq!(accepted(&connect_v5(0x42, &[&id, &password])), Success);

    assert_eq!(refusal(&connect_v5(0x82, &[&id])), MalformedPacket);
    assert_eq!(refusal(&connect_v5(0x42, &[&id])), MalformedPacket);
    assert_eq!(refusal(&connect_v5(0xc2, &[&id, &user])), MalformedPacket);
}

// [MQTT-3.1.4-1]
#[test]
fn connect_properties_out_of_place_or_range_are_refused() {
    for (properties, reason) in [
        (&b"\x21\0\0"[..], ProtocolError),
        (b"\x27\0\0\0\0", ProtocolError),
        (b"\x17\x02", ProtocolError),
        (b"\x19\x02", ProtocolError),
        (b"\x22\0\x01\x22\0\x01", ProtocolError),
        (b"\x16\0\x01a", ProtocolError),
        (b"\x01\x01", MalformedPacket),
        (b"\x24\x01", MalformedPacket),
        (b"\x7e", MalformedPacket),
        (b"\x11\0\0", MalformedPacket),
    ] {
        let header = b"\0\x04MQTT\x05\x02\0\0";
        let length = [properties.len() as u8];
        let connect = packet(0x10, &[header, &length, properties, &string("c")]);
        assert_eq!(refusal(&connect), reason, "{properties:02x?}");
    }
}

/// Why this CONNECT is refused; the connection is closed then.
#[track_caller]
fn refusal(connect: &[u8]) -> fulmar::types::ReasonCode {
    let mut client = World::new().connect_raw();
    client.send_bytes(connect);
    let connack = client.expect_connack();
    client.expect_closed();
    connack.reason
}

/// What CONNACK says to this CONNECT; the connection stands then.
#[track_caller]
fn accepted(connect: &[u8]) -> fulmar::types::ReasonCode {
    let mut client = World::new().connect_raw();
    client.send_bytes(connect);
    let connack = client.expect_connack();
    client.expect_nothing();
    connack.reason
}
