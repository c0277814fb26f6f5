use std::time::Duration;

use crate::common::*;
use fulmar::codec::{Packet, PublishProperties};
use fulmar::request::AuthAnswer;
use fulmar::types::ReasonCode::{
    GrantedQoS1, KeepAliveTimeout, NotAuthorized, ProtocolError, TopicFilterInvalid,
};

// [MQTT-3.1.2-22] [MQTT-3.2.2-22]
#[test]
fn a_client_silent_for_one_and_a_half_keep_alives_is_disconnected() {
    let world = World::new();
    let mut client = world.connect(V5, "client").keep_alive(3).open();

    world.advance(Duration::from_millis(4_499));
    client.expect_nothing();

    world.advance(Duration::from_millis(1));
    client.expect_disconnect(KeepAliveTimeout);
}

// [MQTT-3.1.2-22]
#[test]
fn every_packet_starts_the_keep_alive_anew() {
    let world = World::new();
    let mut client = world.connect(V5, "client").keep_alive(10).open();
    for packet in [&b"\xc0\x00"[..], b"\x30\x04\0\x01t\0", b"\x62\x02\0\x01", b"\x40\x02\0\x01"] {
        world.advance_secs(14);
        client.send_bytes(packet);
    }
    world.advance_secs(14);
    assert_eq!(client.expect_bytes(), b"\xd0\x00\x70\x03\0\x01\x92");

    world.advance_secs(1);
    client.expect_disconnect(KeepAliveTimeout);
}

// [MQTT-3.1.2-22]
#[test]
fn packets_to_the_client_are_no_sign_of_life() {
    let world = World::new();
    let mut client = world.connect(V5, "client").keep_alive(10).open();
    client.subscribe("t", AtMostOnce);

    world.advance_secs(14);
    world.connect(V5, "publisher").open().publish("t", "hi", AtMostOnce);
    client.expect_text("t", "hi");
    world.advance_secs(1);

    client.expect_disconnect(KeepAliveTimeout);
}

// [MQTT-3.1.2-22] [MQTT-3.2.2-22]
#[test]
fn a_keep_alive_of_zero_is_none() {
    let world = World::new();
    let mut client = world.connect(V5, "client").keep_alive(0).open();
    assert_eq!(client.connack.server_keep_alive_secs, None);

    world.advance_secs(1_000_000);

    client.expect_nothing();
}

// [MQTT-3.1.2-21] [MQTT-3.2.2-21]
#[test]
fn the_keep_alive_that_the_server_gives_counts_instead_of_the_clients() {
    let world = World::with(|settings, _| settings.keep_alive_max_secs = 10);
    for asked in [60, 0] {
        let mut client = world.connect(V5, "client").keep_alive(asked).open();
        assert_eq!(client.connack.server_keep_alive_secs, Some(10));
        world.advance_secs(14);
        client.expect_nothing();
        world.advance_secs(1);
        client.expect_disconnect(KeepAliveTimeout);
    }
}

// [MQTT-3.1.2-24]
#[test]
fn a_message_that_just_fits_the_maximum_packet_size_is_sent_and_one_byte_more_is_not() {
    let world = World::new();
    let mut client = world.connect(V5, "client").maximum_packet_size(20).open();
    client.subscribe("t", ExactlyOnce);

    for (qos, fits) in [(AtMostOnce, 14), (AtLeastOnce, 12), (ExactlyOnce, 12)] {
        client.publish("t", vec![b'x'; fits + 1], qos);
        client.expect_nothing();
        client.publish("t", vec![b'x'; fits], qos);
        assert_eq!(client.expect_message().payload.len(), fits);
    }
}

// [MQTT-3.1.2-24]
#[test]
fn properties_count_towards_the_maximum_packet_size() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").maximum_packet_size(20).open();
    client.subscribe("t", AtMostOnce);

    for (expiry, arrives) in [(None, 1), (Some(60), 0)] {
        let properties = PublishProperties { message_expiry_secs: expiry, ..Default::default() };
        let message = message("t", b"ten bytes.", AtMostOnce);
        publisher.send(Packet::Publish(fulmar::codec::Publish { properties, ..message }));
        assert_eq!(client.messages().len(), arrives);
    }
}

// [MQTT-3.1.2-24]
#[test]
fn no_packet_of_any_kind_is_larger_than_the_maximum_packet_size() {
    let world = World::with(|_, limits| limits.response_information = Some("reply/to/me".into()));
    for maximum in 1..60 {
        let connecting = world.connect(V5, "").maximum_packet_size(maximum);
        let mut client = connecting.with(|it| it.request_response_information = Some(true)).send();
        expect_packets_within(maximum, &client.expect_bytes());

        client.send_bytes(
            b"\x82\x19\0\x01\0\0\x01a\x01\0\x01b\x01\0\x01c\x01\0\x01d\x01\0\x03#/a\x01",
        );
        expect_packets_within(maximum, &client.expect_bytes());
        client.send_bytes(&packet(0x30, &[&string("+"), b"\0"]));
        expect_packets_within(maximum, &client.expect_bytes());
    }
}

