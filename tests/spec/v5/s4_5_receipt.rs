use crate::common::*;

// [MQTT-4.5.0-1]
#[test]
fn every_session_with_a_matching_subscription_gets_the_message() {
    let world = World::new();
    let filters = ["a/b", "a/+", "+/b", "#", "a/#"];
    let mut subscribers = filters.map(|filter| {
        let mut client = world.connect(V5, filter).expiry(100).open();
        client.subscribe(filter, AtLeastOnce);
        client
    });
    let mut other = world.connect(V5, "other").open();
    other.subscribe("a/c", AtLeastOnce);

    world.connect(V5, "publisher").open().publish("a/b", "x", AtLeastOnce);

    for client in &mut subscribers {
        assert_eq!(client.texts(), ["x"]);
    }
    other.expect_nothing();
}

// [MQTT-4.5.0-1]
#[test]
fn a_session_without_connection_gets_the_message_when_its_client_is_back() {
    let world = World::new();
    for protocol in [V5, V311] {
        let mut client = world.connect(protocol, "client").persistent().open();
        client.subscribe("t", ExactlyOnce);
        client.drop_link();
        let mut publisher = world.connect(V5, "publisher").open();
        publisher.publish("t", "1", AtLeastOnce);
        publisher.publish("t", "2", ExactlyOnce);
        publisher.disconnect();

        let mut client = world.connect(protocol, "client").persistent().open();

        let messages = client.messages();
        let received: Vec<_> = messages.iter().map(|it| (it.payload, it.qos)).collect();
        assert_eq!(received, [(&b"1"[..], AtLeastOnce), (&b"2"[..], ExactlyOnce)]);
    }
}

// [MQTT-4.5.0-1]
#[test]
fn a_message_that_was_acknowledged_is_durable_in_the_sessions_that_it_is_for() {
    let world = World::new();
    let mut client = world.connect(V5, "client").expiry(100).open();
    client.subscribe("t", AtLeastOnce);
    client.drop_link();
    world.shell().borrow_mut().commits = Commits::Delayed;
    let mut publisher = world.connect(V5, "publisher").open();

    publisher.send_bytes(b"\x32\x07\0\x01t\0\x01\0x");

    publisher.expect_nothing();
    assert!(world.commit_one(), "the message is recorded before it is acknowledged");
    assert_eq!(publisher.expect_bytes(), b"\x40\x02\0\x01");
}

// [MQTT-4.5.0-1]
#[test]
fn a_slow_client_does_not_keep_the_message_from_others() {
    let world = World::new();
    let mut slow = world.connect(V5, "slow").open();
    let mut quick = world.connect(V5, "quick").open();
    slow.subscribe("t", AtLeastOnce);
    quick.subscribe("t", AtLeastOnce);
    slow.set_capacity(0);
    let mut publisher = world.connect(V5, "publisher").open();
    for number in ["1", "2", "3"] {
        publisher.publish("t", number, AtLeastOnce);
    }

    assert_eq!(quick.texts(), ["1", "2", "3"]);
    slow.set_capacity(usize::MAX);
    assert_eq!(slow.texts(), ["1", "2", "3"]);
}
