use super::{EVERY_QOS, subscribe_bytes};
use crate::common::{AtLeastOnce, Client, ExactlyOnce, V311, World};

// [MQTT-4.6.0-1]
#[test]
fn messages_are_sent_again_in_the_order_they_were_sent_in() {
    let (world, mut receiver) = world_with_receiver();
    let mut publisher = world.connect(V311, "publisher").open();
    for number in 0..40 {
        let qos = if number % 3 == 0 { ExactlyOnce } else { AtLeastOnce };
        publisher.publish("t", number.to_string(), qos);
    }
    let first = payloads(&mut receiver);
    receiver.drop_link();

    let mut receiver = world.connect(V311, "receiver").clean(false).open();

    assert_eq!(payloads(&mut receiver), first);
    assert_eq!(first, (0..40).map(|number| number.to_string()).collect::<Vec<_>>());
}

// [MQTT-4.6.0-1]
#[test]
fn new_messages_come_behind_those_that_are_sent_again() {
    let (world, mut receiver) = world_with_receiver();
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "1", AtLeastOnce);
    publisher.publish("t", "2", AtLeastOnce);
    assert_eq!(payloads(&mut receiver), ["1", "2"]);
    receiver.drop_link();
    publisher.publish("t", "3", AtLeastOnce);

    let mut receiver = world.connect(V311, "receiver").clean(false).open();
    publisher.publish("t", "4", AtLeastOnce);

    assert_eq!(payloads(&mut receiver), ["1", "2", "3", "4"]);
}

// [MQTT-4.6.0-2]
#[test]
fn pubacks_come_in_the_order_of_the_messages() {
    let mut client = World::new().connect(V311, "client").open();

    client.send_bytes(b"\x32\x05\0\x01t\0\x09\x32\x05\0\x01u\0\x03\x32\x05\0\x01t\0\x05");

    assert_eq!(client.expect_bytes(), b"\x40\x02\0\x09\x40\x02\0\x03\x40\x02\0\x05");
}

// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
#[test]
fn an_answer_that_need_not_wait_for_the_disk_does_not_overtake_one_that_does() {
    let world = World::new().with_delayed_commits();
    let mut keeper = world.connect(V311, "keeper").clean(false).send();
    world.commit();
    keeper.send_bytes(&subscribe_bytes("kept", 1));
    world.commit();
    let mut client = world.connect(V311, "client").open();

    client.send_bytes(b"\x32\x08\0\x04kept\0\x01\x32\x05\0\x01t\0\x02");
    client.send_bytes(b"\x34\x08\0\x04kept\0\x03\x34\x05\0\x01t\0\x04");
    client.expect_nothing();
    world.commit();

    assert_eq!(client.expect_bytes(), b"\x40\x02\0\x01\x40\x02\0\x02\x50\x02\0\x03\x50\x02\0\x04");
}

// [MQTT-4.6.0-3]
#[test]
fn pubrecs_come_in_the_order_of_the_messages() {
    let mut client = World::new().connect(V311, "client").open();

    client.send_bytes(b"\x34\x05\0\x01t\0\x09\x34\x05\0\x01u\0\x03\x34\x05\0\x01t\0\x05");

    assert_eq!(client.expect_bytes(), b"\x50\x02\0\x09\x50\x02\0\x03\x50\x02\0\x05");
}

// [MQTT-4.6.0-4]
#[test]
fn pubrels_come_in_the_order_of_the_pubrecs() {
    let (world, mut receiver) = world_with_receiver();
    let mut publisher = world.connect(V311, "publisher").open();
    for _ in 0..3 {
        publisher.publish("t", "", ExactlyOnce);
    }
    assert_eq!(payloads(&mut receiver).len(), 3);

    receiver.send_bytes(b"\x50\x02\0\x02\x50\x02\0\x03\x50\x02\0\x01");

    assert_eq!(receiver.expect_bytes(), b"\x62\x02\0\x02\x62\x02\0\x03\x62\x02\0\x01");
}

// [MQTT-4.6.0-4]
#[test]
fn pubrels_are_sent_again_in_their_order() {
    let (world, mut receiver) = world_with_receiver();
    let mut publisher = world.connect(V311, "publisher").open();
    for _ in 0..3 {
        publisher.publish("t", "", ExactlyOnce);
    }
    assert_eq!(payloads(&mut receiver).len(), 3);
    receiver.send_bytes(b"\x50\x02\0\x01\x50\x02\0\x02\x50\x02\0\x03");
    receiver.drop_link();

    let mut receiver = world.connect(V311, "receiver").clean(false).open();

    assert_eq!(receiver.expect_bytes(), b"\x62\x02\0\x01\x62\x02\0\x02\x62\x02\0\x03");
}

// [MQTT-4.6.0-5] [MQTT-4.6.0-6]
#[test]
fn messages_of_one_topic_and_qos_arrive_in_the_order_of_the_server() {
    for qos in EVERY_QOS {
        let (world, mut receiver) = world_with_receiver();
        let mut publishers = ["a", "b"].map(|id| world.connect(V311, id).open());

        for number in 0..100 {
            publishers[number % 2].publish("t", number.to_string(), qos);
        }

        assert_eq!(receiver.texts(), (0..100).map(|it| it.to_string()).collect::<Vec<_>>());
    }
}

// [MQTT-4.6.0-6]
#[test]
fn a_receiver_with_a_narrow_window_gets_them_in_order_over_many_connections() {
    let world = World::with(|settings, _| settings.in_flight_max = 3);
    let mut receiver = world.connect(V311, "receiver").clean(false).open();
    receiver.subscribe("t", ExactlyOnce);
    let mut publisher = world.connect(V311, "publisher").open();
    let mut firsts = Vec::new();

    for number in 0..20 {
        let qos = if number % 2 == 0 { ExactlyOnce } else { AtLeastOnce };
        publisher.publish("t", number.to_string(), qos);
        if number % 5 == 0 {
            receiver.drop_link();
            receiver = world.connect(V311, "receiver").clean(false).open();
        } else if number % 5 == 1 {
            firsts.extend(receiver.texts());
        }
    }
    firsts.extend(receiver.texts());

    assert_eq!(firsts, (0..20).map(|it| it.to_string()).collect::<Vec<_>>());
}

fn world_with_receiver() -> (World, Client) {
    let world = World::new();
    let mut receiver = world.connect(V311, "receiver").clean(false).open();
    receiver.subscribe("t", ExactlyOnce);
    (world, receiver)
}

/// What comes and is not acknowledged.
fn payloads(receiver: &mut Client) -> Vec<String> {
    let text = |packet| match packet {
        fulmar::codec::Packet::Publish(publish) => {
            String::from_utf8_lossy(publish.payload).into_owned()
        }
        other => panic!("expected PUBLISH, got {other:?}"),
    };
    receiver.received().into_iter().map(text).collect()
}
