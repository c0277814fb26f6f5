use std::collections::BTreeSet;

use crate::common::*;
use fulmar::types::ReasonCode::{MalformedPacket, ProtocolError};

// [MQTT-2.1.3-1]
#[test]
fn reserved_flags_that_are_not_as_listed_close_the_connection() {
    let mut client = World::new().connect_raw();
    client.send_bytes(&packet(0x11, &[b"\0\x04MQTT\x05\x02\0\0\0\0\x01c"]));
    client.expect_closed();

    for bytes in [
        &b"\x41\x02\0\x01"[..],
        b"\x51\x02\0\x01",
        b"\x60\x02\0\x01",
        b"\x63\x02\0\x01",
        b"\x71\x02\0\x01",
        b"\x80\x07\0\x01\0\0\x01t\0",
        b"\x83\x07\0\x01\0\0\x01t\0",
        b"\xa0\x06\0\x01\0\0\x01t",
        b"\xc1\x00",
        b"\xe1\x00",
        b"\xf1\x00",
    ] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(MalformedPacket);
    }
}

// [MQTT-2.1.3-1]
#[test]
fn the_server_sends_reserved_flags_as_listed() {
    let world = World::new();
    let mut client = world.connect_raw();
    let mut exchange = |sent: &[u8], first: u8| {
        client.send_bytes(sent);
        assert_eq!(client.expect_bytes()[0], first, "in answer to {sent:02x?}");
    };
    exchange(&connect_v5(0x02, &[&string("client")]), 0x20);
    exchange(b"\x32\x06\0\x01a\0\x01\0", 0x40);
    exchange(b"\x34\x06\0\x01a\0\x02\0", 0x50);
    exchange(b"\x62\x02\0\x02", 0x70);
    exchange(b"\x82\x07\0\x03\0\0\x01t\x02", 0x90);
    world.connect(V5, "publisher").open().publish("t", "", ExactlyOnce);
    exchange(b"", 0x34);
    exchange(b"\x50\x02\0\x01", 0x62);
    exchange(b"\xa2\x06\0\x04\0\0\x01t", 0xb0);
    exchange(b"\xc0\x00", 0xd0);
    exchange(&connect_v5(0x02, &[&string("client")]), 0xe0);
}

// [MQTT-2.2.1-2]
#[test]
fn a_publish_with_qos_0_carries_no_packet_identifier() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtMostOnce);

    client.publish("t", "hi", ExactlyOnce);

    assert_eq!(client.expect_bytes(), b"\x30\x06\0\x01t\0hi");
}

// [MQTT-2.2.1-3]
#[test]
fn packet_identifier_zero_closes_the_connection() {
    for bytes in [
        &b"\x32\x06\0\x01t\0\0\0"[..],
        b"\x34\x06\0\x01t\0\0\0",
        b"\x82\x07\0\0\0\0\x01t\0",
        b"\xa2\x06\0\0\0\0\x01t",
    ] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-2.2.1-4]
#[test]
fn messages_in_flight_have_different_packet_identifiers() {
    let world = World::with(|settings, _| settings.in_flight_max = 100);
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V5, "publisher").open();

    for number in 0..100 {
        publisher.publish("t", "", if number % 2 == 0 { AtLeastOnce } else { ExactlyOnce });
    }

    let ids: BTreeSet<_> = (0..100).map(|_| client.expect_publish().packet_id).collect();
    assert_eq!(ids.len(), 100);
    assert!(!ids.contains(&None));
}

