use super::{
    CLEAN, assert_fatal, assert_no_connect, connect_bytes, publish_bytes, subscribe_bytes,
    unsubscribe_bytes,
};
use crate::common::{AtMostOnce, V311, World, string};

/// Surrogates, overlong forms, a character above U+10FFFF, one cut short, bytes that never occur.
const NOT_UTF8: [&[u8]; 8] = [
    b"\xed\xa0\x80",
    b"a\xed\xbf\xbf",
    b"\xc0\x80",
    b"\xe0\x80\xaf",
    b"\xf4\x90\x80\x80",
    b"a\xc3",
    b"\x80",
    b"a\xff",
];

// [MQTT-1.5.3-1] [MQTT-3.3.2-1] [MQTT-3.8.3-1] [MQTT-3.10.3-1]
#[test]
fn a_topic_that_is_not_utf8_closes_the_connection() {
    for text in NOT_UTF8 {
        assert_fatal(&publish_bytes(text, b""));
        assert_fatal(&subscribe_bytes(text, 0));
        assert_fatal(&unsubscribe_bytes(text));
    }
}

// [MQTT-1.5.3-1] [MQTT-3.1.3-4] [MQTT-3.1.3-10] [MQTT-3.1.3-11]
#[test]
fn a_connect_with_a_string_that_is_not_utf8_is_not_answered() {
    for text in NOT_UTF8 {
        let text = string(text);
        assert_no_connect(&connect_bytes(CLEAN, &[&text]));
        assert_no_connect(&connect_bytes(CLEAN | 0x04, &[b"\0\x01c", &text, b"\0\0"]));
        assert_no_connect(&connect_bytes(CLEAN | 0x80, &[b"\0\x01c", &text]));
    }
}

// [MQTT-1.5.3-2]
#[test]
fn a_string_with_a_null_character_closes_the_connection() {
    assert_fatal(&publish_bytes("a\0", b""));
    assert_fatal(&subscribe_bytes("\0", 0));
    assert_fatal(&unsubscribe_bytes("a\0b"));
    assert_no_connect(&connect_bytes(CLEAN, &[b"\0\x02c\0"]));
    assert_no_connect(&connect_bytes(CLEAN | 0x04, &[b"\0\x01c", b"\0\x01\0", b"\0\0"]));
    assert_no_connect(&connect_bytes(CLEAN | 0x80, &[b"\0\x01c", b"\0\x02u\0"]));
}

// [MQTT-1.5.3-3]
#[test]
fn a_byte_order_mark_is_a_character_of_the_topic() {
    let world = World::new();
    let mut marked = world.connect(V311, "marked").open();
    marked.subscribe("\u{feff}a", AtMostOnce);
    let mut plain = world.connect(V311, "plain").open();
    plain.subscribe("a", AtMostOnce);
    let mut publisher = world.connect(V311, "publisher").open();

    publisher.send_bytes(b"\x30\x06\0\x04\xef\xbb\xbfa");

    assert_eq!(marked.expect_bytes(), b"\x30\x06\0\x04\xef\xbb\xbfa");
    plain.expect_nothing();
}

// [MQTT-1.5.3-3]
#[test]
fn a_byte_order_mark_is_a_character_of_the_client_identifier() {
    let world = World::new();
    let mut plain = world.connect(V311, "c").open();

    world.connect(V311, "\u{feff}c").open();

    plain.ping();
}
