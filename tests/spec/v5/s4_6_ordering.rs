use crate::common::*;
use fulmar::codec::Packet;

// [MQTT-4.6.0-1]
#[test]
fn messages_are_sent_again_in_the_order_in_which_they_were_sent() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", ExactlyOnce);
    for (number, qos) in (0..20).zip([ExactlyOnce, AtLeastOnce, AtLeastOnce].into_iter().cycle()) {
        publisher.publish("t", number.to_string(), qos);
    }
    let sent: Vec<_> = (0..20).map(|_| client.expect_publish()).collect();
    client.acknowledge(&sent[1]);
    client.acknowledge(&sent[7]);

    for _ in 0..3 {
        client.drop_link();
        client = world.connect(V5, "client").clean(false).expiry(100).open();
        for number in (0..20).filter(|number| ![1, 7].contains(number)) {
            assert_eq!(text(client.expect_publish().payload), number.to_string());
        }
        client.expect_nothing();
    }
}

// [MQTT-4.6.0-1]
#[test]
fn messages_that_were_never_sent_come_behind_those_that_are_sent_again() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).receive_maximum(2).open();
    client.subscribe("t", ExactlyOnce);
    for number in ["1", "2", "3", "4"] {
        publisher.publish("t", number, ExactlyOnce);
    }
    assert_eq!(client.received().len(), 2);
    client.drop_link();
    publisher.publish("t", "5", ExactlyOnce);

    let mut client = world.connect(V5, "client").clean(false).receive_maximum(1).open();

    assert_eq!(client.texts(), ["1", "2", "3", "4", "5"]);
}

// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
#[test]
fn publishes_are_acknowledged_in_the_order_in_which_they_came() {
    let world = World::new();
    let mut client = world.connect(V5, "client").open();
    let ids = [7_u16, 3, 9, 1, 8, 2];
    for first in [0x32, 0x34] {
        let publish = |id: &u16| packet(first, &[b"\0\x01t", &id.to_be_bytes(), b"\0"]);
        client.send_bytes(&ids.iter().flat_map(publish).collect::<Vec<u8>>());
        assert_eq!(acknowledged(client.received()), ids);
    }
}

// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
#[test]
fn an_acknowledgement_does_not_overtake_one_that_waits_for_the_disk() {
    let world = World::new();
    let mut subscriber = world.connect(V5, "subscriber").expiry(100).open();
    subscriber.subscribe("durable", ExactlyOnce);
    world.shell().borrow_mut().commits = Commits::Delayed;
    for first in [0x32, 0x34] {
        let mut client = world.connect(V5, "client").open();
        client.send_bytes(&packet(first, &[b"\0\x07durable\0\x02\0"]));
        client.send_bytes(&packet(first, &[b"\0\x01t\0\x01\0"]));
        client.expect_nothing();
        world.commit();
        assert_eq!(acknowledged(client.received()), [2, 1]);
    }
}

// [MQTT-4.6.0-4]
#[test]
fn pubrels_come_in_the_order_of_the_pubrecs() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", ExactlyOnce);
    for _ in 0..6 {
        publisher.publish("t", "", ExactlyOnce);
    }
    assert_eq!(client.received().len(), 6);

    let order = [4, 2, 6, 1, 3, 5];
    client.send_bytes(&order.iter().flat_map(|id| [0x50, 2, 0, *id]).collect::<Vec<u8>>());

    let expected: Vec<u8> = order.iter().flat_map(|id| [0x62, 2, 0, *id]).collect();
    assert_eq!(client.expect_bytes(), expected);
}

// [MQTT-4.6.0-5] [MQTT-4.6.0-6]
#[test]
fn messages_of_a_client_to_a_topic_arrive_in_the_order_in_which_they_came() {
    let world = World::new();
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        let mut publisher = world.connect(V5, "publisher").open();
        let mut subscribers = ["t", "+", "#"].map(|filter| {
            let mut client = world.connect(V5, filter).receive_maximum(3).open();
            client.subscribe(filter, qos);
            client
        });
        let numbers: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        numbers.iter().for_each(|number| {
            publisher.publish("t", number, qos);
        });
        for client in &mut subscribers {
            assert_eq!(client.texts(), numbers);
        }
    }
}

// [MQTT-4.6.0-5]
#[test]
fn messages_that_came_while_the_client_was_away_are_followed_by_those_that_came_later() {
    let world = World::new();
    let mut publisher = world.connect(V5, "publisher").open();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", AtLeastOnce);
    publisher.publish("t", "1", AtLeastOnce);
    client.drop_link();
    publisher.publish("t", "2", AtLeastOnce);

    let mut client = world.connect(V5, "client").clean(false).receive_maximum(1).open();
    publisher.publish("t", "3", AtLeastOnce);

    assert_eq!(client.texts(), ["1", "2", "3"]);
}

// [MQTT-4.6.0-5]
#[test]
fn a_message_released_late_keeps_its_place() {
    let world = World::new();
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("t", ExactlyOnce);
    let mut client = world.connect(V5, "client").open();
    client.send_bytes(b"\x34\x07\0\x01t\0\x01\x001\x34\x07\0\x01t\0\x02\x002");
    client.send_bytes(b"\x62\x02\0\x02\x62\x02\0\x01");

    assert_eq!(watcher.texts(), ["1", "2"]);
}

fn text(payload: &[u8]) -> &str {
    str::from_utf8(payload).expect("text was published")
}

/// The packet identifiers of PUBACK and PUBREC packets, in order.
fn acknowledged(packets: Vec<Packet<'static>>) -> Vec<u16> {
    packets
        .into_iter()
        .map(|packet| match packet {
            Packet::PubAck(ack) | Packet::PubRec(ack) => ack.packet_id.get(),
            other => panic!("no acknowledgement but {other:?}"),
        })
        .collect()
}
