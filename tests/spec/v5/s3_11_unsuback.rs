use crate::common::*;

// [MQTT-3.11.2-1] [MQTT-3.11.2-2]
#[test]
fn an_unsuback_to_a_client_without_room_for_properties_has_none() {
    let mut client = World::new().connect(V5, "client").maximum_packet_size(8).open();

    client.send_bytes(b"\xa2\x09\0\x01\0\0\x01t\0\x01u");

    assert_eq!(client.expect_bytes(), b"\xb0\x05\0\x01\0\x11\x11");
}

// [MQTT-3.11.3-1] [MQTT-3.11.3-2]
#[test]
fn the_reason_codes_stand_in_the_order_of_the_topic_filters_and_are_those_of_unsuback() {
    let world = World::with(|_, limits| limits.topic_levels_max = 2);
    let mut client = world.connect(V5, "client").open();
    client.subscribe("a", AtMostOnce);
    client.subscribe("c", AtMostOnce);

    let filters = [&b"\0\x01\0"[..], b"\0\x01z", b"\0\x01c", b"\0\x05a/b/c", b"\0\x01a"];
    client.send_bytes(&packet(0xa2, &filters));

    assert_eq!(client.expect_bytes(), b"\xb0\x07\0\x01\0\x11\0\x8f\0");
}
