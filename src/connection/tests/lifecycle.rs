use super::*;
use crate::connection::{Ended, PACKET_BYTES_MAX};

// Together with socket and session an idle client is to stay under 2 KiB.
#[test]
fn a_connection_is_small() {
    assert!(size_of::<Connection>() <= 144, "{} bytes", size_of::<Connection>());
    assert!(size_of::<Input>() <= 40, "{} bytes", size_of::<Input>());
}

// [MQTT-3.1.0-1], 3.1.1: [MQTT-3.1.0-1]
#[test]
fn anything_before_connect_is_closed_at_its_first_byte() {
    for first in [0x30, 0x82, 0xc0, 0xe0, 0xf0, b'G', 0x16, 0x00] {
        let mut rig = Rig::new(unlimited());
        let (_, sent) = rig.fault(&[first]);
        assert_eq!(sent, b"", "{first:#x}");
    }
}

// [MQTT-3.1.0-2], 3.1.1: [MQTT-3.1.0-2]
#[test]
fn a_second_connect_ends_the_connection() {
    let (_, sent) = Rig::v311(unlimited()).fault(CONNECT_V311);
    assert_eq!(sent, b"");

    let (reason, sent) = Rig::v5(unlimited(), QUIET).fault(&connect_v5(b"", b"c"));
    assert_eq!(reason, ReasonCode::ProtocolError);
    assert_eq!(sent, b"\xe0\x01\x82");
}

#[test]
fn packets_that_only_a_server_sends_end_the_connection() {
    let from_server =
        [&b"\x20\x03\0\0\0"[..], b"\x90\x04\0\x01\0\0", b"\xb0\x04\0\x01\0\0", b"\xd0\0"];
    for bytes in from_server {
        let (reason, sent) = Rig::v5(unlimited(), QUIET).fault(bytes);
        assert_eq!(reason, ReasonCode::ProtocolError);
        assert_eq!(sent, b"\xe0\x01\x82");
    }
    for bytes in [&b"\x20\x02\0\0"[..], b"\x90\x03\0\x01\0", b"\xb0\x02\0\x01", b"\xd0\0"] {
        assert_eq!(Rig::v311(unlimited()).fault(bytes).1, b"");
    }
}

// 3.1.1: [MQTT-2.2.2-2] [MQTT-4.8.0-1]
#[test]
fn a_malformed_packet_ends_a_connection_of_3_1_1_without_a_word() {
    let (reserved_flags, reserved_type) = (b"\xc1\0", b"\xf0\0");
    for bytes in [reserved_flags, reserved_type] {
        let (reason, sent) = Rig::v311(unlimited()).fault(bytes);
        assert_eq!((reason, sent), (ReasonCode::MalformedPacket, Vec::new()));
    }
}

// [MQTT-4.13.1-1]
#[test]
fn a_malformed_packet_is_told_to_5_0() {
    let mut rig = Rig::v5(unlimited(), QUIET);
    let (reason, sent) = rig.fault(b"\x36\x05\0\x01t\0\x01");
    assert_eq!((reason, &sent[..]), (ReasonCode::MalformedPacket, &b"\xe0\x01\x81"[..]));
    assert!(matches!(rig.connection.ended(), Some(Ended::Fault(_))));
}

#[test]
fn what_came_before_a_fault_is_still_answered() {
    let mut rig = Rig::v5(unlimited(), QUIET);
    assert_eq!(rig.receive(b"\xc0\0\xd0\0\xc0\0"), 6);

    assert_eq!(rig.inputs.pop_front(), Some(Input::Request(Request::Ping)));
    assert_eq!(rig.encode(Outgoing::PingResp), b"\xd0\0");
    let fault = rig.pop_fault();
    assert!(rig.inputs.is_empty() && rig.connection.is_closing());
    let mut output = Output::default();
    rig.connection.fault(&fault, &mut output);
    assert_eq!(output.bytes, b"\xe0\x01\x82");
    assert_eq!(rig.encode(Outgoing::PingResp), b"");
}

#[test]
fn nothing_is_read_behind_disconnect() {
    let mut rig = Rig::v311(unlimited());
    assert_eq!(rig.receive(b"\xe0\0\xc0\0garbage"), 11);

    let request = Request::Disconnect { reason: ReasonCode::Success, session_expiry_secs: None };
    assert_eq!(rig.inputs, [Input::Request(request)]);
    assert!(rig.connection.is_closing());
    assert_eq!(rig.receive(b"\xc0\0"), 2);
    assert_eq!(rig.inputs.len(), 1);
}

#[test]
fn a_client_that_said_goodbye_gets_what_was_on_its_way_and_no_disconnect() {
    let mut rig = Rig::v5(unlimited(), b"");
    rig.receive(b"\xe0\0");
    let puback = Outgoing::PubAck { id: inbound(7), reason: ReasonCode::Success };
    assert_eq!(rig.encode(puback), b"\x40\x02\0\x07");
    assert_eq!(rig.encode(Outgoing::Close { reason: ReasonCode::Success, why: "" }), b"");
    assert_eq!(rig.connection.ended(), Some(&Ended::ByClient { reason: ReasonCode::Success }));
}

#[test]
fn a_disconnect_may_keep_the_will() {
    let mut rig = Rig::v5(unlimited(), b"");
    let expected =
        Request::Disconnect { reason: ReasonCode::DisconnectWithWill, session_expiry_secs: None };
    assert_eq!(rig.request(b"\xe0\x01\x04"), expected);
}

