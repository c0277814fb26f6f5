use super::publish_bytes;
use crate::common::{AtMostOnce, Client, V311, World, will};

// [MQTT-3.14.1-1]
#[test]
fn disconnect_with_reserved_flags_is_a_violation_and_no_goodbye() {
    for flags in 1..16 {
        let (world, mut heir) = world_with_heir();
        let mut client = with_will(&world);

        client.send_bytes(&[0xE0 | flags, 0]);

        client.expect_closed();
        heir.expect_text("will", "gone");
    }
}

// [MQTT-3.14.1-1] [MQTT-4.8.0-1]
#[test]
fn disconnect_with_a_body_is_a_violation_and_no_goodbye() {
    let (world, mut heir) = world_with_heir();
    let mut client = with_will(&world);

    client.send_bytes(b"\xe0\x01\0");

    client.expect_closed();
    heir.expect_text("will", "gone");
}

// [MQTT-3.14.4-1]
#[test]
fn the_server_closes_when_the_client_does_not() {
    let (world, _heir) = world_with_heir();
    let mut client = with_will(&world);

    client.send_bytes(b"\xe0\0");

    client.expect_closed();
}

// [MQTT-3.14.4-2]
#[test]
fn what_follows_disconnect_is_not_processed() {
    let (world, mut heir) = world_with_heir();
    let mut client = with_will(&world);

    client.send_bytes(&[b"\xe0\0".to_vec(), publish_bytes("t", b"late")].concat());
    client.send_bytes(&publish_bytes("t", b"later"));

    heir.expect_nothing();
}

// [MQTT-3.14.4-3]
#[test]
fn disconnect_discards_the_will() {
    let (world, mut heir) = world_with_heir();

    with_will(&world).disconnect();
    world.advance_secs(24 * 60 * 60);

    heir.expect_nothing();
}

// [MQTT-3.14.4-3]
#[test]
fn what_comes_before_disconnect_is_processed() {
    let (world, mut heir) = world_with_heir();
    let mut client = with_will(&world);

    client.send_bytes(&[publish_bytes("t", b"last"), b"\xe0\0".to_vec()].concat());

    heir.expect_text("t", "last");
    heir.expect_nothing();
}

fn world_with_heir() -> (World, Client) {
    let world = World::new();
    let mut heir = world.connect(V311, "heir").open();
    heir.subscribe("#", AtMostOnce);
    (world, heir)
}

fn with_will(world: &World) -> Client {
    world.connect(V311, "client").will(will("will", "gone", AtMostOnce)).open()
}
