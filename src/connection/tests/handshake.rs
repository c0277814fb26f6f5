use super::*;
use crate::connection::CONNECT_BYTES_MAX;
use crate::request::{EXPIRY_NEVER, Will};
use crate::types::Protocol;

#[test]
fn a_connect_of_3_1_1_reaches_the_broker_with_the_defaults_of_its_version() {
    let mut rig = Rig::new(unlimited());
    let connect = rig.connect(CONNECT_V311);

    assert_eq!(connect.protocol, Protocol::V311);
    assert_eq!(connect.client_id.as_str(), "c");
    assert!(connect.clean_start && !connect.client_id_assigned);
    assert_eq!((connect.session_expiry_secs, connect.keep_alive_secs), (0, 60));
    assert_eq!((connect.receive_maximum, connect.maximum_packet_size), (65_535, u32::MAX));
    assert_eq!(connect.identity.username.as_deref(), Some("ann"));

    assert_eq!(rig.acknowledge(&connect), [0x20, 2, 0, 0]);
    assert_eq!(rig.connection.protocol(), Some(Protocol::V311));
    assert_eq!(rig.connection.client_id().map(|id| id.as_str()), Some("c"));
    assert_eq!(rig.connection.username(), Some("ann"));
    assert_eq!(rig.connection.keep_alive_secs(), 60);
    assert!(rig.connection.ended().is_none() && !rig.connection.is_closing());
}

#[test]
fn a_session_of_3_1_1_without_clean_session_never_expires() {
    let connect = Rig::new(unlimited()).connect(b"\x10\x0d\0\x04MQTT\x04\x00\0\x3c\0\x01c");
    assert_eq!(connect.session_expiry_secs, EXPIRY_NEVER);
}

#[test]
fn a_connect_of_5_0_carries_what_the_client_takes() {
    let properties = b"\x11\0\0\0\x09\x21\0\x05\x27\0\0\x10\0";
    let connect = Rig::new(unlimited()).connect(&connect_v5(properties, b"c"));

    assert_eq!(connect.protocol, Protocol::V5);
    assert_eq!(connect.session_expiry_secs, 9);
    assert_eq!((connect.receive_maximum, connect.maximum_packet_size), (5, 4096));
}

#[test]
fn a_session_of_5_0_ends_with_its_connection_unless_it_asks_for_more() {
    let connect =
        Rig::new(unlimited()).connect(&packet(0x10, &[b"\0\x04MQTT\x05\x00\0\x3c\0\0\x01c"]));
    assert_eq!((connect.clean_start, connect.session_expiry_secs), (false, 0));
}

