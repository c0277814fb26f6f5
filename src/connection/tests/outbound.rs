use super::*;
use crate::connection::SHARED_BODY_MIN;
use crate::types::SubscriptionId;

#[test]
fn a_delivery_is_a_publish_of_the_clients_version() {
    let message = Message::new(MessageHead::default(), "t", b"\x03\0\x01c", b"hi");
    let mut subscription_ids = SubscriptionIds::None;
    subscription_ids.insert(SubscriptionId::new(5));
    let publish = Outgoing::Publish(Delivery {
        message,
        qos: QoS::AtLeastOnce,
        id: Some(outbound(10)),
        dup: true,
        retain: true,
        subscription_ids,
    });
    let sent = Rig::v311(unlimited()).encode(publish.clone());
    assert_eq!(sent, b"\x3b\x07\0\x01t\0\x0ahi");

    let sent = Rig::v5(unlimited(), b"").encode(publish);
    let properties = b"\x0b\x05\x03\0\x01c";
    assert_eq!(sent.len(), 16);
    assert!(sent.starts_with(b"\x3b\x0e\0\x01t\0\x0a\x06") && sent.ends_with(b"hi"));
    assert!(properties.iter().all(|byte| sent[8..14].contains(byte)));
}

// [MQTT-3.3.2-6]
#[test]
fn the_expiry_is_counted_down_in_whole_seconds_and_never_to_zero() {
    let mut rig = Rig::v5(unlimited(), b"");
    let head = MessageHead { expires_at: Some(rig.now.plus_secs(10)), ..MessageHead::default() };
    let message = Message::new(head, "t", b"", b"");
    let start = rig.now.0;
    for (passed_millis, left_secs) in
        [(0, 10), (1, 10), (999, 10), (1000, 9), (9000, 1), (9001, 1), (9999, 1), (12_000, 1)]
    {
        rig.now = Timestamp(start + passed_millis);
        let sent = rig.encode(delivery(message.clone()));
        assert_eq!(sent, [0x30, 9, 0, 1, b't', 5, 2, 0, 0, 0, left_secs], "{passed_millis} ms");
    }
}

#[test]
fn a_client_of_3_1_1_hears_nothing_of_an_expiry() {
    let mut rig = Rig::v311(unlimited());
    let head = MessageHead { expires_at: Some(rig.now.plus_secs(10)), ..MessageHead::default() };
    let sent = rig.encode(delivery(Message::new(head, "t", b"\x01\x01", b"x")));
    assert_eq!(sent, b"\x30\x04\0\x01tx");
}

#[test]
fn a_large_payload_is_shared_with_every_other_receiver() {
    let mut rig = Rig::v311(unlimited());
    let large = message("t", &[b'x'; SHARED_BODY_MIN]);
    let mut output = Output::default();
    rig.connection.encode(&delivery(large.clone()), rig.now, &mut output);
    rig.connection.encode(&Outgoing::PingResp, rig.now, &mut output);

    assert_eq!(output.bytes, b"\x30\x83\x10\0\x01t\xd0\0");
    assert_eq!(output.bodies, [(6, large)]);
}

// [MQTT-3.1.2-24]
#[test]
fn nothing_larger_than_the_client_takes_is_sent() {
    let mut rig = Rig::v5(unlimited(), b"\x27\0\0\0\x08");
    assert_eq!(rig.encode(delivery(message("t", b"xx"))).len(), 8);
    assert_eq!(rig.encode(delivery(message("t", b"xxx"))), b"");

    let suback =
        |filters| Outgoing::SubAck { id: inbound(1), reasons: vec![ReasonCode::Success; filters] };
    assert_eq!(rig.encode(suback(3)).len(), 8);
    assert_eq!(rig.encode(suback(4)), b"\xe0\x01\x95");
    assert!(rig.connection.is_closing());
}

// [MQTT-2.2.1-5], 3.1.1: [MQTT-2.3.1-6]
#[test]
fn acknowledgements_take_their_shortest_form() {
    let mut rig = Rig::v5(unlimited(), b"");
    let reason = ReasonCode::Success;
    for (outgoing, expected) in [
        (Outgoing::PubAck { id: inbound(1), reason }, &b"\x40\x02\0\x01"[..]),
        (Outgoing::PubRec { id: inbound(1), reason }, b"\x50\x02\0\x01"),
        (Outgoing::PubRel { id: outbound(1), reason }, b"\x62\x02\0\x01"),
        (Outgoing::PubComp { id: inbound(1), reason }, b"\x70\x02\0\x01"),
        (Outgoing::PingResp, b"\xd0\0"),
    ] {
        assert_eq!(rig.encode(outgoing), expected);
    }
    let reason = ReasonCode::NoMatchingSubscribers;
    assert_eq!(rig.encode(Outgoing::PubAck { id: inbound(1), reason }), b"\x40\x03\0\x01\x10");
}

// [MQTT-3.9.3-1] [MQTT-3.11.3-1], 3.1.1: [MQTT-3.9.3-1] [MQTT-3.9.3-2]
#[test]
fn each_filter_is_answered_in_the_words_of_the_version() {
    let suback = || Outgoing::SubAck {
        id: inbound(1),
        reasons: vec![ReasonCode::GrantedQoS2, ReasonCode::QuotaExceeded],
    };
    let unsuback = || Outgoing::UnsubAck {
        id: inbound(1),
        reasons: vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted],
    };
    let mut rig = Rig::v5(unlimited(), b"");
    assert_eq!(rig.encode(suback()), b"\x90\x05\0\x01\0\x02\x97");
    assert_eq!(rig.encode(unsuback()), b"\xb0\x05\0\x01\0\0\x11");

    let mut rig = Rig::v311(unlimited());
    assert_eq!(rig.encode(suback()), b"\x90\x04\0\x01\x02\x80");
    assert_eq!(rig.encode(unsuback()), b"\xb0\x02\0\x01");
}

#[test]
fn nothing_is_sent_to_somebody_who_has_not_said_connect() {
    let mut rig = Rig::new(unlimited());
    assert_eq!(rig.encode(Outgoing::PingResp), b"");
    assert_eq!(rig.encode(Outgoing::Close { reason: ReasonCode::ServerBusy, why: "" }), b"");
}
