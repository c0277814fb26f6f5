use crate::common::*;
use fulmar::types::ReasonCode::{
    MalformedPacket, NoMatchingSubscribers, NotAuthorized, ProtocolError, Success,
};

// [MQTT-4.7.0-1]
#[test]
fn a_topic_name_with_a_wildcard_closes_the_connection() {
    for topic in ["#", "+", "a/#", "a/+/b", "a+", "a#"] {
        let world = World::new();
        let mut watcher = world.connect(V5, "watcher").open();
        watcher.subscribe("#", AtMostOnce);
        let mut client = world.connect(V5, "client").open();

        client.send_bytes(&packet(0x30, &[&string(topic), b"\0"]));

        client.expect_disconnect(MalformedPacket);
        watcher.expect_nothing();
    }
}

// [MQTT-4.7.0-1]
#[test]
fn a_will_topic_with_a_wildcard_refuses_the_connection() {
    for topic in ["#", "a/+"] {
        let refused =
            World::new().connect(V5, "client").will(will(topic, "", AtMostOnce)).refused();
        assert_eq!(refused.reason, MalformedPacket);
    }
}

// [MQTT-4.7.1-1] [MQTT-4.7.1-2]
#[test]
fn a_topic_filter_with_a_misplaced_wildcard_closes_the_connection() {
    for filter in ["a#", "#a", "a/#/b", "#/", "a/b#", "##", "a+", "+a", "a/b+/c", "++", "+#", "#+"]
    {
        for prefix in ["", "$share/g/"] {
            let filter = string(format!("{prefix}{filter}"));
            let mut client = World::new().connect(V5, "client").open();
            client.send_bytes(&packet(0x82, &[b"\0\x01\0", &filter, b"\0"]));
            client.expect_disconnect(MalformedPacket);

            let mut client = World::new().connect(V5, "client").open();
            client.send_bytes(&packet(0xa2, &[b"\0\x01\0", &filter]));
            client.expect_disconnect(MalformedPacket);
        }
    }
}

// [MQTT-4.7.1-1] [MQTT-4.7.1-2]
#[test]
fn wildcards_match_the_levels_that_they_stand_for() {
    for (filter, matching, others) in [
        ("#", &["a", "/", "a/b/c", "/a"][..], &[][..]),
        ("a/#", &["a", "a/", "a/b", "a/b/c"], &["b", "aa", "/a"]),
        ("+", &["a"], &["/", "a/", "/a", "a/b"]),
        ("+/+", &["a/b", "/", "/a", "a/"], &["a", "a/b/c"]),
        ("/+", &["/a", "/"], &["a", "/a/"]),
        ("+/b/#", &["a/b", "/b", "a/b/c/d"], &["b", "a/c/b"]),
        ("a/+/c", &["a/b/c", "a//c"], &["a/c", "a/b/b/c"]),
        ("a/+/#", &["a/", "a/b", "a/b/c"], &["a"]),
    ] {
        let world = World::new();
        let mut client = world.connect(V5, "client").open();
        client.subscribe(filter, AtMostOnce);
        for topic in matching {
            assert_eq!(client.publish(topic, "", AtLeastOnce), Success, "{filter} {topic}");
            client.expect_text(topic, "");
        }
        for topic in others {
            let reason = client.publish(topic, "", AtLeastOnce);
            assert_eq!(reason, NoMatchingSubscribers, "{filter} {topic}");
        }
    }
}

// [MQTT-4.7.2-1]
#[test]
fn a_leading_wildcard_does_not_match_a_topic_that_begins_with_a_dollar() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.retain("$own/a", "kept", AtLeastOnce);
    for filter in ["#", "+/a", "+/#", "$share/g/#", "$share/g/+/a"] {
        let mut client = world.connect(V5, "client").open();
        client.subscribe(filter, AtLeastOnce);
        assert_eq!(publisher.publish("$own/a", "", AtLeastOnce), NoMatchingSubscribers);
        client.expect_nothing();
    }
    for filter in ["$own/#", "$own/+", "$own/a"] {
        let mut client = world.connect(V5, "client").open();
        client.subscribe(filter, AtLeastOnce);
        publisher.publish("$own/a", "live", AtLeastOnce);
        assert_eq!(client.texts(), ["kept", "live"]);
    }
}

// [MQTT-4.7.2-1]
#[test]
fn what_the_server_tells_of_itself_is_not_for_leading_wildcards() {
    let world = World::with(|settings, _| settings.sys_interval_secs = 10);
    let mut client = world.connect(V5, "client").open();
    client.subscribe("#", AtMostOnce);
    client.subscribe("+/broker/uptime", AtMostOnce);
    let mut curious = world.connect(V5, "curious").open();
    curious.subscribe("$SYS/broker/uptime", AtMostOnce);

    world.advance_secs(100);

    client.expect_nothing();
    assert!(!curious.messages().is_empty());
}

