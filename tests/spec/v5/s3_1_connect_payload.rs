use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use fulmar::request::{AuthAnswer, AuthRequest, Identity};
use fulmar::types::ReasonCode::{ClientIdentifierNotValid, MalformedPacket};

// [MQTT-3.1.3-1]
#[test]
fn the_fields_of_the_payload_are_read_in_their_order() {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let log = asked.clone();
    let world = World::new().authenticated_by(move |request: AuthRequest| {
        log.borrow_mut().push(request);
        AuthAnswer::Accept { identity: Identity::default(), data: None, valid_for: None }
    });
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("will", AtMostOnce);
    let mut client = world.connect_raw();

    client.send_bytes(&connect_v5(0xc6, &[b"\0\x02id\0\0\x04will\0\x04gone\0\x04user\0\x04pass"]));
    client.drop_link();

    let given = asked.borrow_mut().pop().expect("somebody was asked");
    let AuthRequest::Credentials { client_id, username, password } = given else {
        panic!("{given:?}")
    };
    assert_eq!(client_id.as_str(), "id");
    assert_eq!((username.as_deref(), password.as_deref()), (Some("user"), Some(&b"pass"[..])));
    watcher.expect_text("will", "gone");
}

// [MQTT-3.1.3-3]
#[test]
fn a_connect_without_a_client_identifier_is_malformed() {
    for payload in [&b""[..], b"\0", b"\0\x02c"] {
        let mut client = World::new().connect_raw();
        client.send_bytes(&connect_v5(0x02, &[payload]));
        assert_eq!(client.expect_connack().reason, MalformedPacket);
        client.expect_closed();
    }
}

// [MQTT-3.1.3-4]
#[test]
fn a_client_identifier_that_is_not_utf_8_is_malformed() {
    for id in [&b"\xff"[..], b"a\0", b"\xed\xa0\x80"] {
        let mut client = World::new().connect_raw();
        client.send_bytes(&connect_v5(0x02, &[&string(id)]));
        assert_eq!(client.expect_connack().reason, MalformedPacket);
        client.expect_closed();
    }
}

// [MQTT-3.1.3-5]
#[test]
fn client_identifiers_of_1_to_23_letters_and_digits_are_allowed() {
    let characters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let world = World::new();
    for len in 1..=23 {
        for start in 0..=characters.len() - len {
            let mut client = world.connect(V5, &characters[start..start + len]).open();
            client.expect_nothing();
            assert_eq!(client.connack.assigned_client_id, None);
            client.disconnect();
        }
    }
}

// [MQTT-3.1.3-6] [MQTT-3.2.2-16]
#[test]
fn clients_without_an_identifier_are_assigned_different_ones() {
    let world = World::new();
    let mut one = world.connect(V5, "").open();
    let mut other = world.connect(V5, "").open();

    let ids = [&one, &other].map(|client| client.connack.assigned_client_id.expect("assigned"));
    assert!(!ids[0].is_empty() && !ids[1].is_empty());
    assert_ne!(ids[0], ids[1]);
    one.ping();
    other.ping();
}

// [MQTT-3.1.3-7]
#[test]
fn an_assigned_client_identifier_is_as_good_as_a_chosen_one() {
    let world = World::new();
    let mut client = world.connect(V5, "").clean(false).expiry(100).open();
    assert!(!client.connack.session_present);
    let id = client.connack.assigned_client_id.expect("assigned");
    client.subscribe("t", AtLeastOnce);
    client.drop_link();
    world.connect(V5, "publisher").open().publish("t", "while away", AtLeastOnce);

    let mut client = world.connect(V5, id).clean(false).open();

    assert!(client.connack.session_present);
    assert_eq!(client.connack.assigned_client_id, None);
    client.expect_text("t", "while away");
}

// [MQTT-3.1.3-8]
#[test]
fn a_client_identifier_that_is_not_wanted_is_refused_and_closed() {
    let world = World::with(|_, limits| {
        limits.allow_zero_length_client_id = false;
        limits.client_id_bytes_max = 30;
    });
    assert_eq!(world.connect(V5, "").refused().reason, ClientIdentifierNotValid);
    assert_eq!(world.connect(V5, &"c".repeat(31)).refused().reason, ClientIdentifierNotValid);
    world.connect(V5, &"c".repeat(30)).open().expect_nothing();
}

// [MQTT-3.1.3-12]
#[test]
fn a_user_name_that_is_not_utf_8_is_malformed() {
    for user in [&b"\xff"[..], b"a\0", b"\xed\xa0\x80"] {
        let mut client = World::new().connect_raw();
        client.send_bytes(&connect_v5(0x82, &[&string("c"), &string(user)]));
        assert_eq!(client.expect_connack().reason, MalformedPacket);
        client.expect_closed();
    }
}
