//! Table 2-4 of MQTT 5: which packet may carry which property.

use fulmar::types::{Protocol, ReasonCode};

use super::parsed;
use super::robustness::framed;

#[test]
fn a_property_stands_only_where_the_table_has_it() {
    for (name, property, carriers) in TABLE {
        for carrier in CARRIERS {
            let packet = packet_with(carrier, property);
            let taken = parsed(&packet, Protocol::V5);
            if carriers.contains(&carrier) {
                assert!(matches!(taken, Ok(Some(_))), "{name} in {carrier:?}: {taken:?}");
            } else {
                let reason = taken.expect_err("misplaced").reason;
                assert_eq!(reason, ReasonCode::MalformedPacket, "{name} in {carrier:?}");
            }
        }
    }
}

#[test]
fn only_user_properties_and_subscription_identifiers_of_publish_repeat() {
    for (name, property, carriers) in TABLE {
        for carrier in *carriers {
            let packet = packet_with(*carrier, &property.repeat(2));
            let repeats = *name == "user property"
                || *name == "subscription identifier" && *carrier == Publish;
            let taken = parsed(&packet, Protocol::V5).map_err(|error| error.reason);
            match taken {
                Ok(_) => assert!(repeats, "{name} twice in {carrier:?}"),
                Err(reason) => {
                    assert!(!repeats, "{name} twice in {carrier:?}");
                    assert_eq!(reason, ReasonCode::ProtocolError, "{name} twice in {carrier:?}");
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Carrier {
    Connect,
    ConnAck,
    Publish,
    Will,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    Disconnect,
    Auth,
}
use Carrier::*;

const CARRIERS: [Carrier; 14] = [
    Connect,
    ConnAck,
    Publish,
    Will,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    Disconnect,
    Auth,
];

const ANSWERS: &[Carrier] =
    &[ConnAck, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck, Disconnect, Auth];

const TABLE: &[(&str, &[u8], &[Carrier])] = &[
    ("payload format indicator", b"\x01\0", &[Publish, Will]),
    ("message expiry interval", b"\x02\0\0\0\x01", &[Publish, Will]),
    ("content type", b"\x03\0\x01t", &[Publish, Will]),
    ("response topic", b"\x08\0\x01t", &[Publish, Will]),
    ("correlation data", b"\x09\0\x01d", &[Publish, Will]),
    ("subscription identifier", b"\x0b\x01", &[Publish, Subscribe]),
    ("session expiry interval", b"\x11\0\0\0\x01", &[Connect, ConnAck, Disconnect]),
    ("assigned client identifier", b"\x12\0\x01c", &[ConnAck]),
    ("server keep alive", b"\x13\0\x01", &[ConnAck]),
    ("authentication method", b"\x15\0\x01m", &[Connect, ConnAck, Auth]),
    ("authentication data", b"\x15\0\x01m\x16\0\x01d", &[Connect, ConnAck, Auth]),
    ("request problem information", b"\x17\0", &[Connect]),
    ("will delay interval", b"\x18\0\0\0\x01", &[Will]),
    ("request response information", b"\x19\0", &[Connect]),
    ("response information", b"\x1a\0\x01i", &[ConnAck]),
    ("server reference", b"\x1c\0\x01s", &[ConnAck, Disconnect]),
    ("reason string", b"\x1f\0\x01r", ANSWERS),
    ("receive maximum", b"\x21\0\x01", &[Connect, ConnAck]),
    ("topic alias maximum", b"\x22\0\x01", &[Connect, ConnAck]),
    ("topic alias", b"\x23\0\x01", &[Publish]),
    ("maximum qos", b"\x24\0", &[ConnAck]),
    ("retain available", b"\x25\0", &[ConnAck]),
    ("user property", b"\x26\0\x01n\0\x01v", &CARRIERS),
    ("maximum packet size", b"\x27\0\0\0\x01", &[Connect, ConnAck]),
    ("wildcard subscription available", b"\x28\0", &[ConnAck]),
    ("subscription identifier available", b"\x29\0", &[ConnAck]),
    ("shared subscription available", b"\x2a\0", &[ConnAck]),
];

fn packet_with(carrier: Carrier, property: &[u8]) -> Vec<u8> {
    let (first, before, after): (u8, &[u8], &[u8]) = match carrier {
        Connect => (0x10, b"\0\x04MQTT\x05\x02\0\0", b"\0\x01c"),
        ConnAck => (0x20, b"\0\0", b""),
        Publish => (0x30, b"\0\x01t", b""),
        Will => (0x10, b"\0\x04MQTT\x05\x06\0\0\0\0\x01c", b"\0\x01t\0\0"),
        PubAck => (0x40, b"\0\x01\0", b""),
        PubRec => (0x50, b"\0\x01\0", b""),
        PubRel => (0x62, b"\0\x01\0", b""),
        PubComp => (0x70, b"\0\x01\0", b""),
        Subscribe => (0x82, b"\0\x01", b"\0\x01a\0"),
        SubAck => (0x90, b"\0\x01", b"\0"),
        Unsubscribe => (0xa2, b"\0\x01", b"\0\x01a"),
        UnsubAck => (0xb0, b"\0\x01", b"\0"),
        Disconnect => (0xe0, b"\0", b""),
        Auth => (0xf0, b"\x18", b""),
    };
    let method: &[u8] = if carrier == Auth && property[0] != 0x15 { b"\x15\0\x01m" } else { b"" };
    let len = (method.len() + property.len()) as u8;
    framed(first, &[before, &[len], method, property, after].concat())
}
