use crate::common::*;

// [MQTT-3.12.4-1]
#[test]
fn each_pingreq_is_answered_by_a_pingresp() {
    let mut client = World::new().connect(V5, "client").open();
    client.send_bytes(b"\xc0\0");
    assert_eq!(client.expect_bytes(), b"\xd0\0");
    client.send_bytes(b"\xc0\0\xc0\0\xc0\0");
    assert_eq!(client.expect_bytes(), b"\xd0\0\xd0\0\xd0\0");
}

// [MQTT-3.12.4-1]
#[test]
fn a_pingreq_is_answered_while_the_disk_is_not_done_with_what_came_before() {
    let world = World::new().with_delayed_commits();
    let mut client = world.connect(V5, "client").expiry(100).send();
    world.commit();
    client.expect_connack();
    client.send_bytes(b"\x82\x07\0\x01\0\0\x01t\x01");
    client.expect_nothing();

    client.send_bytes(b"\xc0\0");

    assert_eq!(client.expect_bytes(), b"\xd0\0");
}
