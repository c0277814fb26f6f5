use crate::common::*;
use fulmar::codec::Packet;
use fulmar::request::{AuthAnswer, AuthRequest};
use fulmar::types::ReasonCode::{self, BadUserNameOrPassword, QoSNotSupported, Success};

// [MQTT-3.2.0-1]
#[test]
fn connack_comes_before_everything_that_waits_for_the_client() {
    let world = World::new();
    let mut client = world.connect(V5, "client").persistent().open();
    client.subscribe("t", ExactlyOnce);
    client.subscribe("u", AtMostOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish("t", "released", ExactlyOnce);
    let released = client.expect_publish();
    client.send(Packet::PubRec(ack(released.packet_id.expect("QoS 2"))));
    publisher.publish("t", "sent", AtLeastOnce);
    client.drop_link();
    publisher.publish("t", "queued", AtLeastOnce);

    let mut client = world.connect(V5, "client").persistent().send();

    let packets = client.received();
    assert!(matches!(&packets[0], Packet::ConnAck(connack) if connack.reason == Success));
    assert_eq!(packets.len(), 4);
}

// [MQTT-3.2.0-1]
#[test]
fn connack_waits_for_the_disk_and_everything_else_for_connack() {
    let world = World::new().with_delayed_commits();
    let mut client = world.connect(V5, "client").persistent().send();
    client.send_bytes(b"\xc0\x00\x82\x07\0\x01\0\0\x01t\0\x30\x06\0\x01t\0hi");
    while world.commit_one() {}

    let packets = client.received();
    assert!(matches!(&packets[0], Packet::ConnAck(_)), "{packets:?}");
    assert_eq!(packets.len(), 4, "{packets:?}");
}

// [MQTT-3.2.0-2]
#[test]
fn there_is_one_connack_in_a_network_connection() {
    let world = World::new();
    let mut accepted = world.connect(V5, "accepted").open();
    accepted.send_bytes(&connect_v5(0x02, &[&string("accepted")]));
    let packets = accepted.received();
    assert!(matches!(packets[..], [Packet::Disconnect(_)]), "{packets:?}");

    let mut refused = world.connect_raw();
    let connect = packet(0x10, &[b"\0\x04MQTT\x06\x02\0\0\0\0\x01c"]);
    refused.send_bytes(&[&connect[..], &connect].concat());
    let packets = refused.received();
    assert!(matches!(packets[..], [Packet::ConnAck(_)]), "{packets:?}");
}

// [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
#[test]
fn session_present_is_the_only_connect_acknowledge_flag() {
    let world = World::new();
    for (flags, session_present) in [(0x00, 0), (0x00, 1), (0x02, 0), (0x00, 1)] {
        let mut client = world.connect_raw();
        let expiry = b"\x05\x11\0\0\0\x64";
        client
            .send_bytes(&packet(0x10, &[b"\0\x04MQTT\x05", &[flags], b"\0\0", expiry, b"\0\x01c"]));
        assert_eq!(client.expect_bytes()[2..4], [session_present, 0x00]);
        client.drop_link();
    }
}

// [MQTT-3.2.2-3]
#[test]
fn a_session_without_anything_in_it_is_present_too() {
    let world = World::new();
    world.connect(V5, "client").persistent().open().drop_link();
    assert!(world.connect(V5, "client").persistent().open().connack.session_present);
}

// [MQTT-3.2.2-6] [MQTT-3.2.2-7]
#[test]
fn a_refusal_has_no_session_and_closes_the_connection() {
    let world = World::new().authenticated_by(refusing(BadUserNameOrPassword, "wrong"));
    world.connect(V5, "client").persistent().open().drop_link();
    let mut client = world.connect(V5, "client").persistent().credentials("u", "wrong").send();

    assert_eq!(client.expect_bytes()[2..4], [0, BadUserNameOrPassword.byte()]);
    client.expect_closed();

    assert!(world.connect(V5, "client").persistent().open().connack.session_present);
}

// [MQTT-3.2.2-8]
#[test]
fn whatever_the_cause_connack_has_one_of_its_reason_codes() {
    let table = [
        0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
        0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
    ];
    for cause in (0..=255).filter_map(ReasonCode::from_byte) {
        let world = World::new().authenticated_by(refusing(cause, "wrong"));
        let mut client = world.connect(V5, "client").credentials("u", "wrong").send();
        let code = client.expect_bytes()[3];
        assert!(table.contains(&code), "{code:#x} for {cause:?}");
        assert!(!table.contains(&cause.byte()) || code == cause.byte(), "{code:#x} for {cause:?}");
        client.expect_closed();
    }
}

// [MQTT-3.2.2-8]
#[test]
fn a_full_server_says_so_with_a_reason_code_of_the_table() {
    let world = World::with(|settings, _| settings.sessions_max = 1);
    let mut first = world.connect(V5, "first").open();

    assert_eq!(world.connect(V5, "second").refused().reason, ReasonCode::QuotaExceeded);

    first.ping();
}

// [MQTT-3.2.2-19] [MQTT-3.2.2-20]
#[test]
fn a_refusal_is_explained_only_as_far_as_the_maximum_packet_size_allows() {
    let world = World::with(|_, limits| limits.maximum_qos = AtMostOnce);
    let connect = || {
        let connect = world.connect(V5, "client").will(will("t", "", AtLeastOnce));
        connect.with(|it| it.request_problem_information = Some(true))
    };
    let connack = connect().refused();
    assert_eq!(connack.reason, QoSNotSupported);
    let words = connack.reason_string.expect("there is room for it").len() as u32;

    let whole = 5 + 3 + words;
    assert!(connect().maximum_packet_size(whole).refused().reason_string.is_some());
    for maximum in 5..whole {
        let mut client = connect().maximum_packet_size(maximum).send();
        assert_eq!(client.expect_bytes(), b"\x20\x03\0\x9b\0");
        client.expect_closed();
    }
    let mut client = connect().maximum_packet_size(4).send();
    client.expect_closed();
}

// [MQTT-3.2.2-20]
#[test]
fn what_an_acknowledgement_promises_is_told_only_where_the_maximum_packet_size_allows() {
    let world = World::with(|_, limits| limits.durability = Some("disk"));
    let full = world.connect(V5, "client").open();
    assert_eq!(full.connack.user_properties, [("durability", "disk")]);

    let property = 1 + 2 + "durability".len() as u32 + 2 + "disk".len() as u32;
    let whole = 11 + property;
    let fits = world.connect(V5, "client").maximum_packet_size(whole).open();
    assert_eq!(fits.connack.user_properties, [("durability", "disk")]);
    let tight = world.connect(V5, "client").maximum_packet_size(whole - 1).open();
    assert_eq!(tight.connack.user_properties, []);
    assert_eq!(tight.connack.receive_maximum, full.connack.receive_maximum);
    assert_eq!(tight.connack.topic_alias_maximum, full.connack.topic_alias_maximum);

    let mut old = world.connect(V311, "client").send();
    assert_eq!(old.expect_bytes(), [0x20, 2, 0, 0]);
}

/// Lets everybody in but those who give `password`, who get this reason.
fn refusing(
    reason: ReasonCode,
    password: &'static str,
) -> impl FnMut(AuthRequest) -> AuthAnswer + 'static {
    move |request| match request {
        AuthRequest::Credentials { password: Some(given), .. } if given == password.as_bytes() => {
            AuthAnswer::Refuse { reason, why: "" }
        }
        _ => AuthAnswer::Accept { identity: Default::default(), data: None, valid_for: None },
    }
}
