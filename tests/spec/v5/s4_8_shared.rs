use crate::common::*;
use fulmar::codec::{Ack, Disconnect, Packet};
use fulmar::types::ReasonCode::{
    GrantedQoS1, MalformedPacket, NoMatchingSubscribers, ProtocolError, Success, UnspecifiedError,
};

// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
#[test]
fn a_shared_subscription_without_a_share_name_or_topic_filter_closes_the_connection() {
    for filter in ["$share/", "$share//t", "$share//", "$share/g", "$share/g/"] {
        for bytes in [subscribe(filter), packet(0xa2, &[b"\0\x01\0", &string(filter)])] {
            let mut client = World::new().connect(V5, "client").open();
            client.send_bytes(&bytes);
            client.expect_disconnect(ProtocolError);
        }
    }
}

// [MQTT-4.8.2-2]
#[test]
fn a_share_name_with_a_wildcard_closes_the_connection() {
    for filter in ["$share/+/t", "$share/#/t", "$share/g+/t", "$share/#g/t"] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&subscribe(filter));
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-4.8.2-2]
#[test]
fn the_topic_filter_of_a_shared_subscription_is_checked_too() {
    for filter in ["$share/g/a#", "$share/g/a+/b", "$share/g/#/b"] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(&subscribe(filter));
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
#[test]
fn the_topic_filter_begins_behind_the_slash_that_follows_the_share_name() {
    for (filter, topic) in [
        ("$share/g/t", "t"),
        ("$share/g//", "/"),
        ("$share/g//t", "/t"),
        ("$share/$g/t", "t"),
        ("$share/g/$own/t", "$own/t"),
        ("$share/g/+/t", "a/t"),
        ("$share/g/#", "a/b"),
        ("$share/g/$share/t", "$share/t"),
    ] {
        let mut client = World::new().connect(V5, "client").open();
        client.subscribe(filter, AtLeastOnce);
        assert_eq!(client.publish(topic, "", AtLeastOnce), Success, "{filter}");
        client.expect_text(topic, "");
        assert_eq!(client.publish("$share/g/u", "", AtLeastOnce), NoMatchingSubscribers);
    }
}

// [MQTT-4.8.2-1]
#[test]
fn what_does_not_begin_with_share_and_a_slash_is_an_ordinary_topic_filter() {
    for filter in ["$share", "$SHARE/g/t", "$shared/g/t", "/$share/g/t"] {
        let world = World::new();
        let mut clients = ["one", "two"].map(|id| world.connect(V5, id).open());
        for client in &mut clients {
            assert_eq!(client.subscribe(filter, AtLeastOnce), GrantedQoS1);
        }
        world.connect(V5, "publisher").open().publish(filter, "x", AtLeastOnce);
        for client in &mut clients {
            client.expect_text(filter, "x");
        }
    }
}

// [MQTT-4.8.2-3]
#[test]
fn a_message_comes_with_no_more_than_the_qos_granted_to_the_member_that_gets_it() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut members = [AtMostOnce, AtLeastOnce, ExactlyOnce].map(|granted| {
        let mut member = world.connect(V5, &format!("{granted:?}")).open();
        member.subscribe("$share/g/t", granted);
        (granted, member)
    });
    for published in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        for _ in 0..30 {
            publisher.publish("t", "x", published);
        }
        for (granted, member) in &mut members {
            let messages = member.messages();
            assert!(!messages.is_empty());
            let wanted = published.min(*granted);
            assert!(messages.iter().all(|message| message.qos == wanted));
        }
    }
}

// [MQTT-4.8.2-3]
#[test]
fn a_message_that_is_handed_on_comes_with_the_qos_granted_to_its_new_member() {
    let (world, first, mut second) = one_member_holding(AtLeastOnce, AtMostOnce);
    first.disconnect_with(Disconnect { session_expiry_secs: Some(0), ..Disconnect::default() });
    world.advance_secs(1);
    assert_eq!(second.expect_message().qos, AtMostOnce);
}

// [MQTT-4.8.2-4]
#[test]
fn a_message_of_qos_2_on_its_way_is_completed_with_the_member_that_was_chosen() {
    let (world, first, mut second) = one_member_holding(ExactlyOnce, ExactlyOnce);
    first.drop_link();
    world.advance_secs(10);
    second.expect_nothing();

    let mut first = world.connect(V5, "first").clean(false).open();

    let again = first.expect_message();
    assert_eq!((again.payload, again.dup), (&b"x"[..], true));
    first.expect_nothing();
    second.expect_nothing();
}

// [MQTT-4.8.2-4]
#[test]
fn a_pubrel_on_its_way_is_completed_with_the_member_that_was_chosen() {
    let (world, mut first, mut second) = one_member_holding(ExactlyOnce, ExactlyOnce);
    first.send(Packet::PubRec(ack(packet_id(1))));
    first.drop_link();

    let mut first = world.connect(V5, "first").clean(false).open();

    assert_eq!(first.expect_pubrel(packet_id(1)), Success);
    second.expect_nothing();
}

// [MQTT-4.8.2-5]
#[test]
fn a_message_of_qos_2_on_its_way_to_a_session_that_ends_goes_to_nobody_else() {
    let (world, first, mut second) = one_member_holding(ExactlyOnce, ExactlyOnce);
    first.drop_link();

    world.advance_secs(1_000);

    assert_eq!(world.shell().borrow().broker.sessions(), 2, "publisher and second");
    second.expect_nothing();
    let mut first = world.connect(V5, "first").clean(false).open();
    first.expect_nothing();
}

// [MQTT-4.8.2-5]
#[test]
fn a_message_of_qos_2_on_its_way_goes_to_nobody_else_when_its_session_is_started_over() {
    let (world, first, mut second) = one_member_holding(ExactlyOnce, ExactlyOnce);
    first.drop_link();
    let mut first = world.connect(V5, "first").clean(true).open();
    first.expect_nothing();
    second.expect_nothing();
}

// [MQTT-4.8.2-6]
#[test]
fn a_message_that_its_member_refuses_goes_to_nobody_else() {
    for qos in [AtLeastOnce, ExactlyOnce] {
        let (world, mut first, mut second) = one_member_holding(qos, qos);
        let refusal = Ack::new(packet_id(1), UnspecifiedError);

        first.send(if qos == AtLeastOnce {
            Packet::PubAck(refusal)
        } else {
            Packet::PubRec(refusal)
        });

        first.expect_nothing();
        first.drop_link();
        world.advance_secs(1_000);
        second.expect_nothing();
    }
}

/// Two members of a shared subscription, of which the first holds a message, not acknowledged.
/// Its session lasts 100 seconds without connection.
fn one_member_holding(first_qos: QoS, second_qos: QoS) -> (World, Client, Client) {
    let world = World::new();
    let mut first = world.connect(V5, "first").expiry(100).open();
    first.subscribe("$share/g/t", first_qos);
    world.connect(V5, "publisher").open().publish("t", "x", ExactlyOnce);
    assert_eq!(first.expect_publish().payload, b"x");
    let mut second = world.connect(V5, "second").open();
    second.subscribe("$share/g/t", second_qos);
    (world, first, second)
}

fn subscribe(filter: &str) -> Vec<u8> {
    packet(0x82, &[b"\0\x01\0", &string(filter), b"\0"])
}
