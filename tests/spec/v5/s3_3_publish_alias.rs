use crate::common::*;
use fulmar::types::ReasonCode::{ProtocolError, TopicAliasInvalid};

// [MQTT-3.3.2-7]
#[test]
fn an_alias_of_the_client_ends_with_its_connection() {
    let world = World::new();
    let mut client = world.connect(V5, "client").persistent().open();
    client.send_bytes(b"\x30\x07\0\x01t\x03\x23\0\x01");
    client.send_bytes(b"\x30\x06\0\0\x03\x23\0\x01");
    client.expect_nothing();
    client.drop_link();

    let mut client = world.connect(V5, "client").persistent().open();
    client.send_bytes(b"\x30\x06\0\0\x03\x23\0\x01");

    client.expect_disconnect(ProtocolError);
}

// [MQTT-3.3.2-7]
#[test]
fn an_alias_of_the_server_ends_with_the_connection() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let connect = || world.connect(V5, "client").persistent().topic_alias_maximum(5);
    let mut client = connect().open();
    client.subscribe("long/topic", AtLeastOnce);
    publisher.publish("long/topic", "1", AtLeastOnce);
    assert_eq!(client.expect_message().topic, "long/topic");
    publisher.publish("long/topic", "2", AtLeastOnce);
    assert_eq!(client.expect_publish().topic, "");
    client.drop_link();

    let mut client = connect().open();

    let again = client.expect_publish();
    assert_eq!((again.topic, again.payload, again.dup), ("long/topic", &b"2"[..], true));
}

// [MQTT-3.3.2-8]
#[test]
fn the_topic_alias_0_is_invalid() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x30\x07\0\x01t\x03\x23\0\0");
    client.expect_disconnect(TopicAliasInvalid);
}

// [MQTT-3.3.2-9]
#[test]
fn a_topic_alias_above_the_maximum_is_invalid() {
    let world = World::with(|_, limits| limits.topic_alias_maximum = 2);
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("t", AtMostOnce);
    for alias in [b"\0\x03", b"\xff\xff"] {
        let mut client = world.connect(V5, "client").open();
        client.send_bytes(&packet(0x30, &[b"\0\x01t\x03\x23", alias]));
        client.expect_disconnect(TopicAliasInvalid);
    }
    watcher.expect_nothing();
}

// [MQTT-3.3.2-12]
#[test]
fn every_topic_alias_up_to_the_maximum_is_accepted() {
    let world = World::with(|_, limits| limits.topic_alias_maximum = 300);
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("#", AtMostOnce);
    let mut client = world.connect(V5, "client").open();
    for alias in (1..=300u16).rev() {
        let topic = format!("t/{alias}");
        client.send_bytes(&packet(0x30, &[&string(&topic), b"\x03\x23", &alias.to_be_bytes()]));
        watcher.expect_text(&topic, "");
    }
    for alias in 1..=300u16 {
        client.send_bytes(&packet(0x30, &[b"\0\0\x03\x23", &alias.to_be_bytes(), b"again"]));
        watcher.expect_text(&format!("t/{alias}"), "again");
    }
}

// [MQTT-3.3.2-12]
#[test]
fn an_alias_can_be_given_another_topic() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("#", AtMostOnce);
    let mut client = world.connect(V5, "client").open();

    client.send_bytes(b"\x30\x07\0\x01a\x03\x23\0\x01");
    client.send_bytes(b"\x30\x07\0\x01b\x03\x23\0\x01");
    client.send_bytes(b"\x30\x06\0\0\x03\x23\0\x01");

    let topics: Vec<_> = watcher.messages().iter().map(|message| message.topic).collect();
    assert_eq!(topics, ["a", "b", "b"]);
}

// [MQTT-3.1.2-26] [MQTT-3.3.2-8] [MQTT-3.3.2-11]
#[test]
fn the_server_sends_aliases_from_1_to_the_maximum_of_the_client() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").topic_alias_maximum(2).open();
    client.subscribe("#", AtMostOnce);
    let mut known = [None; 3];

    for round in 0..30 {
        let topic = format!("topic/{}", round % 3 + round / 10);
        publisher.publish(&topic, "", AtMostOnce);

        let message = client.expect_message();
        let alias = message.properties.topic_alias;
        assert!(alias.is_none_or(|alias| (1..=2).contains(&alias)), "{alias:?}");
        if let (Some(alias), false) = (alias, message.topic.is_empty()) {
            known[usize::from(alias)] = Some(message.topic);
        }
        let meant = match message.topic {
            "" => known[usize::from(alias.expect("no topic"))],
            topic => Some(topic),
        };
        assert_eq!(meant, Some(&topic[..]));
    }
    assert!(known[1].is_some() && known[2].is_some());
}

// [MQTT-3.1.2-27]
#[test]
fn a_client_without_a_topic_alias_maximum_is_sent_no_aliases() {
    for maximum in [None, Some(0)] {
        let world = World::new();
        let connecting = world.connect(V5, "client");
        let mut client = connecting.with(|packet| packet.topic_alias_maximum = maximum).open();
        client.subscribe("long/topic", AtMostOnce);
        for _ in 0..3 {
            client.publish("long/topic", "", AtMostOnce);
            let message = client.expect_message();
            assert_eq!((message.topic, message.properties.topic_alias), ("long/topic", None));
        }
    }
}
