use super::{CLEAN, assert_connect, assert_no_connect, connect_bytes, publish_bytes};
use crate::common::{AtMostOnce, V311, World, packet};

const ACCEPTED: &[u8] = b"\x20\x02\0\0";

// [MQTT-3.1.0-1]
#[test]
fn a_first_packet_that_is_not_connect_closes_the_connection() {
    for first in [&b"\x30\x03\0\x01t"[..], b"\xc0\0", b"\x82\x06\0\x01\0\x01a\0", b"\xe0\0", b"\0"]
    {
        assert_no_connect(first);
    }
}

// [MQTT-3.1.0-1]
#[test]
fn nothing_is_done_about_packets_before_connect() {
    let world = World::new();
    let mut watcher = world.connect(V311, "watcher").open();
    watcher.subscribe("#", AtMostOnce);

    let early = [publish_bytes("t", b"x"), connect_bytes(CLEAN, &[b"\0\x01c"])].concat();
    world.connect_raw().speaking(V311).send_bytes(&early);

    watcher.expect_nothing();
}

// [MQTT-3.1.0-2]
#[test]
fn a_second_connect_closes_the_connection() {
    let connect = connect_bytes(CLEAN, &[b"\0\x01c"]);
    let mut client = assert_connect(&World::new(), &connect, ACCEPTED);

    client.send_bytes(&connect);

    client.expect_closed();
}

// [MQTT-3.1.2-1]
#[test]
fn a_connect_with_another_protocol_name_is_not_answered() {
    for name in ["mqtt", "MQTt", "MQT", "MQTTX", "MQTT ", "AMQP", "MQIsdq", ""] {
        let name = [&(name.len() as u16).to_be_bytes()[..], name.as_bytes()].concat();
        assert_no_connect(&packet(0x10, &[&name, b"\x04\x02\0\0\0\x01c"]));
    }
}

// [MQTT-3.1.2-2] [MQTT-3.2.2-5]
#[test]
fn an_unacceptable_protocol_level_is_answered_with_return_code_1_and_closed() {
    for level in [0, 1, 2, 3, 0x80, 0x83, 0x84] {
        let world = World::new();
        let connect = packet(0x10, &[b"\0\x04MQTT", &[level], b"\x02\0\0\0\x01c"]);
        assert_connect(&world, &connect, b"\x20\x02\0\x01").expect_closed();
    }
}

// [MQTT-3.1.2-3]
#[test]
fn a_connect_with_the_reserved_flag_is_not_answered() {
    assert_no_connect(&connect_bytes(0x03, &[b"\0\x01c"]));
    assert_no_connect(&connect_bytes(0x01, &[b"\0\x01c"]));
}

// [MQTT-3.1.2-9]
#[test]
fn the_will_flag_demands_a_will_topic_and_a_will_message() {
    assert_no_connect(&connect_bytes(0x06, &[b"\0\x01c"]));
    assert_no_connect(&connect_bytes(0x06, &[b"\0\x01c", b"\0\x01w"]));
    let whole = connect_bytes(0x06, &[b"\0\x01c", b"\0\x01w", b"\0\0"]);
    assert_connect(&World::new(), &whole, ACCEPTED);
}

// [MQTT-3.1.2-11]
#[test]
fn without_the_will_flag_there_is_no_will_topic_and_no_will_message() {
    assert_no_connect(&connect_bytes(CLEAN, &[b"\0\x01c", b"\0\x01w", b"\0\0"]));
}

// [MQTT-3.1.2-11] [MQTT-3.1.2-13]
#[test]
fn a_will_qos_without_the_will_flag_is_not_answered() {
    for flags in [0x0A, 0x12, 0x1A] {
        assert_no_connect(&connect_bytes(flags, &[b"\0\x01c"]));
    }
}

// [MQTT-3.1.2-14]
#[test]
fn a_will_qos_of_3_is_not_answered() {
    assert_no_connect(&connect_bytes(0x1E, &[b"\0\x01c", b"\0\x01w", b"\0\0"]));
    for flags in [0x06, 0x0E, 0x16] {
        let legal = connect_bytes(flags, &[b"\0\x01c", b"\0\x01w", b"\0\0"]);
        assert_connect(&World::new(), &legal, ACCEPTED);
    }
}

// [MQTT-3.1.2-11] [MQTT-3.1.2-15]
#[test]
fn a_will_retain_without_the_will_flag_is_not_answered() {
    assert_no_connect(&connect_bytes(0x22, &[b"\0\x01c"]));
}

// [MQTT-3.1.2-18]
#[test]
fn without_the_user_name_flag_there_is_no_user_name() {
    assert_no_connect(&connect_bytes(CLEAN, &[b"\0\x01c", b"\0\x01u"]));
}

// [MQTT-3.1.2-19]
#[test]
fn the_user_name_flag_demands_a_user_name() {
    assert_no_connect(&connect_bytes(0x82, &[b"\0\x01c"]));
    assert_no_connect(&connect_bytes(0x82, &[b"\0\x01c", b"\0\x02u"]));
    let whole = connect_bytes(0x82, &[b"\0\x01c", b"\0\x01u"]);
    assert_connect(&World::new(), &whole, ACCEPTED);
}

// [MQTT-3.1.2-20]
#[test]
fn without_the_password_flag_there_is_no_password() {
    assert_no_connect(&connect_bytes(0x82, &[b"\0\x01c", b"\0\x01u", b"\0\x01p"]));
}

// [MQTT-3.1.2-21]
#[test]
fn the_password_flag_demands_a_password() {
    assert_no_connect(&connect_bytes(0xC2, &[b"\0\x01c", b"\0\x01u"]));
    assert_no_connect(&connect_bytes(0xC2, &[b"\0\x01c", b"\0\x01u", b"\0\x02p"]));
    let whole = connect_bytes(0xC2, &[b"\0\x01c", b"\0\x01u", b"\0\x01p"]);
    assert_connect(&World::new(), &whole, ACCEPTED);
}

// [MQTT-3.1.2-22]
#[test]
fn a_password_without_a_user_name_is_not_answered() {
    assert_no_connect(&connect_bytes(0x42, &[b"\0\x01c", b"\0\x01p"]));
    assert_no_connect(&connect_bytes(0x42, &[b"\0\x01c"]));
}