// [MQTT-2.2.1-4]
#[test]
fn no_message_gets_the_packet_identifier_of_an_unfinished_one() {
    let world = World::with(|settings, limits| {
        settings.receive_maximum = 1000;
        limits.receive_maximum = 1000;
    });
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", AtLeastOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.send_bytes(b"\x32\x06\0\x01t\0\x01\0");
    assert_eq!(client.expect_bytes(), b"\x32\x06\0\x01t\0\x01\0");

    let thousand: Vec<u8> = b"\x32\x06\0\x01t\0\x01\0".repeat(1000);
    for _ in 0..67 {
        publisher.send_bytes(&thousand);
        for publish in client.expect_bytes().chunks(8) {
            assert_eq!(publish[..5], *b"\x32\x06\0\x01t");
            assert_ne!(publish[5..7], *b"\0\x01");
            client.send_bytes(&[0x40, 2, publish[5], publish[6]]);
        }
    }

    client.send_bytes(b"\x40\x02\0\x01");
    assert!(!client.expect_bytes().is_empty());
}

// [MQTT-2.2.1-5]
#[test]
fn acknowledgements_carry_the_packet_identifier_of_the_publish() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("other", AtLeastOnce);
    world.connect(V5, "receiver").open().subscribe("t", AtMostOnce);

    client.send_bytes(b"\x32\x06\0\x01t\x12\x34\0");
    assert_eq!(client.expect_bytes(), b"\x40\x02\x12\x34");

    client.send_bytes(b"\x34\x06\0\x01t\x56\x78\0");
    assert_eq!(client.expect_bytes(), b"\x50\x02\x56\x78");
    client.send_bytes(b"\x62\x02\x56\x78");
    assert_eq!(client.expect_bytes(), b"\x70\x02\x56\x78");
}

// [MQTT-2.2.1-5]
#[test]
fn pubrel_from_the_server_carries_the_packet_identifier_of_its_publish() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    client.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish("t", "1", ExactlyOnce);
    publisher.publish("t", "2", ExactlyOnce);
    assert_eq!(client.expect_bytes(), b"\x34\x07\0\x01t\0\x01\x001\x34\x07\0\x01t\0\x02\x002");

    client.send_bytes(b"\x50\x02\0\x02");
    assert_eq!(client.expect_bytes(), b"\x62\x02\0\x02");
    client.send_bytes(b"\x50\x02\0\x01");
    assert_eq!(client.expect_bytes(), b"\x62\x02\0\x01");
}

// [MQTT-2.2.1-6]
#[test]
fn suback_and_unsuback_carry_the_packet_identifier_of_the_request() {
    let mut client = World::new().connect(V5, "client").open();

    client.send_bytes(b"\x82\x07\xab\xcd\0\0\x01t\x01");
    assert_eq!(client.expect_bytes(), b"\x90\x04\xab\xcd\0\x01");

    client.send_bytes(b"\xa2\x06\xfe\xdc\0\0\x01t");
    assert_eq!(client.expect_bytes(), b"\xb0\x04\xfe\xdc\0\0");
}

// [MQTT-2.2.2-1]
#[test]
fn a_packet_without_properties_says_so_with_a_property_length_of_zero() {
    let world = World::with(|_, limits| {
        limits.topic_alias_maximum = 0;
        limits.receive_maximum = u16::MAX;
    });
    let mut client = world.connect_raw();

    client.send_bytes(&connect_v5(0x02, &[&string("client")]));
    assert_eq!(client.expect_bytes(), b"\x20\x03\0\0\0");
    client.send_bytes(b"\x82\x07\0\x01\0\0\x01t\0");
    assert_eq!(client.expect_bytes(), b"\x90\x04\0\x01\0\0");
    client.send_bytes(b"\x30\x04\0\x01t\0");
    assert_eq!(client.expect_bytes(), b"\x30\x04\0\x01t\0");
}

// [MQTT-2.2.2-1]
#[test]
fn a_packet_without_a_property_length_closes_the_connection() {
    for bytes in [&b"\x30\x03\0\x01t"[..], b"\x32\x05\0\x01t\0\x01", b"\x82\x02\0\x01"] {
        let mut client = World::new().connect(V5, "client").open();
        client.send_bytes(bytes);
        client.expect_disconnect(MalformedPacket);
    }
}
