use std::collections::BTreeSet;

use crate::common::*;
use fulmar::codec::LastWill;
use fulmar::types::ReasonCode::{
    GrantedQoS1, PacketTooLarge, QoSNotSupported, RetainNotSupported, Success, TopicAliasInvalid,
};

// [MQTT-3.2.2-9]
#[test]
fn a_server_without_every_qos_says_which_is_its_highest() {
    for (highest, told) in
        [(AtMostOnce, Some(AtMostOnce)), (AtLeastOnce, Some(AtLeastOnce)), (ExactlyOnce, None)]
    {
        let client = up_to(highest).connect(V5, "client").open();
        assert_eq!(client.connack.maximum_qos, told);
    }
}

// [MQTT-3.2.2-10]
#[test]
fn a_server_without_every_qos_still_takes_subscriptions_of_every_qos() {
    for (highest, granted) in [(AtMostOnce, Success), (AtLeastOnce, GrantedQoS1)] {
        let mut client = up_to(highest).connect(V5, "client").open();
        assert_eq!(client.subscribe("0", AtMostOnce), Success);
        assert_eq!(client.subscribe("1", AtLeastOnce), granted);
        assert_eq!(client.subscribe("2", ExactlyOnce), granted);
        client.publish("2", "hi", highest);
        client.expect_text("2", "hi");
    }
}

// [MQTT-3.2.2-11]
#[test]
fn a_publish_above_the_maximum_qos_is_not_supported() {
    for (highest, sent) in
        [(AtMostOnce, &b"\x32\x06\0\x01t\0\x01\0"[..]), (AtLeastOnce, b"\x34\x06\0\x01t\0\x01\0")]
    {
        let world = up_to(highest);
        let mut watcher = world.connect(V5, "watcher").open();
        watcher.subscribe("#", AtMostOnce);
        let mut client = world.connect(V5, "client").open();

        client.send_bytes(sent);

        client.expect_disconnect(QoSNotSupported);
        watcher.expect_nothing();
    }
}

// [MQTT-3.2.2-12]
#[test]
fn a_will_above_the_maximum_qos_is_refused() {
    let world = up_to(AtLeastOnce);
    let connack = world.connect(V5, "client").will(will("t", "", ExactlyOnce)).refused();
    assert_eq!(connack.reason, QoSNotSupported);
    world.connect(V5, "client").will(will("t", "", AtLeastOnce)).open().expect_nothing();
}

// [MQTT-3.2.2-13]
#[test]
fn a_retained_will_is_refused_where_nothing_is_retained() {
    let world = World::with(|_, limits| limits.retain_available = false);
    let retained = LastWill { retain: true, ..will("t", "gone", AtMostOnce) };
    assert_eq!(world.connect(V5, "client").will(retained).refused().reason, RetainNotSupported);
}

// [MQTT-3.2.2-14]
#[test]
fn a_retained_publish_is_not_supported_where_nothing_is_retained() {
    let world = World::with(|_, limits| limits.retain_available = false);
    let mut client = world.connect(V5, "client").open();
    assert_eq!(client.connack.retain_available, Some(false));

    client.send_bytes(b"\x31\x04\0\x01t\0");

    client.expect_disconnect(RetainNotSupported);
}

// [MQTT-3.2.2-15]
#[test]
fn a_packet_above_the_servers_maximum_packet_size_is_too_large() {
    let world = World::with(|_, limits| limits.maximum_packet_size = 50);
    let mut client = world.connect(V5, "client").open();
    assert_eq!(client.connack.maximum_packet_size, Some(50));
    client.subscribe("t", AtMostOnce);

    client.publish("t", [b'x'; 44], AtMostOnce);
    assert_eq!(client.expect_message().payload.len(), 44);

    client.publish("t", [b'x'; 45], AtMostOnce);
    client.expect_disconnect(PacketTooLarge);
}

// [MQTT-3.2.2-15]
#[test]
fn each_listener_holds_its_clients_to_the_maximum_packet_size_that_it_told_them() {
    let world = World::with(|_, limits| limits.maximum_packet_size = 50);
    let mut narrow = world.connect(V5, "narrow").open();
    world.change_limits(|limits| limits.maximum_packet_size = 60);
    let mut wide = world.connect(V5, "wide").open();
    assert_eq!(narrow.connack.maximum_packet_size, Some(50));
    assert_eq!(wide.connack.maximum_packet_size, Some(60));
    narrow.subscribe("t", AtMostOnce);

    wide.publish("t", [b'x'; 54], AtMostOnce);
    assert_eq!(narrow.expect_message().payload.len(), 54, "it is no limit for the broker");
    narrow.publish("t", [b'x'; 45], AtMostOnce);
    narrow.expect_disconnect(PacketTooLarge);

    wide.publish("t", [b'x'; 55], AtMostOnce);
    wide.expect_disconnect(PacketTooLarge);
}

// [MQTT-3.2.2-16] [MQTT-3.1.3-6]
#[test]
fn an_assigned_client_identifier_belongs_to_no_other_session() {
    let world = World::new();
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let client = world.connect(V5, "").clean(false).expiry(1000).open();
        assert!(!client.connack.session_present);
        assert!(seen.insert(client.connack.assigned_client_id.expect("assigned")));
        client.drop_link();
    }
    assert_eq!(world.shell().borrow().broker.sessions(), 100);
}

// [MQTT-3.2.2-17]
#[test]
fn a_topic_alias_above_the_servers_maximum_is_invalid() {
    let world = World::with(|_, limits| limits.topic_alias_maximum = 3);
    let mut client = world.connect(V5, "client").open();
    assert_eq!(client.connack.topic_alias_maximum, Some(3));

    client.send_bytes(b"\x30\x07\0\x01t\x03\x23\0\x03");
    client.expect_nothing();
    client.send_bytes(b"\x30\x07\0\x01t\x03\x23\0\x04");

    client.expect_disconnect(TopicAliasInvalid);
}

// [MQTT-3.2.2-18]
#[test]
fn a_topic_alias_is_invalid_where_the_server_gave_no_maximum() {
    let world = World::with(|_, limits| limits.topic_alias_maximum = 0);
    let mut client = world.connect(V5, "client").open();
    assert_eq!(client.connack.topic_alias_maximum, None);

    client.send_bytes(b"\x30\x07\0\x01t\x03\x23\0\x01");

    client.expect_disconnect(TopicAliasInvalid);
}

/// A world in which `highest` is the highest QoS.
fn up_to(highest: QoS) -> World {
    World::with(|settings, limits| {
        settings.maximum_qos = highest;
        limits.maximum_qos = highest;
    })
}
