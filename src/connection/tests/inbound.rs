use super::*;

#[test]
fn a_publish_becomes_a_message() {
    let mut rig = Rig::v311(unlimited());
    let head = MessageHead { qos: QoS::AtLeastOnce, retain: true, expires_at: None };
    let message = Message::new(head, "t", b"", b"hi");
    let expected = Request::Publish { id: Some(inbound(10)), dup: true, message };
    assert_eq!(rig.request(b"\x3b\x07\0\x01t\0\x0ahi"), expected);
}

// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
#[test]
fn the_properties_that_pass_through_stay_with_the_message_and_expiry_becomes_a_moment() {
    let mut rig = Rig::v5(unlimited(), b"");
    let passed_on =
        b"\x26\0\x01b\0\x011\x01\x01\x08\0\x01r\x09\0\x01\xff\x03\0\x01x\x26\0\x01a\0\x012";
    let properties = section(&[&passed_on[..], b"\x02\0\0\0\x05"].concat());
    let bytes = packet(0x30, &[b"\0\x01t", &properties, b"x"]);

    let head = MessageHead { expires_at: Some(rig.now.plus_secs(5)), ..MessageHead::default() };
    let message = Message::new(head, "t", passed_on, b"x");
    assert_eq!(rig.request(&bytes), Request::Publish { id: None, dup: false, message });
}

#[test]
fn acknowledgements_keep_the_directions_apart() {
    let mut rig = Rig::v311(unlimited());
    let reason = ReasonCode::Success;
    assert_eq!(rig.request(b"\x40\x02\0\x01"), Request::PubAck { id: outbound(1), reason });
    assert_eq!(rig.request(b"\x50\x02\0\x02"), Request::PubRec { id: outbound(2), reason });
    assert_eq!(rig.request(b"\x62\x02\0\x03"), Request::PubRel { id: inbound(3) });
    assert_eq!(rig.request(b"\x70\x02\0\x04"), Request::PubComp { id: outbound(4) });
}

#[test]
fn acknowledgements_of_5_0_carry_their_reason() {
    let mut rig = Rig::v5(unlimited(), b"");
    let reason = ReasonCode::QuotaExceeded;
    assert_eq!(rig.request(b"\x40\x03\0\x01\x97"), Request::PubAck { id: outbound(1), reason });
    assert_eq!(rig.request(b"\x50\x03\0\x01\x97"), Request::PubRec { id: outbound(1), reason });
}

#[test]
fn pingreq_is_for_the_broker() {
    assert_eq!(Rig::v311(unlimited()).request(b"\xc0\0"), Request::Ping);
}

// [MQTT-3.2.2-11]
#[test]
fn a_publish_above_the_maximum_qos_ends_the_connection() {
    let limits = || Limits { maximum_qos: QoS::AtLeastOnce, ..unlimited() };
    let qos_2 = b"\x34\x06\0\x01t\0\x01\0";
    let (reason, sent) = Rig::v5(limits(), QUIET).fault(qos_2);
    assert_eq!((reason, &sent[..]), (ReasonCode::QoSNotSupported, &b"\xe0\x01\x9b"[..]));

    let qos_1 = b"\x32\x06\0\x01t\0\x01\0";
    assert!(matches!(Rig::v5(limits(), b"").request(qos_1), Request::Publish { .. }));
    assert_eq!(Rig::v311(limits()).fault(b"\x34\x05\0\x01t\0\x01").1, b"");
}

// [MQTT-3.2.2-14]
#[test]
fn a_publish_to_be_retained_ends_the_connection_where_nothing_is_retained() {
    let limits = || Limits { retain_available: false, ..unlimited() };
    assert!(matches!(Rig::v311(limits()).request(b"\x30\x03\0\x01t"), Request::Publish { .. }));
    let (reason, sent) = Rig::v5(limits(), QUIET).fault(b"\x31\x04\0\x01t\0");
    assert_eq!((reason, &sent[..]), (ReasonCode::RetainNotSupported, &b"\xe0\x01\x9a"[..]));
}

// [MQTT-3.3.4-6]
#[test]
fn a_client_does_not_send_subscription_identifiers() {
    let (reason, _) = Rig::v5(unlimited(), QUIET).fault(b"\x30\x06\0\x01t\x02\x0b\x01");
    assert_eq!(reason, ReasonCode::ProtocolError);
}

// [MQTT-3.3.2-2], 3.1.1: [MQTT-3.3.2-2]
#[test]
fn a_topic_name_with_a_wildcard_ends_the_connection() {
    assert_eq!(Rig::v311(unlimited()).fault(b"\x30\x05\0\x03a/+").1, b"");
    let (_, sent) = Rig::v5(unlimited(), QUIET).fault(b"\x30\x06\0\x03a/#\0");
    assert_eq!(sent[0], 0xe0);
}

#[test]
fn a_topic_may_have_as_many_levels_as_the_limit_and_no_more() {
    let limits = || Limits { topic_levels_max: 3, ..unlimited() };
    let mut rig = Rig::v5(limits(), b"");
    assert!(matches!(rig.request(b"\x30\x08\0\x05a/b/c\0"), Request::Publish { .. }));

    let reason = ReasonCode::TopicNameInvalid;
    for (bytes, id, qos) in [
        (&b"\x30\x07\0\x04a///\0"[..], None, QoS::AtMostOnce),
        (b"\x32\x09\0\x04a///\0\x07\0", Some(inbound(7)), QoS::AtLeastOnce),
        (b"\x34\x09\0\x04a///\0\x07\0", Some(inbound(7)), QoS::ExactlyOnce),
    ] {
        assert_eq!(rig.request(bytes), Request::RefusePublish { id, qos, reason });
    }

    let (_, sent) = Rig::v311(limits()).fault(b"\x32\x08\0\x04a///\0\x07");
    assert_eq!(sent, b"");
}

#[test]
fn a_payload_that_is_not_what_it_claims_is_refused_where_that_is_checked() {
    let claims_utf8 = b"\x32\x09\0\x01t\0\x07\x02\x01\x01\xff";
    let limits = Limits { check_payload_format: true, ..unlimited() };
    let expected = Request::RefusePublish {
        id: Some(inbound(7)),
        qos: QoS::AtLeastOnce,
        reason: ReasonCode::PayloadFormatInvalid,
    };
    let mut rig = Rig::v5(limits, b"");
    assert_eq!(rig.request(claims_utf8), expected);
    let claims_nothing = b"\x32\x09\0\x01t\0\x07\x02\x01\x00\xff";
    assert!(matches!(rig.request(claims_nothing), Request::Publish { .. }));

    let mut rig = Rig::v5(unlimited(), b"");
    assert!(matches!(rig.request(claims_utf8), Request::Publish { .. }));
}

#[test]
fn several_packets_in_one_piece_come_out_in_order() {
    let mut rig = Rig::v311(unlimited());
    assert_eq!(rig.receive(b"\xc0\0\x40\x02\0\x01\xc0"), 6);
    let puback = Request::PubAck { id: outbound(1), reason: ReasonCode::Success };
    assert_eq!(rig.inputs, [Input::Request(Request::Ping), Input::Request(puback)]);
}