// Section 4.7.2
#[test]
fn nobody_but_the_server_publishes_under_sys_not_even_by_a_will() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("$SYS/#", AtMostOnce);

    let forged = || will("$SYS/broker/version", "forged", AtMostOnce);
    assert_eq!(world.connect(V5, "client").will(forged()).refused().reason, NotAuthorized);
    assert_eq!(world.connect(V311, "client").will(forged()).refused().reason, NotAuthorized);
    let mut client = world.connect(V5, "client").open();
    let reason = client.publish("$SYS/broker/version", "forged", AtLeastOnce);

    assert_eq!(reason, NotAuthorized);
    watcher.expect_nothing();
}

// [MQTT-4.7.2-1]
#[test]
fn a_dollar_behind_the_first_character_is_like_any_other() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("#", AtMostOnce);
    for topic in ["a$", "a/$b", "/$SYS"] {
        client.publish(topic, "", AtMostOnce);
        client.expect_text(topic, "");
    }
}

// [MQTT-4.7.3-1]
#[test]
fn an_empty_topic_name_or_topic_filter_closes_the_connection() {
    for (bytes, reason) in [
        (&b"\x30\x03\0\0\0"[..], ProtocolError),
        (b"\x82\x06\0\x01\0\0\0\0", MalformedPacket),
        (b"\xa2\x05\0\x01\0\0\0", MalformedPacket),
    ] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(reason);
    }
}

// [MQTT-4.7.3-1]
#[test]
fn an_empty_will_topic_refuses_the_connection() {
    let refused = World::new().connect(V5, "client").will(will("", "", AtMostOnce)).refused();
    assert!([MalformedPacket, ProtocolError].contains(&refused.reason));
}

// [MQTT-4.7.3-2]
#[test]
fn the_null_character_in_a_topic_name_or_topic_filter_closes_the_connection() {
    for text in ["\0", "a\0b", "a/\0"] {
        for bytes in [
            packet(0x30, &[&string(text), b"\0"]),
            packet(0x82, &[b"\0\x01\0", &string(text), b"\0"]),
            packet(0x82, &[b"\0\x01\0", &string(format!("$share/g/{text}")), b"\0"]),
            packet(0xa2, &[b"\0\x01\0", &string(text)]),
        ] {
            let mut client = World::new().connect(V5, "client").open();
            client.send_bytes(&bytes);
            client.expect_disconnect(MalformedPacket);
        }
    }
}

// [MQTT-4.7.3-3]
#[test]
fn topic_names_and_topic_filters_may_have_65535_bytes() {
    let world = World::new();
    let topic = format!("{}{}", "é".repeat(32_767), "x");
    assert_eq!(topic.len(), 65_535);
    let mut client = world.connect(V5, "client").open();
    client.subscribe(&topic, AtLeastOnce);

    world.connect(V5, "publisher").open().publish(&topic, "x", AtLeastOnce);

    client.expect_text(&topic, "x");
    assert_eq!(client.unsubscribe(&topic), Success);
}

// [MQTT-4.7.3-3]
#[test]
fn a_length_of_65535_bytes_that_the_packet_does_not_have_closes_the_connection() {
    for bytes in
        [&b"\x30\x03\xff\xffa"[..], b"\x82\x06\0\x01\0\xff\xffa", b"\xa2\x06\0\x01\0\xff\xffa"]
    {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-4.7.3-4]
#[test]
fn topics_that_differ_in_any_character_are_different() {
    let topics = [
        "a/b",
        "A/b",
        "a/b/",
        "/a/b",
        "a//b",
        "a/./b",
        "a/../b",
        "a\\b",
        "a/b ",
        " a/b",
        "a%2Fb",
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{feff}a/b",
        "a\u{200b}/b",
        "\u{fffd}",
        "\u{10ffff}",
    ];
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    for filter in topics {
        let mut client = world.connect(V5, "client").open();
        client.subscribe(filter, AtMostOnce);
        for topic in topics {
            publisher.publish(topic, topic, AtMostOnce);
        }
        client.expect_text(filter, filter);
        client.expect_nothing();
    }
}

// [MQTT-4.7.3-4]
#[test]
fn retained_messages_are_found_by_exactly_their_topic() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    for topic in ["a/b", "A/b", "a/b/", "/a/b", "a//b", "caf\u{e9}", "cafe\u{301}"] {
        publisher.retain(topic, topic, AtMostOnce);
    }
    for topic in ["a/b", "A/b", "a/b/", "/a/b", "a//b", "caf\u{e9}", "cafe\u{301}"] {
        let mut client = world.connect(V5, "client").open();
        client.subscribe(topic, AtMostOnce);
        assert_eq!(client.texts(), [topic]);
    }
}