// [MQTT-3.1.2-25]
#[test]
fn a_message_that_is_too_large_counts_as_delivered() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let connect = |size| world.connect(V5, "client").persistent().maximum_packet_size(size);
    let mut client = connect(20).receive_maximum(1).open();
    client.subscribe("t", ExactlyOnce);

    for qos in [AtLeastOnce, ExactlyOnce, AtMostOnce] {
        publisher.publish("t", "far too large for that client", qos);
        publisher.publish("t", "small", qos);
        client.expect_text("t", "small");
    }

    client.drop_link();
    connect(1000).open().expect_nothing();
}

// [MQTT-3.1.2-25]
#[test]
fn a_message_that_is_too_large_for_one_client_reaches_the_others() {
    let world = World::new();
    let mut small = world.connect(V5, "small").maximum_packet_size(20).open();
    let mut large = world.connect(V5, "large").open();
    small.subscribe("t", AtLeastOnce);
    large.subscribe("t", AtLeastOnce);

    world.connect(V5, "publisher").open().publish("t", "far too large for it", AtLeastOnce);

    small.expect_nothing();
    large.expect_text("t", "far too large for it");
}

// [MQTT-3.1.2-28]
#[test]
fn response_information_comes_only_where_it_was_asked_for() {
    let world = World::with(|_, limits| limits.response_information = Some("reply/".into()));
    for (asked, given) in [(None, None), (Some(false), None), (Some(true), Some("reply/"))] {
        let connecting = world.connect(V5, "client");
        let client = connecting.with(|packet| packet.request_response_information = asked).open();
        assert_eq!(client.connack.response_information, given);
    }
}

// [MQTT-3.1.2-29]
#[test]
fn without_problem_information_acknowledgements_carry_reason_codes_only() {
    let world = World::with(|_, limits| limits.topic_levels_max = 2);
    let connecting = world.connect(V5, "client");
    let mut client =
        connecting.with(|packet| packet.request_problem_information = Some(false)).open();

    client.send_bytes(b"\x32\x0a\0\x05a/b/c\0\x01\0");
    assert_eq!(client.expect_bytes(), b"\x40\x03\0\x01\x90");
    client.send_bytes(b"\x34\x0a\0\x05a/b/c\0\x02\0");
    assert_eq!(client.expect_bytes(), b"\x50\x03\0\x02\x90");
    client.send_bytes(b"\x62\x02\0\x03");
    assert_eq!(client.expect_bytes(), b"\x70\x03\0\x03\x92");
    client.send_bytes(b"\x50\x02\0\x04");
    assert_eq!(client.expect_bytes(), b"\x62\x03\0\x04\x92");
    client.send_bytes(b"\x82\x0b\0\x05\0\0\x05a/b/c\0");
    assert_eq!(client.expect_bytes(), [0x90, 4, 0, 5, 0, TopicFilterInvalid.byte()]);
    client.send_bytes(b"\xa2\x0a\0\x06\0\0\x05a/b/c");
    assert_eq!(client.expect_bytes(), [0xb0, 4, 0, 6, 0, TopicFilterInvalid.byte()]);
}

// [MQTT-3.1.2-29]
#[test]
fn without_problem_information_messages_keep_their_user_properties() {
    let world = World::new();
    let connecting = world.connect(V5, "client");
    let mut client =
        connecting.with(|packet| packet.request_problem_information = Some(false)).open();
    assert_eq!(client.subscribe("t", AtLeastOnce), GrantedQoS1);

    client.send_bytes(b"\x30\x0b\0\x01t\x07\x26\0\x01a\0\x01b");

    assert_eq!(client.expect_bytes(), b"\x30\x0b\0\x01t\x07\x26\0\x01a\0\x01b");
}

// [MQTT-3.1.2-30]
#[test]
fn a_client_that_authenticates_may_send_only_auth_and_disconnect_before_connack() {
    for packet in [&b"\x30\x04\0\x01t\0"[..], b"\x82\x07\0\x01\0\0\x01t\0", b"\xc0\x00"] {
        let world = World::new().authenticated_by(|_| AuthAnswer::Continue {
            data: b"?".to_vec(),
            state: Box::default(),
        });
        let mut watcher = world.connect_raw();
        let connecting = world.connect(V5, "client");
        let mut client = connecting.with(|it| it.authentication_method = Some("riddle")).send();
        assert!(matches!(client.expect(), Packet::Auth(_)));

        client.send_bytes(packet);

        assert_eq!(client.expect_connack().reason, ProtocolError);
        client.expect_closed();
        watcher.expect_nothing();
    }
}

// [MQTT-3.1.4-2]
#[test]
fn a_client_that_fails_a_check_is_refused_and_closed() {
    let world =
        World::new().authenticated_by(|_| AuthAnswer::Refuse { reason: NotAuthorized, why: "" });
    let connack = world.connect(V5, "client").credentials("user", "guess").refused();
    assert_eq!(connack.reason, NotAuthorized);
    assert_eq!(world.shell().borrow().broker.sessions(), 0);
}

#[track_caller]
fn expect_packets_within(maximum: u32, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let frame = fulmar::codec::frame(rest, usize::MAX).expect("legal").expect("whole");
        assert!(
            frame.len <= maximum as usize,
            "{:02x?} has more than {maximum}",
            &rest[..frame.len]
        );
        rest = &rest[frame.len..];
    }
}
