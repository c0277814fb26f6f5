use super::{CLEAN, assert_connect, assert_no_connect, connect_bytes, subscribe_bytes};
use crate::common::{AtLeastOnce, ExactlyOnce, V311, World, will};
use fulmar::request::AuthAnswer;
use fulmar::types::{QoS, ReasonCode};

const KEPT: u8 = 0;

// [MQTT-3.2.0-1]
#[test]
fn connack_comes_before_what_has_waited_for_the_client() {
    let world = World::new();
    let mut client = world.connect(V311, "c").clean(false).open();
    client.subscribe("t", AtLeastOnce);
    client.disconnect();
    world.connect(V311, "publisher").open().publish("t", "x", AtLeastOnce);

    let bytes = [connect_bytes(KEPT, &[b"\0\x01c"]), b"\xc0\0".to_vec()].concat();
    let mut client = world.connect_raw().speaking(V311);
    client.send_bytes(&bytes);

    let sent = client.expect_bytes();
    assert_eq!(sent[..4], *b"\x20\x02\x01\0");
    assert_eq!(sent.len(), 4 + 8 + 2);
}

// [MQTT-3.2.0-1]
#[test]
fn nothing_overtakes_a_connack_that_waits_for_the_disk() {
    let world = World::new().with_delayed_commits();
    let mut client = world.connect_raw().speaking(V311);
    let connect = connect_bytes(KEPT, &[b"\0\x01c"]);

    client.send_bytes(&[&connect[..], b"\xc0\0", &subscribe_bytes("t", 0)].concat());
    world.connect(V311, "publisher").open().publish("t", "x", QoS::AtMostOnce);
    client.expect_nothing();
    world.commit();

    assert_eq!(client.expect_bytes()[..4], *b"\x20\x02\0\0");
}

// [MQTT-3.2.2-1]
#[test]
fn a_clean_session_is_not_present() {
    let world = World::new();
    world.connect(V311, "c").clean(false).open().disconnect();

    let connect = connect_bytes(CLEAN, &[b"\0\x01c"]);

    assert_connect(&world, &connect, b"\x20\x02\0\0");
}

// [MQTT-3.2.2-2]
#[test]
fn a_session_that_is_stored_is_present() {
    let world = World::new();
    world.connect(V311, "c").clean(false).open().disconnect();

    let connect = connect_bytes(KEPT, &[b"\0\x01c"]);

    let old = assert_connect(&world, &connect, b"\x20\x02\x01\0");
    let _new = assert_connect(&world, &connect, b"\x20\x02\x01\0");
    old.drop_link();
}

// [MQTT-3.2.2-3]
#[test]
fn a_session_that_is_not_stored_is_not_present() {
    let world = World::new();
    world.connect(V311, "c").clean(true).open().disconnect();

    let connect = connect_bytes(KEPT, &[b"\0\x01c"]);

    assert_connect(&world, &connect, b"\x20\x02\0\0");
}

// [MQTT-3.2.2-4] [MQTT-3.2.2-5]
#[test]
fn a_refusal_has_no_session_and_closes_the_connection() {
    let mut refusing = false;
    let world =
        World::new().authenticated_by(move |_| match std::mem::replace(&mut refusing, true) {
            false => {
                AuthAnswer::Accept { identity: Default::default(), data: None, valid_for: None }
            }
            true => AuthAnswer::Refuse { reason: ReasonCode::BadUserNameOrPassword, why: "" },
        });
    world.connect(V311, "c").clean(false).open().disconnect();

    let connect = connect_bytes(KEPT, &[b"\0\x01c"]);

    assert_connect(&world, &connect, b"\x20\x02\0\x04").expect_closed();
}

// [MQTT-3.2.2-6]
#[test]
fn what_no_return_code_says_closes_the_connection_without_connack() {
    let world = World::with(|_, limits| limits.maximum_qos = QoS::AtLeastOnce);
    world.connect(V311, "c").will(will("w", "", ExactlyOnce)).send().expect_closed();

    let world = World::with(|_, limits| limits.topic_levels_max = 2);
    world.connect(V311, "c").will(will("a/b/c", "", AtLeastOnce)).send().expect_closed();

    assert_no_connect(&connect_bytes(0x03, &[b"\0\x01c"]));
}
