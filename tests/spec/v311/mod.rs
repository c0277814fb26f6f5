//! MQTT 3.1.1, and what 3.1 does otherwise. Statements that no server can violate are listed in
//! `client-only-3.1.1.txt`, those about what the server does not have yet in `later-3.1.1.txt`.

mod level_3;
mod s1_data;
mod s2_format;
mod s3_10_unsubscribe;
mod s3_12_ping;
mod s3_14_disconnect;
mod s3_1_connect_actions;
mod s3_1_connect_flags;
mod s3_1_connect_payload;
mod s3_1_connect_session;
mod s3_1_connect_will;
mod s3_2_connack;
mod s3_3_publish;
mod s3_3_publish_retain;
mod s3_4_to_3_7_acks;
mod s3_8_subscribe;
mod s3_8_subscribe_actions;
mod s4_1_state;
mod s4_3_qos;
mod s4_4_resend;
mod s4_6_order;
mod s4_7_topics;
mod s4_8_errors;
mod s6_websocket;

use crate::common::{Client, QoS, V311, World, packet, string};

/// Each QoS.
const EVERY_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// The connect flag Clean Session.
const CLEAN: u8 = 0b0000_0010;

/// CONNECT without keep alive.
fn connect_bytes(flags: u8, payload: &[&[u8]]) -> Vec<u8> {
    packet(0x10, &[b"\0\x04MQTT\x04", &[flags], b"\0\0", &payload.concat()])
}

/// SUBSCRIBE of one filter; its packet id is 1.
fn subscribe_bytes(filter: impl AsRef<[u8]>, qos: u8) -> Vec<u8> {
    packet(0x82, &[b"\0\x01", &string(filter), &[qos]])
}

/// UNSUBSCRIBE of one filter; its packet id is 1.
fn unsubscribe_bytes(filter: impl AsRef<[u8]>) -> Vec<u8> {
    packet(0xA2, &[b"\0\x01", &string(filter)])
}

/// PUBLISH of QoS 0.
fn publish_bytes(topic: impl AsRef<[u8]>, payload: &[u8]) -> Vec<u8> {
    packet(0x30, &[&string(topic), payload])
}

/// A connected client that sends these bytes is closed without an answer.
#[track_caller]
fn assert_fatal(bytes: &[u8]) {
    let mut client = World::new().connect(V311, "client").open();
    client.send_bytes(bytes);
    client.expect_closed();
}

/// A CONNECT in these bytes is not answered, the link is closed.
#[track_caller]
fn assert_no_connect(bytes: &[u8]) {
    let mut client = World::new().connect_raw().speaking(V311);
    client.send_bytes(bytes);
    client.expect_closed();
}

/// A CONNECT in these bytes is answered with these.
#[track_caller]
fn assert_connect(world: &World, bytes: &[u8], answer: &[u8]) -> Client {
    let mut client = world.connect_raw().speaking(V311);
    client.send_bytes(bytes);
    assert_eq!(client.expect_bytes(), answer);
    client
}
