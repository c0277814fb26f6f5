use crate::common::*;
use fulmar::types::ReasonCode::ProtocolError;

// [MQTT-3.7.2-1]
#[test]
fn a_pubcomp_says_whether_the_packet_identifier_was_found() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x34\x06\0\x01t\0\x01\0");
    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01");

    client.send_bytes(b"\x62\x02\0\x01");
    assert_eq!(client.expect_bytes(), b"\x70\x02\0\x01");

    client.send_bytes(b"\x62\x02\0\x01");
    assert_eq!(client.expect_bytes(), b"\x70\x03\0\x01\x92");
}

// [MQTT-3.7.2-1]
#[test]
fn a_pubcomp_with_the_reason_code_of_another_packet_closes_the_connection() {
    for reason in [0x10, 0x80, 0x87, 0x91] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&[0x70, 3, 0, 1, reason]);
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-3.7.2-2] [MQTT-3.7.2-3]
#[test]
fn a_pubcomp_to_a_client_without_room_for_properties_has_none() {
    let mut client = World::new().connect(V5, "client").maximum_packet_size(8).open();

    client.send_bytes(b"\x62\x02\0\x09");

    assert_eq!(client.expect_bytes(), b"\x70\x03\0\x09\x92");
}
