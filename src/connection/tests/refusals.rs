use super::*;
use crate::connection::Ended;

// [MQTT-3.1.2-2], 3.1.1: [MQTT-3.1.2-2]
#[test]
fn an_unknown_level_is_refused_in_the_form_that_its_client_understands() {
    for (level, expected) in [
        (1, &b"\x20\x02\0\x01"[..]),
        (3, b"\x20\x02\0\x01"),
        (0x84, b"\x20\x02\0\x01"),
        (6, b"\x20\x03\0\x84\0"),
        (0x85, b"\x20\x03\0\x84\0"),
    ] {
        let mut rig = Rig::new(unlimited());
        let connect = packet(0x10, &[b"\0\x04MQTT", &[level, 2, 0, 60], b"\0\x01c"]);
        let (reason, sent) = rig.fault(&connect);
        assert_eq!(reason, ReasonCode::UnsupportedProtocolVersion);
        assert_eq!(sent, expected, "{level}");
    }
}

// [MQTT-3.1.2-1]
#[test]
fn another_protocol_is_closed_in_silence() {
    let mut rig = Rig::new(unlimited());
    let (_, sent) = rig.fault(b"\x10\x0d\0\x04HTTP\x04\x02\0\x3c\0\x01c");
    assert_eq!(sent, b"");
}

// 3.1.1: [MQTT-3.1.4-1], 5.0: [MQTT-3.1.4-1] [MQTT-3.1.4-2]
#[test]
fn a_malformed_connect_is_told_to_5_0_only() {
    let reserved_flag_v311 = b"\x10\x0d\0\x04MQTT\x04\x03\0\x3c\0\x01c";
    assert_eq!(Rig::new(unlimited()).fault(reserved_flag_v311).1, b"");

    let reserved_flag_v5 = b"\x10\x0e\0\x04MQTT\x05\x03\0\x3c\0\0\x01c";
    let (reason, sent) = Rig::new(unlimited()).fault(reserved_flag_v5);
    assert_eq!(reason, ReasonCode::MalformedPacket);
    assert_eq!(sent, b"\x20\x03\0\x81\0");
}

// 3.1.1: [MQTT-3.1.3-8] [MQTT-3.1.3-9]
#[test]
fn a_session_that_is_to_be_kept_needs_an_identifier_in_3_1_1() {
    let mut rig = Rig::new(unlimited());
    let (_, sent) = rig.fault(b"\x10\x0c\0\x04MQTT\x04\x00\0\x3c\0\0");
    assert_eq!(sent, b"\x20\x02\0\x02");
}

#[test]
fn an_identifier_is_needed_in_3_1_and_where_the_server_says_so() {
    let mut rig = Rig::new(unlimited());
    assert_eq!(rig.fault(b"\x10\x0e\0\x06MQIsdp\x03\x02\0\x3c\0\0").1, b"\x20\x02\0\x02");

    let limits = Limits { allow_zero_length_client_id: false, ..unlimited() };
    let (reason, _) = Rig::new(limits).fault(&connect_v5(b"", b""));
    assert_eq!(reason, ReasonCode::ClientIdentifierNotValid);
}

// [MQTT-3.1.3-8]
#[test]
fn an_identifier_may_be_as_long_as_the_limit_and_no_longer() {
    let limits = || Limits { client_id_bytes_max: 4, ..unlimited() };
    Rig::new(limits()).connect(&connect_v5(b"", b"four"));

    let (reason, sent) = Rig::new(limits()).fault(&connect_v5(b"", b"fives"));
    assert_eq!(reason, ReasonCode::ClientIdentifierNotValid);
    assert_eq!(sent, b"\x20\x03\0\x85\0");
}

// [MQTT-3.2.2-12] [MQTT-3.2.2-13]
#[test]
fn a_will_that_cannot_be_published_refuses_the_connect() {
    let will = |flags: u8, properties: &[u8], topic: &[u8], payload: &[u8]| {
        let head: &[u8] = &[b"\0\x04MQTT\x05"[..].to_vec(), vec![flags, 0, 60, 0]].concat();
        packet(0x10, &[head, &string(b"c"), &section(properties), &string(topic), &string(payload)])
    };
    let limits = || Limits {
        maximum_qos: QoS::AtLeastOnce,
        retain_available: false,
        check_payload_format: true,
        topic_levels_max: 2,
        ..unlimited()
    };
    for (connect, reason) in [
        (will(0x16, b"", b"w", b""), ReasonCode::QoSNotSupported),
        (will(0x26, b"", b"w", b""), ReasonCode::RetainNotSupported),
        (will(0x06, b"\x01\x01", b"w", b"\xff"), ReasonCode::PayloadFormatInvalid),
        (will(0x06, b"", b"a/b/c", b""), ReasonCode::TopicNameInvalid),
    ] {
        let (found, sent) = Rig::new(limits()).fault(&connect);
        assert_eq!(found, reason);
        assert_eq!(sent, [0x20, 3, 0, reason.byte(), 0]);
    }
    Rig::new(limits()).connect(&will(0x0e, b"\x01\x01", b"a/b", b"w"));
    Rig::new(limits()).connect(&will(0x06, b"\x01\x00", b"w", b"\xff"));

    // 3.1.1 has no code for it.
    let will_v311 = b"\x10\x12\0\x04MQTT\x04\x16\0\x3c\0\x01c\0\x01w\0\0";
    assert_eq!(Rig::new(limits()).fault(will_v311).1, b"");
}

