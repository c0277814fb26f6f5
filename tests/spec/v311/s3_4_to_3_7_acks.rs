use super::assert_fatal;
use crate::common::{ExactlyOnce, V311, World};

// [MQTT-3.6.1-1]
#[test]
fn pubrel_with_other_flags_closes_the_connection() {
    for flags in (0..16).filter(|flags| *flags != 0b0010) {
        let mut client = World::new().connect(V311, "client").open();
        client.send_bytes(b"\x34\x05\0\x01t\0\x01");
        assert_eq!(client.expect_bytes(), b"\x50\x02\0\x01");

        client.send_bytes(&[0x60 | flags, 2, 0, 1]);

        client.expect_closed();
    }
}

// [MQTT-3.6.1-1]
#[test]
fn pubrel_of_the_server_has_the_flags_0010() {
    let world = World::new();
    let mut subscriber = world.connect(V311, "subscriber").clean(false).open();
    subscriber.subscribe("t", ExactlyOnce);
    world.connect(V311, "publisher").open().publish("t", "", ExactlyOnce);
    assert_eq!(subscriber.expect_bytes(), b"\x34\x05\0\x01t\0\x01");

    subscriber.send_bytes(b"\x50\x02\0\x01");
    assert_eq!(subscriber.expect_bytes(), b"\x62\x02\0\x01");
    subscriber.drop_link();

    let mut subscriber = world.connect(V311, "subscriber").clean(false).open();
    assert_eq!(subscriber.expect_bytes(), b"\x62\x02\0\x01");
}

// [MQTT-4.8.0-1]
#[test]
fn an_acknowledgement_of_another_length_closes_the_connection() {
    for first in [0x40, 0x50, 0x62, 0x70] {
        assert_fatal(&[first, 0]);
        assert_fatal(&[first, 1, 0]);
        assert_fatal(&[first, 3, 0, 1, 0]);
        assert_fatal(&[first, 2, 0, 0]);
    }
}
