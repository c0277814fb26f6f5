//! MQTT 3.1 (protocol name MQIsdp, level 3): what it does otherwise than 3.1.1.

use super::{EVERY_QOS, assert_connect};
use crate::common::{
    AtLeastOnce, AtMostOnce, Client, ExactlyOnce, V5, V31, V311, World, packet, string, will,
};

const ACCEPTED: &[u8] = b"\x20\x02\0\0";

#[test]
fn messages_go_between_clients_of_all_versions() {
    for other in [V31, V311, V5] {
        let world = World::new();
        let mut old = world.connect(V31, "old").open();
        old.subscribe("to/old", ExactlyOnce);
        let mut other = world.connect(other, "other").open();
        other.subscribe("to/other", ExactlyOnce);

        for qos in EVERY_QOS {
            old.publish("to/other", "hello", qos);
            other.publish("to/old", "hi", qos);

            other.expect_text("to/other", "hello");
            old.expect_text("to/old", "hi");
        }
    }
}

#[test]
fn connack_never_tells_of_a_session() {
    let world = World::new();
    let connect = connect_bytes(0, &[b"\0\x01c"]);
    let mut client = assert_connect(&world, &connect, ACCEPTED).speaking(V31);
    client.subscribe("t", AtLeastOnce);
    client.drop_link();
    world.connect(V5, "publisher").open().publish("t", "x", AtLeastOnce);

    let mut client = world.connect_raw().speaking(V31);
    client.send_bytes(&connect);

    assert_eq!(client.expect_bytes(), b"\x20\x02\0\0\x32\x06\0\x01t\0\x01x");
}

#[test]
fn a_client_identifier_may_not_be_empty() {
    for flags in [0x00, 0x02] {
        let connect = connect_bytes(flags, &[b"\0\0"]);
        assert_connect(&World::new(), &connect, b"\x20\x02\0\x02").expect_closed();
    }
}

#[test]
fn a_client_identifier_may_be_longer_than_23_characters() {
    let connect = connect_bytes(0x02, &[&string("x".repeat(24))]);
    assert_connect(&World::new(), &connect, ACCEPTED).ping();
}

#[test]
fn reserved_connect_flags_and_will_flags_without_a_will_are_ignored() {
    for flags in [0x03, 0x0A, 0x22, 0x32] {
        assert_connect(&World::new(), &connect_bytes(flags, &[b"\0\x01c"]), ACCEPTED).ping();
    }
}

#[test]
fn user_name_and_password_may_be_left_out_though_they_are_announced() {
    assert_connect(&World::new(), &connect_bytes(0xC2, &[b"\0\x01c"]), ACCEPTED).ping();
    let connect = connect_bytes(0xC2, &[b"\0\x01c", b"\0\x01u"]);
    assert_connect(&World::new(), &connect, ACCEPTED).ping();
}

#[test]
fn name_and_level_belong_together() {
    for (name, level) in [("MQIsdp", 4), ("MQTT", 3), ("MQIsdp", 2)] {
        let connect = packet(0x10, &[&string(name), &[level], b"\x02\0\0\0\x01c"]);
        assert_connect(&World::new(), &connect, b"\x20\x02\0\x01").expect_closed();
    }
}

#[test]
fn the_will_is_published_unless_the_client_disconnects() {
    let world = World::new();
    let mut heir = world.connect(V31, "heir").open();
    heir.subscribe("will", ExactlyOnce);
    let with_will = || world.connect(V31, "client").will(will("will", "gone", ExactlyOnce)).open();

    with_will().disconnect();
    heir.expect_nothing();
    with_will().drop_link();

    heir.expect_text("will", "gone");
}

#[test]
fn a_silent_client_is_disconnected() {
    let world = World::new();
    let mut client = world.connect(V31, "client").keep_alive(10).open();

    world.advance_secs(15);

    client.expect_closed();
}

#[test]
fn retained_messages_are_sent_with_retain() {
    let world = World::new();
    world.connect(V31, "publisher").open().retain("t", "kept", AtLeastOnce);
    let mut client = world.connect(V31, "client").open();

    client.subscribe("t", AtMostOnce);

    assert_eq!(client.expect_bytes(), b"\x31\x07\0\x01tkept");
}

#[test]
fn unfinished_exchanges_go_on_at_the_next_connection() {
    let world = World::new();
    let mut client = world.connect(V31, "client").clean(false).open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V31, "publisher").open();
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", ExactlyOnce);
    client.expect_bytes();
    client.send_bytes(b"\x50\x02\0\x02");
    client.drop_link();

    let mut client = world.connect(V31, "client").clean(false).open();

    assert_eq!(client.expect_bytes(), b"\x62\x02\0\x02\x3a\x06\0\x01t\0\x011");
}

#[test]
fn packets_that_are_sent_again_may_carry_dup() {
    let mut client = client();
    let mut answer = |bytes: &[u8]| {
        client.send_bytes(bytes);
        client.expect_bytes()
    };

    assert_eq!(answer(b"\x8a\x06\0\x01\0\x01a\x01"), b"\x90\x03\0\x01\x01");
    assert_eq!(answer(b"\xaa\x05\0\x02\0\x01a"), b"\xb0\x02\0\x02");
    assert_eq!(answer(b"\x34\x05\0\x01a\0\x03"), b"\x50\x02\0\x03");
    assert_eq!(answer(b"\x6a\x02\0\x03"), b"\x70\x02\0\x03");
}

#[test]
fn flags_that_a_packet_does_not_use_are_ignored() {
    let mut client = client();
    for first in [0x49, 0x5F, 0x61, 0x7D] {
        client.send_bytes(&[first, 2, 0, 9]);
        client.ping();
    }
}

#[test]
fn what_breaks_3_1_1_beyond_flags_breaks_3_1() {
    for bytes in
        [&b"\x36\x05\0\x01t\0\x01"[..], b"\x38\x03\0\x01t", b"\x82\x02\0\x01", b"\x30\x03\0\x01#"]
    {
        let mut client = client();
        client.send_bytes(bytes);
        client.expect_closed();
    }
}

fn connect_bytes(flags: u8, payload: &[&[u8]]) -> Vec<u8> {
    packet(0x10, &[b"\0\x06MQIsdp\x03", &[flags], b"\0\0", &payload.concat()])
}

fn client() -> Client {
    World::new().connect(V31, "client").open()
}
