use crate::common::*;
use fulmar::types::ReasonCode::{MalformedPacket, ProtocolError};

// [MQTT-3.6.1-1]
#[test]
fn a_pubrel_with_other_flags_closes_the_connection() {
    for flags in (0..16).filter(|flags| *flags != 0b0010) {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(b"\x34\x06\0\x01t\0\x01\0");
        assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01");

        client.send_bytes(&[0x60 | flags, 2, 0, 1]);

        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.6.1-1] [MQTT-3.6.2-1]
#[test]
fn the_pubrel_of_the_server_has_the_flags_0010_and_success_goes_unsaid() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", ExactlyOnce);
    world.connect(V5, "publisher").open().publish("t", "", ExactlyOnce);
    client.expect_publish();

    client.send_bytes(b"\x50\x02\0\x01");

    assert_eq!(client.expect_bytes(), b"\x62\x02\0\x01");
}

// [MQTT-3.6.2-1]
#[test]
fn a_pubrec_that_no_message_belongs_to_is_answered_with_packet_identifier_not_found() {
    let mut client = World::new().connect(V5, "client").open();

    client.send_bytes(b"\x50\x02\0\x09");

    assert_eq!(client.expect_bytes(), b"\x62\x03\0\x09\x92");
}

// [MQTT-3.6.2-1]
#[test]
fn a_pubrel_with_the_reason_code_of_another_packet_closes_the_connection() {
    for reason in [0x10, 0x80, 0x87, 0x91] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&[0x62, 3, 0, 1, reason]);
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-3.6.2-2] [MQTT-3.6.2-3]
#[test]
fn a_pubrel_to_a_client_without_room_for_properties_has_none() {
    let mut client = World::new().connect(V5, "client").maximum_packet_size(8).open();

    client.send_bytes(b"\x50\x02\0\x09");

    assert_eq!(client.expect_bytes(), b"\x62\x03\0\x09\x92");
}
