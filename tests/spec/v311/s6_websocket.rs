use crate::websocket::Server;

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c";
const PINGREQ: &[u8] = b"\xc0\0";
const PINGRESP: &[u8] = b"\xd0\0";

// [MQTT-6.0.0-1]
#[test]
fn a_text_frame_closes_the_connection() {
    let server = Server::start();
    let mut client = server.client();
    client.send(&[CONNECT, PINGREQ].concat());
    client.receive_until(PINGRESP);

    client.send_text("text");

    client.expect_close();
}

// [MQTT-6.0.0-2]
#[test]
fn packets_are_independent_of_frames() {
    let server = Server::start();
    let bytes = [CONNECT, &PINGREQ.repeat(3)].concat();
    for chunk in 1..=bytes.len() {
        let mut client = server.client();

        bytes.chunks(chunk).for_each(|part| client.send(part));

        let answer = client.receive_until(&PINGRESP.repeat(3));
        assert_eq!(answer[0], 0x20, "CONNACK, in frames of {chunk} bytes");
    }
}

// [MQTT-6.0.0-3]
#[test]
fn a_client_that_does_not_offer_mqtt_is_refused() {
    let server = Server::start();
    for subprotocols in [None, Some("chat"), Some("mqttx, amqp")] {
        assert_eq!(server.open(subprotocols).err(), Some(400), "{subprotocols:?}");
    }
}

// [MQTT-6.0.0-4]
#[test]
fn the_server_chooses_mqtt() {
    let server = Server::start();
    for subprotocols in ["mqtt", "chat, mqtt"] {
        let (_, chosen) = server.open(Some(subprotocols)).expect("opened");
        assert_eq!(chosen, "mqtt", "{subprotocols}");
    }
}
