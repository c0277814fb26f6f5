use crate::common::*;
use fulmar::types::ReasonCode::{self, ProtocolError};

// [MQTT-3.5.2-1]
#[test]
fn a_pubrec_says_in_its_own_reason_codes_what_became_of_the_message() {
    let world = World::with(|settings, limits| {
        settings.retained.messages_max = 0;
        limits.topic_levels_max = 2;
        limits.check_payload_format = true;
    });
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtMostOnce);
    for (publish, reason) in [
        (&b"\x34\x0a\0\x05$SYS/\0\x01\0"[..], ReasonCode::NotAuthorized),
        (b"\x34\x0a\0\x05a/b/c\0\x01\0", ReasonCode::TopicNameInvalid),
        (b"\x35\x07\0\x01r\0\x01\0x", ReasonCode::QuotaExceeded),
        (b"\x34\x09\0\x01t\0\x01\x02\x01\x01\xff", ReasonCode::PayloadFormatInvalid),
        (b"\x34\x06\0\x01t\0\x01\0", ReasonCode::Success),
    ] {
        client.send_bytes(publish);
        assert_eq!(client.expect_pubrec(packet_id(1)), reason);
    }
}

// [MQTT-3.5.2-1]
#[test]
fn a_pubrec_with_the_reason_code_of_another_packet_closes_the_connection() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", ExactlyOnce);
    world.connect(V5, "publisher").open().publish("t", "", ExactlyOnce);
    assert_eq!(client.expect_publish().packet_id, Some(packet_id(1)));

    client.send_bytes(b"\x50\x03\0\x01\x92");

    client.expect_disconnect(ProtocolError);
}

// [MQTT-3.5.2-2] [MQTT-3.5.2-3]
#[test]
fn a_pubrec_to_a_client_without_room_for_properties_has_none() {
    let mut client = World::new().connect(V5, "client").maximum_packet_size(8).open();

    client.send_bytes(b"\x34\x0a\0\x05$SYS/\0\x01\0");

    assert_eq!(client.expect_bytes(), b"\x50\x03\0\x01\x87");
}
