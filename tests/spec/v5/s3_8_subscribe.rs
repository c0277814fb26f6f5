use crate::common::*;
use fulmar::codec::LastWill;
use fulmar::types::ReasonCode::{MalformedPacket, ProtocolError};
use fulmar::types::SubscriptionOptions;

// [MQTT-3.8.1-1]
#[test]
fn a_subscribe_with_other_flags_closes_the_connection() {
    for flags in (0..16).filter(|flags| *flags != 0b0010) {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&packet(0x80 | flags, &[b"\0\x01\0\0\x01t\0"]));
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.8.3-1]
#[test]
fn a_topic_filter_that_is_not_utf_8_closes_the_connection() {
    for filter in [&b"a\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&packet(0x82, &[b"\0\x01\0", &string(filter), b"\0"]));
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.8.3-2]
#[test]
fn a_subscribe_without_a_topic_filter_closes_the_connection() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x82\x03\0\x01\0");
    client.expect_disconnect(ProtocolError);
}

// [MQTT-3.8.3-2]
#[test]
fn a_topic_filter_without_subscription_options_closes_the_connection() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x82\x06\0\x01\0\0\x01t");
    client.expect_disconnect(MalformedPacket);
}

// [MQTT-3.8.3-3]
#[test]
fn with_no_local_a_client_gets_the_messages_of_others_and_not_its_own() {
    let world = World::new();
    let mut other = world.connect(V5, "other").open();
    other.subscribe_with("t", NO_LOCAL);
    let mut client = world.connect(V5, "client").open();
    client.subscribe_with("t", NO_LOCAL);

    client.publish("t", "own", ExactlyOnce);
    other.publish("t", "of the other", ExactlyOnce);

    assert_eq!(client.texts(), ["of the other"]);
    assert_eq!(other.texts(), ["own"]);
}

// [MQTT-3.8.3-3]
#[test]
fn no_local_goes_by_the_client_identifier_whatever_the_connection() {
    let world = World::new();
    let own_will = LastWill { delay_secs: Some(0), ..will("t", "own will", AtLeastOnce) };
    let mut client = world.connect(V5, "client").expiry(100).will(own_will).open();
    client.subscribe_with("t", NO_LOCAL);
    client.publish("t", "own", AtLeastOnce);
    client.drop_link();

    let mut client = world.connect(V5, "client").clean(false).open();
    client.publish("t", "own again", AtLeastOnce);

    assert!(client.connack.session_present);
    client.expect_nothing();
}

// [MQTT-3.8.3-3]
#[test]
fn without_no_local_a_client_gets_its_own_messages() {
    let mut client = World::new().connect(V5, "client").open();
    client.subscribe("t", AtLeastOnce);
    client.publish("t", "own", AtLeastOnce);
    client.expect_text("t", "own");
}

// [MQTT-3.8.3-3]
#[test]
fn no_local_of_one_subscription_leaves_a_clients_other_subscriptions_alone() {
    let mut client = World::new().connect(V5, "client").open();
    client.subscribe_with("a/+", NO_LOCAL);
    client.subscribe("+/b", AtMostOnce);

    client.publish("a/b", "both", ExactlyOnce);
    client.publish("a/c", "no local", ExactlyOnce);

    let message = client.expect_message();
    assert_eq!((message.topic, message.qos), ("a/b", AtMostOnce));
    client.expect_nothing();
}

// [MQTT-3.8.3-4]
#[test]
fn no_local_on_a_shared_subscription_closes_the_connection() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(&packet(0x82, &[b"\0\x01\0", &string("$share/g/t"), b"\x04"]));
    client.expect_disconnect(ProtocolError);
}

// [MQTT-3.8.3-5]
#[test]
fn reserved_bits_in_the_subscription_options_close_the_connection() {
    for options in [0b0100_0000, 0b1000_0000, 0b1100_0001] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&[0x82, 7, 0, 1, 0, 0, 1, b't', options]);
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-3.8.3-5]
#[test]
fn reserved_bits_behind_a_second_topic_filter_close_the_connection_too() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\x82\x0b\0\x01\0\0\x01t\x01\0\x01u\x80");
    client.expect_disconnect(MalformedPacket);
}

const NO_LOCAL: SubscriptionOptions = SubscriptionOptions {
    qos: ExactlyOnce,
    no_local: true,
    retain_as_published: false,
    retain_handling: fulmar::types::RetainHandling::Send,
    id: None,
};
