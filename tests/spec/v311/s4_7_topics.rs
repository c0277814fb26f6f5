use super::{
    assert_fatal, assert_no_connect, connect_bytes, publish_bytes, subscribe_bytes,
    unsubscribe_bytes,
};
use crate::common::{AtLeastOnce, AtMostOnce, V311, World};

// [MQTT-4.7.1-1]
#[test]
fn wildcards_stand_in_filters_and_never_in_names() {
    assert_matches("a/+", "a/b", true);
    assert_matches("#", "a", true);
    for name in ["+", "#", "a/+", "a/#", "a/b+", "#a"] {
        assert_fatal(&publish_bytes(name, b""));
        let payload: [&[u8]; 4] = [b"\0\x01c\0", &[name.len() as u8], name.as_bytes(), b"\0\0"];
        assert_no_connect(&connect_bytes(0x06, &payload));
    }
}

// [MQTT-4.7.1-2]
#[test]
fn the_multi_level_wildcard_is_a_level_of_its_own_and_the_last_one() {
    for filter in ["a#", "a/b#", "#/a", "a/#/b", "##", "#/", "+#", "a/#+"] {
        assert_fatal(&subscribe_bytes(filter, 0));
        assert_fatal(&unsubscribe_bytes(filter));
    }
    for name in ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/a/b"]
    {
        assert_matches("sport/tennis/player1/#", name, true);
    }
    assert_matches("sport/#", "sport", true);
    assert_matches("sport/#", "sport/", true);
    assert_matches("sport/#", "sports", false);
    assert_matches("#", "/a//", true);
}

// [MQTT-4.7.1-3]
#[test]
fn the_single_level_wildcard_fills_one_level() {
    for filter in ["a+", "+a", "a/b+", "a/+b/c", "++", "+/a+"] {
        assert_fatal(&subscribe_bytes(filter, 0));
        assert_fatal(&unsubscribe_bytes(filter));
    }
    assert_matches("sport/tennis/+", "sport/tennis/player1", true);
    assert_matches("sport/tennis/+", "sport/tennis/player1/ranking", false);
    assert_matches("sport/+", "sport", false);
    assert_matches("sport/+", "sport/", true);
    assert_matches("+/+", "/finance", true);
    assert_matches("/+", "/finance", true);
    assert_matches("+", "/finance", false);
    assert_matches("+/tennis/#", "sport/tennis", true);
    assert_matches("sport/+/player1", "sport/tennis/player1", true);
}

// [MQTT-4.7.2-1]
#[test]
fn filters_that_begin_with_a_wildcard_pass_names_that_begin_with_a_dollar_by() {
    for filter in ["#", "+/monitor/Clients", "+/#", "+"] {
        assert_matches(filter, "$monitor", false);
        assert_matches(filter, "$x/monitor/Clients", false);
    }
    assert_matches("$x/#", "$x/monitor/Clients", true);
    assert_matches("$x/monitor/+", "$x/monitor/Clients", true);
    assert_matches("a/+", "a/$x", true);
}

// [MQTT-4.7.3-1]
#[test]
fn a_topic_has_at_least_one_character() {
    assert_fatal(&publish_bytes("", b""));
    assert_fatal(&subscribe_bytes("", 0));
    assert_fatal(&unsubscribe_bytes(""));
    assert_no_connect(&connect_bytes(0x06, &[b"\0\x01c", b"\0\0", b"\0\0"]));
    assert_matches("/", "/", true);
    assert_matches(" ", " ", true);
}

// [MQTT-4.7.3-2]
#[test]
fn a_topic_has_no_null_character() {
    for text in ["\0", "a\0", "a/\0/b"] {
        assert_fatal(&publish_bytes(text, b""));
        assert_fatal(&subscribe_bytes(text, 0));
        assert_fatal(&unsubscribe_bytes(text));
    }
}

// [MQTT-4.7.3-3]
#[test]
fn a_topic_may_be_as_long_as_its_length_field_can_say() {
    let longest = "x".repeat(65_535);
    assert_matches(&longest, &longest, true);
    assert_matches(&longest, &longest[1..], false);
    assert_matches("+", &longest, true);
}

// [MQTT-4.7.3-4]
#[test]
fn topics_are_compared_as_they_are() {
    for (filter, name) in [
        ("ACCOUNTS", "Accounts"),
        ("a b", "ab"),
        ("a ", "a"),
        ("/finance", "finance"),
        ("finance", "finance/"),
        ("a//b", "a/b"),
        ("\u{e4}", "a\u{308}"),
        ("a/./b", "a/b"),
        ("%61", "a"),
    ] {
        assert_matches(filter, name, false);
        assert_matches(name, filter, false);
        assert_matches(filter, filter, true);
    }
}

/// Whether a subscription gets live and retained messages of a topic.
#[track_caller]
fn assert_matches(filter: &str, name: &str, matches: bool) {
    let world = World::new();
    let mut early = world.connect(V311, "early").open();
    early.subscribe(filter, AtLeastOnce);
    world.connect(V311, "publisher").open().retain(name, "x", AtMostOnce);
    let mut late = world.connect(V311, "late").open();
    late.subscribe(filter, AtLeastOnce);

    for subscriber in [&mut early, &mut late] {
        let topics: Vec<_> = subscriber.messages().iter().map(|publish| publish.topic).collect();
        assert_eq!(topics == [name], matches, "{filter} {name}");
        assert!(matches || topics.is_empty());
    }
}