#[test]
fn a_device_that_speaks_3_1_is_served_without_session_present() {
    let mut rig = Rig::new(unlimited());
    let connect = rig.connect(b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c");

    assert_eq!(connect.protocol, Protocol::V31);
    let connack = connack(ConnAck { session_present: true, ..NOTHING_SPECIAL });
    assert_eq!(rig.encode(connack), [0x20, 2, 0, 0]);
}

// [MQTT-3.2.2-2] [MQTT-3.2.2-3]
#[test]
fn a_session_that_was_found_is_told_of() {
    let connack = || connack(ConnAck { session_present: true, ..NOTHING_SPECIAL });
    let mut old = Rig::new(unlimited());
    old.connect(CONNECT_V311);
    assert_eq!(old.encode(connack()), [0x20, 2, 1, 0]);

    let mut new = Rig::new(unlimited());
    new.connect(&connect_v5(b"", b"c"));
    assert_eq!(new.encode(connack()), [0x20, 3, 1, 0, 0]);
}

// [MQTT-3.2.0-2]
#[test]
fn connack_is_sent_once() {
    let mut rig = Rig::v311(unlimited());
    assert_eq!(rig.encode(connack(NOTHING_SPECIAL)), b"");
}

#[test]
fn the_credentials_of_a_connect_are_asked_about() {
    let mut rig = Rig::new(unlimited());
    rig.receive(b"\x10\x15\0\x04MQTT\x04\xc2\0\x3c\0\x01c\0\x03bob\0\x01\xff");

    let AuthRequest::Credentials { client_id, username, password } = rig.question() else {
        panic!("credentials")
    };
    assert_eq!(client_id.as_str(), "c");
    assert_eq!(username.as_deref(), Some("bob"));
    assert_eq!(password.as_deref(), Some(&b"\xff"[..]));
}

#[test]
fn packets_pipelined_behind_connect_wait_until_the_client_is_known() {
    let mut rig = Rig::new(unlimited());
    let bytes = [CONNECT_V311, b"\xc0\0\xc0\0"].concat();

    assert_eq!(rig.receive(&bytes), CONNECT_V311.len());
    assert_eq!(rig.receive(&bytes[CONNECT_V311.len()..]), 0);
    rig.answer(accept(None));
    assert_eq!(rig.receive(&bytes[CONNECT_V311.len()..]), 4);

    assert!(matches!(rig.inputs.pop_front(), Some(Input::Connect(_))));
    assert_eq!(rig.inputs, [Input::Request(Request::Ping), Input::Request(Request::Ping)]);
}

#[test]
fn a_connect_may_come_byte_by_byte() {
    let mut rig = Rig::new(unlimited());
    for end in 1..CONNECT_V311.len() {
        assert_eq!(rig.receive(&CONNECT_V311[..end]), 0);
    }
    assert!(rig.inputs.is_empty());
    assert_eq!(rig.receive(CONNECT_V311), CONNECT_V311.len());
    assert_eq!(rig.inputs.len(), 1);
}

// [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]
#[test]
fn a_client_of_5_0_without_identifier_gets_one_and_is_told() {
    let mut rig = Rig::new(unlimited());
    let connect = rig.connect(&connect_v5(b"", b""));

    assert!(connect.client_id_assigned);
    let id = "auto-01234567-89AB-CDEF-0246-8ACF13579BDE";
    assert_eq!(connect.client_id.as_str(), id);
    let expected = [&b"\x20\x2f\0\0\x2c\x12\0\x29"[..], id.as_bytes()].concat();
    assert_eq!(rig.acknowledge(&connect), expected);
}

// 3.1.1: [MQTT-3.1.3-6]
#[test]
fn a_client_of_3_1_1_without_identifier_gets_one_for_a_clean_session() {
    let mut rig = Rig::new(unlimited());
    let connect = rig.connect(b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0");
    assert!(connect.client_id_assigned && !connect.client_id.is_empty());
    assert_eq!(rig.acknowledge(&connect), [0x20, 2, 0, 0]);
}

#[test]
fn the_limits_of_the_server_are_announced_where_they_are_not_the_defaults() {
    let limits = Limits {
        maximum_packet_size: 4096,
        topic_alias_maximum: 7,
        receive_maximum: 20,
        maximum_qos: QoS::AtLeastOnce,
        retain_available: false,
        wildcard_subscriptions: false,
        shared_subscriptions: false,
        subscription_identifiers: false,
        ..Limits::default()
    };
    let mut rig = Rig::new(limits);
    let connect = rig.connect(&connect_v5(b"", b"c"));

    let properties = [
        &b"\x22\0\x07"[..],
        b"\x21\0\x14",
        b"\x25\0",
        b"\x27\0\0\x10\0",
        b"\x24\x01",
        b"\x28\0",
        b"\x29\0",
        b"\x2a\0",
    ];
    let expected = packet(0x20, &[b"\0\0", &section(&properties.concat())]);
    assert_eq!(rig.acknowledge(&connect), expected);
}

// [MQTT-3.1.2-21] [MQTT-3.2.2-21]
#[test]
fn what_the_broker_imposes_is_announced() {
    let mut rig = Rig::new(unlimited());
    rig.connect(&connect_v5(b"", b"c"));
    let connack = connack(ConnAck {
        session_expiry_secs: Some(3),
        server_keep_alive_secs: Some(30),
        ..NOTHING_SPECIAL
    });
    assert_eq!(rig.encode(connack), b"\x20\x0b\0\0\x08\x11\0\0\0\x03\x13\0\x1e");
}

// [MQTT-3.1.2-28]
#[test]
fn response_information_goes_to_those_that_request_it() {
    for (asked, expected) in
        [(&b"\x19\0"[..], &b"\x20\x03\0\0\0"[..]), (b"\x19\x01", b"\x20\x07\0\0\x04\x1a\0\x01r")]
    {
        let limits = Limits { response_information: Some("r".to_owned()), ..unlimited() };
        let mut rig = Rig::new(limits);
        let connect = rig.connect(&connect_v5(asked, b"c"));
        assert_eq!(rig.acknowledge(&connect), expected);
    }
}

// [MQTT-3.1.2-24]
#[test]
fn a_connack_that_is_too_large_leaves_out_what_the_client_can_do_without() {
    let limits = || Limits {
        topic_alias_maximum: 7,
        response_information: Some("response/".to_owned()),
        ..Limits::default()
    };
    let asks = |bytes: u8| connect_v5(&[0x19, 1, 0x27, 0, 0, 0, bytes], b"c");

    let mut rig = Rig::new(limits());
    let connect = rig.connect(&asks(23));
    assert_eq!(rig.acknowledge(&connect).len(), 23);

    let mut rig = Rig::new(limits());
    let connect = rig.connect(&asks(22));
    assert_eq!(rig.acknowledge(&connect), b"\x20\x06\0\0\x03\x21\0\x14");
    assert!(!rig.connection.is_closing());
}

// [MQTT-3.1.2-24]
#[test]
fn a_client_that_cannot_be_told_the_limits_is_not_connected() {
    let mut rig = Rig::new(Limits::default());
    let connect = rig.connect(&connect_v5(b"\x27\0\0\0\x07", b"c"));
    assert_eq!(rig.acknowledge(&connect), b"\x20\x03\0\x95\0");
    assert!(rig.connection.is_closing());
}

#[test]
fn a_will_goes_with_the_connect() {
    let mut rig = Rig::new(unlimited());
    let will_properties = b"\x01\x01\x02\0\0\0\x09\x18\0\0\0\x03\x03\0\x01x";
    let connect = rig.connect(&packet(
        0x10,
        &[b"\0\x04MQTT\x05\x2e\0\x3c\0\0\x01c", &section(will_properties), b"\0\x01w\0\x03bye"],
    ));

    let head = MessageHead { qos: QoS::AtLeastOnce, retain: true, expires_at: None };
    let message = Message::new(head, "w", b"\x01\x01\x03\0\x01x", b"bye");
    assert_eq!(connect.will, Some(Will { message, expiry_secs: Some(9), delay_secs: 3 }));
}

#[test]
fn a_connect_has_its_own_limit_however_large_packets_may_be() {
    let mut rig = Rig::new(unlimited());
    let remaining = CONNECT_BYTES_MAX - 4;
    assert_eq!(rig.receive(&fixed_header(remaining)), 0);
    assert!(rig.inputs.is_empty());

    rig.receive(&fixed_header(remaining + 1));
    assert_eq!(rig.pop_fault().reason, ReasonCode::PacketTooLarge);
}

/// The start of a CONNECT with a remaining length of three bytes.
fn fixed_header(remaining: usize) -> [u8; 4] {
    let low = |bits: usize| (remaining >> bits & 0x7f) as u8;
    [0x10, low(0) | 0x80, low(7) | 0x80, low(14)]
}
