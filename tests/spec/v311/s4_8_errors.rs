use super::{CLEAN, assert_connect, assert_fatal, connect_bytes, publish_bytes};
use crate::common::{AtMostOnce, V311, World, will};

// [MQTT-4.8.0-1]
#[test]
fn packets_that_only_a_server_sends_close_the_connection() {
    assert_fatal(b"\x20\x02\0\0");
    assert_fatal(b"\x90\x03\0\x01\0");
    assert_fatal(b"\xb0\x02\0\x01");
    assert_fatal(b"\xd0\0");
}

// [MQTT-4.8.0-1]
#[test]
fn packet_types_that_do_not_exist_close_the_connection() {
    for first in (0x00..=0x0F).chain(0xF0..=0xFF) {
        assert_fatal(&[first, 0]);
    }
}

// [MQTT-4.8.0-1]
#[test]
fn a_remaining_length_of_more_than_four_bytes_closes_the_connection() {
    assert_fatal(b"\x30\x80\x80\x80\x80\x01");
    assert_fatal(b"\x30\xff\xff\xff\xff");
}

// [MQTT-4.8.0-1]
#[test]
fn a_packet_that_ends_in_the_middle_of_a_field_closes_the_connection() {
    assert_fatal(b"\x82\x05\0\x01\0\x02a");
    assert_fatal(b"\x82\x05\0\x01\0\x01a");
    assert_fatal(b"\xa2\x03\0\x01\0");
    assert_fatal(b"\xa2\x05\0\x01\0\x02a");
    assert_fatal(b"\x30\x02\0\x01");
}

// [MQTT-4.8.0-1]
#[test]
fn what_follows_a_violation_is_not_processed_and_what_was_before_is() {
    let world = World::new();
    let mut watcher = world.connect(V311, "watcher").open();
    watcher.subscribe("#", AtMostOnce);
    let last_will = will("will", "gone", AtMostOnce);
    let mut client = world.connect(V311, "client").will(last_will).open();

    let (before, after) = (publish_bytes("t", b"before"), publish_bytes("t", b"after"));
    client.send_bytes(&[&before[..], b"\xf0\0", &after].concat());

    client.expect_closed();
    assert_eq!(watcher.texts(), ["before", "gone"]);
}

// [MQTT-4.8.0-2]
#[test]
fn a_server_that_has_no_room_for_a_client_closes_its_connection() {
    let world = World::with(|settings, _| settings.sessions_max = 1);
    let first = world.connect(V311, "first").open();
    let connect = connect_bytes(CLEAN, &[b"\0\x01c"]);

    assert_connect(&world, &connect, b"\x20\x02\0\x03").expect_closed();

    first.disconnect();
    assert_connect(&world, &connect, b"\x20\x02\0\0").ping();
}

// [MQTT-4.8.0-2]
#[test]
fn a_packet_that_is_larger_than_the_server_takes_closes_the_connection() {
    let world = World::with(|_, limits| limits.maximum_packet_size = 100);
    let mut client = world.connect(V311, "client").open();

    client.send_bytes(&publish_bytes("t", &[b'x'; 95]));
    client.ping();
    client.send_bytes(&publish_bytes("t", &[b'x'; 96]));

    client.expect_closed();
}
