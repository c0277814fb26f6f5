use crate::common::*;
use fulmar::request::{AuthAnswer, AuthRequest, Identity};
use fulmar::types::ReasonCode::{MalformedPacket, ProtocolError};

/// AUTH with 0x18 or 0x19, method "M" and data "a".
const CONTINUE: &[u8] = b"\xf0\x0a\x18\x08\x15\0\x01M\x16\0\x01a";
const RE_AUTHENTICATE: &[u8] = b"\xf0\x0a\x19\x08\x15\0\x01M\x16\0\x01a";

// [MQTT-3.15.1-1]
#[test]
fn an_auth_with_reserved_flags_closes_the_connection() {
    for flags in 1..16 {
        let mut client = in_exchange(1_000);
        client.send_bytes(&flagged(CONTINUE, flags));
        assert_eq!(client.expect_connack().reason, MalformedPacket);
        client.expect_closed();

        let mut client = in_exchange(1_000);
        client.send_bytes(CONTINUE);
        assert!(!client.expect_connack().reason.is_error());
        client.send_bytes(&flagged(RE_AUTHENTICATE, flags));
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.15.2-1]
#[test]
fn the_server_sends_continue_while_it_wants_more_and_success_at_the_end() {
    let mut client = in_exchange(1_000);
    client.send_bytes(CONTINUE);
    assert!(!client.expect_connack().reason.is_error());

    client.send_bytes(RE_AUTHENTICATE);
    assert_eq!(client.expect_bytes(), b"\xf0\x0a\x18\x08\x15\0\x01M\x16\0\x01b");

    client.send_bytes(CONTINUE);
    assert_eq!(client.expect_bytes(), b"\xf0\x06\0\x04\x15\0\x01M");
}

// [MQTT-3.15.2-1]
#[test]
fn an_auth_with_the_reason_code_of_another_packet_is_a_protocol_error() {
    for reason in [0x01, 0x10, 0x80, 0x87, 0x8c] {
        let mut client = in_exchange(1_000);
        let mut auth = CONTINUE.to_vec();
        auth[2] = reason;
        client.send_bytes(&auth);
        assert_eq!(client.expect_connack().reason, ProtocolError);
        client.expect_closed();
    }
}

// [MQTT-3.15.2-1]
#[test]
fn only_a_server_sends_auth_with_success() {
    for auth in [&b"\xf0\0"[..], b"\xf0\x06\0\x04\x15\0\x01M"] {
        let mut client = in_exchange(1_000);
        client.send_bytes(CONTINUE);
        assert!(!client.expect_connack().reason.is_error());
        client.send_bytes(auth);
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-3.15.2-2] [MQTT-3.15.2-3]
#[test]
fn an_auth_to_a_client_without_room_for_more_has_method_and_data_alone() {
    let mut client = in_exchange(12);
    client.send_bytes(CONTINUE);
    assert!(!client.expect_connack().reason.is_error());

    client.send_bytes(RE_AUTHENTICATE);

    assert_eq!(client.expect_bytes(), b"\xf0\x0a\x18\x08\x15\0\x01M\x16\0\x01b");
}

/// A client that has got AUTH with data "b" in answer to its CONNECT; its next AUTH is the last.
fn in_exchange(maximum_packet_size: u32) -> Client {
    let world = World::new().authenticated_by(two_rounds);
    let connecting = world.connect(V5, "client").maximum_packet_size(maximum_packet_size);
    let mut client = connecting.with(|connect| connect.authentication_method = Some("M")).send();
    assert_eq!(client.expect_bytes(), b"\xf0\x0a\x18\x08\x15\0\x01M\x16\0\x01b");
    client
}

fn two_rounds(request: AuthRequest) -> AuthAnswer {
    match request {
        AuthRequest::Continue { .. } => {
            AuthAnswer::Accept { identity: Identity::default(), data: None, valid_for: None }
        }
        _ => AuthAnswer::Continue { data: b"b".to_vec(), state: Box::default() },
    }
}

fn flagged(packet: &[u8], flags: u8) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[0] |= flags;
    packet
}