// [MQTT-3.2.2-6] [MQTT-3.2.2-7], 3.1.1: [MQTT-3.2.2-4] [MQTT-3.2.2-5]
#[test]
fn the_brokers_refusal_is_a_connack_of_the_version() {
    let mut rig = Rig::new(unlimited());
    rig.connect(CONNECT_V311);
    assert_eq!(rig.refuse(ReasonCode::ServerUnavailable), b"\x20\x02\0\x03");
    assert!(rig.connection.is_closing());
    assert_eq!(rig.encode(connack(NOTHING_SPECIAL)), b"");

    let mut rig = Rig::new(unlimited());
    rig.connect(CONNECT_V311);
    assert_eq!(rig.refuse(ReasonCode::QuotaExceeded), b"\x20\x02\0\x03");

    let mut rig = Rig::new(unlimited());
    rig.connect(&connect_v5(b"", b"c"));
    assert_eq!(rig.refuse(ReasonCode::ServerBusy), b"\x20\x03\0\x89\0");
    let ended = Some(&Ended::Refused { reason: ReasonCode::ServerBusy, why: "full" });
    assert_eq!(rig.connection.ended(), ended);
}

// [MQTT-3.2.2-19]
#[test]
fn a_client_that_there_is_no_room_for_is_told_when_to_come_again_if_it_understands_that() {
    let mut rig = Rig::new(unlimited());
    rig.connect(CONNECT_V311);
    assert_eq!(rig.turn_away(ReasonCode::ServerBusy, Some(15)), b"\x20\x02\0\x03");

    let mut rig = Rig::new(unlimited());
    rig.connect(&connect_v5(b"", b"c"));
    let told = rig.turn_away(ReasonCode::ServerBusy, Some(15));
    let property = b"\x26\0\x10retry-after-secs\0\x0215";
    let expected = [&b"\x20\x1a\0\x89\x17"[..], property].concat();
    assert_eq!(told, expected);

    let mut rig = Rig::new(unlimited());
    rig.connect(&connect_v5(b"", b"c"));
    assert_eq!(rig.turn_away(ReasonCode::Banned, None), b"\x20\x03\0\x8a\0");

    let mut rig = Rig::new(unlimited());
    rig.connect(&connect_v5(b"\x27\0\0\0\x10", b"c"));
    let bare = rig.turn_away(ReasonCode::ServerBusy, Some(15));
    assert_eq!(bare, b"\x20\x03\0\x89\0", "it takes 16 bytes and no more");
}

// [MQTT-3.1.4-6], 3.1.1: [MQTT-3.1.4-5]
#[test]
fn wrong_credentials_get_the_code_of_the_version_and_nothing_behind_them_counts() {
    for (connect, expected) in [
        (CONNECT_V311.to_vec(), &b"\x20\x02\0\x05"[..]),
        (connect_v5(b"", b"c"), b"\x20\x03\0\x87\0"),
    ] {
        let mut rig = Rig::new(unlimited());
        rig.receive(&connect);
        let (_, sent) = rig.answer(refused(ReasonCode::NotAuthorized));
        assert_eq!(sent, expected);
        assert!(rig.connection.is_closing());
        assert_eq!(rig.receive(b"\xc0\0"), 2);
        assert!(rig.inputs.is_empty());
    }
}

// [MQTT-3.14.0-1]
#[test]
fn what_goes_wrong_behind_connect_is_told_in_connack_while_that_is_not_sent() {
    let mut rig = Rig::new(Limits { topic_alias_maximum: 1, ..unlimited() });
    rig.connect(&connect_v5(b"", b"c"));
    let (reason, sent) = rig.fault(b"\x30\x07\0\x01t\x03\x23\0\x02");
    assert_eq!(reason, ReasonCode::TopicAliasInvalid);
    assert_eq!(sent, b"\x20\x03\0\x82\0");
}

// [MQTT-3.1.2-24] [MQTT-3.2.2-19]
#[test]
fn reasons_in_words_come_only_where_wanted_and_where_they_fit() {
    let words = b"client identifier is too long";
    let limits = || Limits { client_id_bytes_max: 1, ..unlimited() };
    let whole = packet(0x20, &[b"\0\x85", &section(&[b"\x1f", &string(words)[..]].concat())]);
    for (properties, expected) in [
        (CURIOUS, &whole[..]),
        (b"", b"\x20\x03\0\x85\0"),
        (QUIET, b"\x20\x03\0\x85\0"),
        (&[0x17, 1, 0x27, 0, 0, 0, whole.len() as u8], &whole),
        (&[0x17, 1, 0x27, 0, 0, 0, whole.len() as u8 - 1], b"\x20\x03\0\x85\0"),
        (b"\x27\0\0\0\x04", b""),
    ] {
        let (_, sent) = Rig::new(limits()).fault(&connect_v5(properties, b"two"));
        assert_eq!(sent, expected, "{properties:?}");
    }
}
