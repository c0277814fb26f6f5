use crate::websocket;

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c";

// [MQTT-6.0.0-1]
#[test]
fn a_text_frame_closes_the_connection() {
    websocket::expect_text_to_close(CONNECT);
}

// [MQTT-6.0.0-2]
#[test]
fn packets_are_independent_of_frames() {
    websocket::expect_frames_to_be_no_packets(CONNECT);
}

// [MQTT-6.0.0-3]
#[test]
fn a_client_that_does_not_offer_mqtt_is_refused() {
    websocket::expect_others_to_be_refused();
}

// [MQTT-6.0.0-4]
#[test]
fn the_server_chooses_mqtt() {
    websocket::expect_mqtt_to_be_chosen();
}