#[test]
fn a_disconnect_may_change_the_session_expiry_but_not_from_zero() {
    let disconnect = b"\xe0\x07\0\x05\x11\0\0\0\x09";
    let mut rig = Rig::v5(unlimited(), b"\x11\0\0\0\x01");
    let expected =
        Request::Disconnect { reason: ReasonCode::Success, session_expiry_secs: Some(9) };
    assert_eq!(rig.request(disconnect), expected);

    let (reason, sent) = Rig::v5(unlimited(), QUIET).fault(disconnect);
    assert_eq!((reason, &sent[..]), (ReasonCode::ProtocolError, &b"\xe0\x01\x82"[..]));

    let mut rig = Rig::v5(unlimited(), b"");
    assert!(matches!(rig.request(b"\xe0\x07\0\x05\x11\0\0\0\0"), Request::Disconnect { .. }));
}

#[test]
fn a_packet_may_be_as_large_as_announced_and_no_larger() {
    let limits = || Limits { maximum_packet_size: 20, ..unlimited() };
    let publish = |bytes: usize| packet(0x30, &[b"\0\x01t\0", &vec![b'x'; bytes - 6]]);

    assert!(matches!(Rig::v5(limits(), QUIET).request(&publish(20)), Request::Publish { .. }));

    let header = &publish(21)[..2];
    let (reason, sent) = Rig::v5(limits(), QUIET).fault(header);
    assert_eq!((reason, &sent[..]), (ReasonCode::PacketTooLarge, &b"\xe0\x01\x95"[..]));
}

#[test]
fn without_a_limit_a_packet_may_be_as_large_as_any() {
    let mut rig = Rig::v5(Limits { maximum_packet_size: PACKET_BYTES_MAX, ..unlimited() }, b"");
    assert_eq!(rig.receive(b"\x30\xff\xff\xff\x7f"), 0);
    assert!(rig.inputs.is_empty());
}

#[test]
fn a_large_packet_on_its_way_is_a_sign_of_life_every_thousand_bytes() {
    let mut rig = Rig::v311(unlimited());
    let publish = packet(0x30, &[b"\0\x01t", &[b'x'; 4000]]);
    let mut progress_at = |end| {
        rig.inputs.clear();
        assert_eq!(rig.receive(&publish[..end]), 0);
        rig.inputs.front() == Some(&Input::Request(Request::Progress))
    };
    assert!(!progress_at(999));
    assert!(progress_at(1000));
    assert!(!progress_at(1999));
    assert!(progress_at(3500));
    assert!(!progress_at(3501));

    rig.inputs.clear();
    assert!(matches!(rig.request(&publish), Request::Publish { .. }));
    assert_eq!(rig.receive(&publish[..1000]), 0);
    assert_eq!(rig.inputs, [Input::Request(Request::Progress)]);
}

// [MQTT-3.14.2-2] [MQTT-3.14.4-1] [MQTT-3.14.4-2]
#[test]
fn the_brokers_close_is_the_last_packet() {
    let close = || Outgoing::Close { reason: ReasonCode::SessionTakenOver, why: "taken over" };
    let mut rig = Rig::v5(unlimited(), CURIOUS);
    let expected = packet(0xe0, &[b"\x8e", &section(b"\x1f\0\x0ataken over")]);
    assert_eq!(rig.encode(close()), expected);
    assert!(rig.connection.is_closing());
    assert_eq!(rig.encode(Outgoing::PingResp), b"");
    assert_eq!(rig.receive(b"\xc0\0"), 2);
    assert!(rig.inputs.is_empty());
    let ended = Ended::ByServer { reason: ReasonCode::SessionTakenOver, why: "taken over" };
    assert_eq!(rig.connection.ended(), Some(&ended));

    let mut rig = Rig::v311(unlimited());
    assert_eq!(rig.encode(close()), b"");
    assert!(rig.connection.is_closing());
}

// [MQTT-3.1.2-24] [MQTT-3.14.2-3]
#[test]
fn the_words_of_a_disconnect_are_left_out_where_unwanted_or_too_long() {
    let close = || Outgoing::Close { reason: ReasonCode::ServerShuttingDown, why: "bye" };
    let with_words = b"\xe0\x08\x8b\x06\x1f\0\x03bye";
    for (properties, expected) in [
        (QUIET, &b"\xe0\x01\x8b"[..]),
        (b"", with_words),
        (CURIOUS, with_words),
        (b"\x17\x01\x27\0\0\0\x0a", with_words),
        (b"\x17\x01\x27\0\0\0\x09", b"\xe0\x01\x8b"),
    ] {
        assert_eq!(Rig::v5(unlimited(), properties).encode(close()), expected);
    }
}

// [MQTT-3.14.2-3]
#[test]
fn a_mistake_of_the_client_is_put_in_words_only_on_request() {
    let close = || Outgoing::Close { reason: ReasonCode::ReceiveMaximumExceeded, why: "bye" };
    for (properties, expected) in [
        (&b""[..], &b"\xe0\x01\x93"[..]),
        (QUIET, b"\xe0\x01\x93"),
        (CURIOUS, b"\xe0\x08\x93\x06\x1f\0\x03bye"),
    ] {
        assert_eq!(Rig::v5(unlimited(), properties).encode(close()), expected);
    }
}
