use std::cell::RefCell;
use std::rc::Rc;

use super::{CLEAN, assert_connect, assert_no_connect, connect_bytes};
use crate::common::{AtLeastOnce, AtMostOnce, V311, World, string};
use fulmar::request::{AuthAnswer, AuthRequest, Identity};
use fulmar::types::{ClientId, ReasonCode};

// [MQTT-3.1.3-1]
#[test]
fn the_fields_of_the_payload_stand_in_their_order() {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let world = World::new().authenticated_by(accept_all(&asked));
    let mut heir = world.connect(V311, "heir").open();
    heir.subscribe("topic", AtMostOnce);
    asked.borrow_mut().clear();

    let payload: [&[u8]; 5] =
        [b"\0\x02id", b"\0\x05topic", b"\0\x07message", b"\0\x04user", b"\0\x02\xffp"];
    let client = assert_connect(&world, &connect_bytes(0xC6, &payload), b"\x20\x02\0\0");

    let credentials = AuthRequest::Credentials {
        client_id: ClientId::new("id"),
        username: Some("user".into()),
        password: Some(b"\xffp".to_vec()),
    };
    assert_eq!(*asked.borrow(), [credentials]);
    client.drop_link();
    heir.expect_text("topic", "message");
}

// [MQTT-3.1.3-2]
#[test]
fn each_client_identifier_has_a_session_of_its_own() {
    let world = World::new();
    for id in ["client", "Client", "client ", "clien"] {
        let mut client = world.connect(V311, id).clean(false).open();
        assert!(!client.connack.session_present, "{id:?}");
        client.subscribe(id, AtLeastOnce);
        client.disconnect();
    }
    world.connect(V311, "publisher").open().publish("Client", "x", AtLeastOnce);

    let mut client = world.connect(V311, "Client").clean(false).open();
    client.expect_text("Client", "x");
    world.connect(V311, "client").clean(false).open().expect_nothing();
}

// [MQTT-3.1.3-3]
#[test]
fn a_connect_without_a_client_identifier_field_is_not_answered() {
    assert_no_connect(&connect_bytes(CLEAN, &[]));
    assert_no_connect(&connect_bytes(CLEAN, &[b"\0"]));
    assert_no_connect(&connect_bytes(CLEAN, &[b"\0\x02c"]));
}

// [MQTT-3.1.3-5]
#[test]
fn client_identifiers_of_1_to_23_letters_and_digits_are_allowed() {
    let alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let lengths = (1..=23).map(|len| &alphabet[..len]);
    let letters = (0..alphabet.len()).map(|at| &alphabet[at..=at]);
    let rest = [&alphabet[23..46], &alphabet[39..]];
    for id in lengths.chain(letters).chain(rest) {
        let connect = connect_bytes(0, &[&string(id)]);
        assert_connect(&World::new(), &connect, b"\x20\x02\0\0");
    }
}

// [MQTT-3.1.3-6]
#[test]
fn clients_without_an_identifier_each_get_one_of_their_own() {
    let world = World::new();
    let anonymous = connect_bytes(CLEAN, &[b"\0\0"]);

    let mut clients = [(); 3].map(|()| assert_connect(&world, &anonymous, b"\x20\x02\0\0"));

    clients.iter_mut().for_each(|client| client.ping());
    assert_eq!(world.shell().borrow().broker.sessions(), 3);
}

// [MQTT-3.1.3-7] [MQTT-3.1.3-8] [MQTT-3.2.2-5]
#[test]
fn without_an_identifier_a_session_cannot_be_kept() {
    let connect = connect_bytes(0, &[b"\0\0"]);
    assert_connect(&World::new(), &connect, b"\x20\x02\0\x02").expect_closed();
}

// [MQTT-3.1.3-9] [MQTT-3.2.2-5]
#[test]
fn an_identifier_that_is_not_allowed_is_answered_with_return_code_2_and_closed() {
    let world = World::with(|_, limits| limits.client_id_bytes_max = 23);
    let connect = connect_bytes(CLEAN, &[&string("123456789012345678901234")]);

    assert_connect(&world, &connect, b"\x20\x02\0\x02").expect_closed();

    let allowed = connect_bytes(CLEAN, &[&string("12345678901234567890123")]);
    assert_connect(&world, &allowed, b"\x20\x02\0\0").ping();
}

// [MQTT-3.1.3-9]
#[test]
fn where_an_identifier_is_required_its_absence_is_answered_with_return_code_2() {
    let world = World::with(|_, limits| limits.allow_zero_length_client_id = false);
    let connect = connect_bytes(CLEAN, &[b"\0\0"]);

    assert_connect(&world, &connect, b"\x20\x02\0\x02").expect_closed();
}

// [MQTT-3.1.3-9]
#[test]
fn an_identifier_that_the_authentication_refuses_is_answered_with_return_code_2() {
    let reason = ReasonCode::ClientIdentifierNotValid;
    let world = World::new().authenticated_by(move |_| AuthAnswer::Refuse { reason, why: "" });
    let connect = connect_bytes(CLEAN, &[b"\0\x01c"]);

    assert_connect(&world, &connect, b"\x20\x02\0\x02").expect_closed();
}

fn accept_all(
    asked: &Rc<RefCell<Vec<AuthRequest>>>,
) -> impl FnMut(AuthRequest) -> AuthAnswer + use<> {
    let asked = asked.clone();
    move |request| {
        asked.borrow_mut().push(request);
        AuthAnswer::Accept { identity: Identity::default(), data: None, valid_for: None }
    }
}
