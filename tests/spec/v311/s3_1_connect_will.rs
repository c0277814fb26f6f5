use super::{EVERY_QOS, connect_bytes};
use crate::common::{AtLeastOnce, AtMostOnce, Client, ExactlyOnce, V311, World, will};
use fulmar::codec::LastWill;

// [MQTT-3.1.2-8]
#[test]
fn the_will_is_published_when_the_link_is_lost() {
    let (world, mut heir) = world_with_heir();
    let client = with_will(&world);
    heir.expect_nothing();

    client.drop_link();

    heir.expect_text("will", "gone");
}

// [MQTT-3.1.2-8]
#[test]
fn the_will_is_published_when_the_keep_alive_runs_out() {
    let (world, mut heir) = world_with_heir();
    let connecting = world.connect(V311, "client").keep_alive(10);
    let _client = connecting.will(will("will", "gone", AtMostOnce)).open();

    world.advance_secs(15);

    heir.expect_text("will", "gone");
}

// [MQTT-3.1.2-8]
#[test]
fn the_will_is_published_when_the_server_closes_because_of_an_error() {
    let (world, mut heir) = world_with_heir();
    let mut client = with_will(&world);

    client.send_bytes(b"\xff\0");

    client.expect_closed();
    heir.expect_text("will", "gone");
}

// [MQTT-3.1.2-8]
#[test]
fn the_will_is_published_when_another_connection_takes_over() {
    for clean in [true, false] {
        let (world, mut heir) = world_with_heir();
        let mut old = with_will(&world);

        world.connect(V311, "client").clean(clean).open();

        old.expect_closed();
        heir.expect_text("will", "gone");
        heir.expect_nothing();
    }
}

// [MQTT-3.1.2-8]
#[test]
fn the_will_is_published_when_the_server_stops() {
    let world = World::new();
    let mut heir = world.connect(V311, "heir").clean(false).open();
    heir.subscribe("will", AtLeastOnce);
    heir.drop_link();
    let last_will = will("will", "gone", AtLeastOnce);
    let mut client = world.connect(V311, "client").will(last_will).open();

    world.shut_down();

    client.expect_closed();
    world.connect(V311, "heir").clean(false).open().expect_text("will", "gone");
}

// [MQTT-3.1.2-9]
#[test]
fn the_will_is_published_to_its_topic_with_its_message_and_its_qos() {
    for (qos, flags) in EVERY_QOS.into_iter().zip([0x06, 0x0E, 0x16]) {
        let (world, mut heir) = world_with_heir();
        let mut client = world.connect_raw().speaking(V311);
        client.send_bytes(&connect_bytes(flags, &[b"\0\x01c", b"\0\x04will", b"\0\x02\xff\0"]));
        client.expect_connack();

        client.drop_link();

        let published = heir.expect_message();
        assert_eq!((published.topic, published.payload), ("will", &b"\xff\0"[..]));
        assert_eq!((published.qos, published.dup), (qos, false));
    }
}

// [MQTT-3.1.2-10]
#[test]
fn a_will_is_published_once() {
    let (world, mut heir) = world_with_heir();
    let connecting = world.connect(V311, "client").clean(false);
    connecting.will(will("will", "gone", AtMostOnce)).open().drop_link();
    heir.expect_text("will", "gone");

    world.connect(V311, "client").clean(false).open().drop_link();
    world.connect(V311, "client").clean(true).open().drop_link();

    heir.expect_nothing();
}

// [MQTT-3.1.2-10] [MQTT-3.14.4-3]
#[test]
fn disconnect_removes_the_will_from_a_session_that_is_kept() {
    let (world, mut heir) = world_with_heir();
    let connecting = world.connect(V311, "client").clean(false);
    connecting.will(will("will", "gone", AtMostOnce)).open().disconnect();

    world.connect(V311, "client").clean(false).open().drop_link();
    world.connect(V311, "client").clean(true).open().drop_link();

    heir.expect_nothing();
}

// [MQTT-3.1.2-12]
#[test]
fn without_the_will_flag_nothing_is_published() {
    let (world, mut heir) = world_with_heir();
    with_will(&world).disconnect();

    world.connect(V311, "client").clean(false).open().drop_link();

    heir.expect_nothing();
}

// [MQTT-3.1.2-16]
#[test]
fn a_will_without_will_retain_is_not_retained() {
    let (world, mut heir) = world_with_heir();

    with_will(&world).drop_link();

    assert!(!heir.expect_message().retain);
    let mut late = world.connect(V311, "late").open();
    late.subscribe("will", ExactlyOnce);
    late.expect_nothing();
}

// [MQTT-3.1.2-16]
#[test]
fn a_will_without_will_retain_leaves_what_is_retained() {
    let world = World::new();
    world.connect(V311, "publisher").open().retain("will", "kept", AtMostOnce);

    with_will(&world).drop_link();

    let mut late = world.connect(V311, "late").open();
    late.subscribe("will", ExactlyOnce);
    late.expect_text("will", "kept");
}

// [MQTT-3.1.2-17]
#[test]
fn a_will_with_will_retain_is_retained() {
    let (world, mut heir) = world_with_heir();
    let last_will = LastWill { retain: true, ..will("will", "gone", ExactlyOnce) };

    world.connect(V311, "client").will(last_will).open().drop_link();

    assert!(!heir.expect_message().retain);
    let mut late = world.connect(V311, "late").open();
    late.subscribe("will", ExactlyOnce);
    let retained = late.expect_message();
    assert_eq!((retained.payload, retained.retain), (&b"gone"[..], true));
    assert_eq!(retained.qos, ExactlyOnce);
}

fn world_with_heir() -> (World, Client) {
    let world = World::new();
    let mut heir = world.connect(V311, "heir").open();
    heir.subscribe("#", ExactlyOnce);
    (world, heir)
}

fn with_will(world: &World) -> Client {
    let connecting = world.connect(V311, "client").clean(false);
    connecting.will(will("will", "gone", AtMostOnce)).open()
}
