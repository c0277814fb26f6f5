//! Each limit of the broker and of a connection: what happens at it, and one past it.

#[path = "../common/mod.rs"]
mod common;

use common::*;
use fulmar::broker::Drops;
use fulmar::codec::{Packet, Subscribe, SubscribeFilter};
use fulmar::retained::RetainedLimits;
use fulmar::session::QueueRule;
use fulmar::types::{ReasonCode, SubscriptionOptions};

#[test]
fn one_session_more_than_the_maximum_is_refused_until_another_ends() {
    let world = World::with(|settings, _| settings.sessions_max = 2);
    let first = world.connect(V5, "first").open();
    world.connect(V311, "kept").persistent().open().drop_link();

    assert_eq!(world.connect(V5, "third").refused().reason, ReasonCode::QuotaExceeded);
    assert_eq!(world.connect(V311, "third").refused().reason, ReasonCode::ServerUnavailable);
    world.connect(V311, "kept").persistent().open();

    first.disconnect();
    world.connect(V5, "third").open();
}

#[test]
fn one_subscription_more_than_the_maximum_is_refused_and_replacing_one_is_not() {
    let world = World::with(|settings, _| settings.subscriptions_max = 2);
    for protocol in [V311, V5] {
        let mut client = world.connect(protocol, "client").open();
        assert_eq!(client.subscribe("a", AtMostOnce), ReasonCode::Success);
        assert_eq!(client.subscribe("b", AtMostOnce), ReasonCode::Success);

        let too_many = client.subscribe("c", AtMostOnce);
        assert!(too_many.is_error(), "{too_many:?}");
        assert_eq!(client.subscribe("b", AtLeastOnce), ReasonCode::GrantedQoS1);

        client.unsubscribe("a");
        assert_eq!(client.subscribe("c", AtMostOnce), ReasonCode::Success);
    }
}

#[test]
fn a_full_queue_takes_no_more_and_keeps_what_it_has() {
    let world = World::with(|settings, _| settings.queue.messages_max = 2);
    world.connect(V311, "away").persistent().open().subscribed("t").drop_link();
    let mut publisher = world.connect(V5, "publisher").open();

    for payload in ["1", "2", "3"] {
        assert_eq!(publisher.publish("t", payload, AtLeastOnce), ReasonCode::Success);
    }

    let mut back = world.connect(V311, "away").persistent().open();
    assert_eq!(back.texts(), ["1", "2"]);
    assert_eq!(world.stats().dropped, Drops { queue_full: 1, ..Drops::default() });
}

#[test]
fn a_full_queue_makes_room_where_the_rule_says_so() {
    let world = World::with(|settings, _| {
        settings.queue.messages_max = 2;
        settings.queue.rule = QueueRule::DropOldest;
    });
    world.connect(V311, "away").persistent().open().subscribed("t").drop_link();
    let mut publisher = world.connect(V311, "publisher").open();

    for payload in ["1", "2", "3"] {
        publisher.publish("t", payload, ExactlyOnce);
    }

    let mut back = world.connect(V311, "away").persistent().open();
    assert_eq!(back.texts(), ["2", "3"]);
    assert_eq!(world.stats().dropped, Drops { queue_full: 1, ..Drops::default() });
}

#[test]
fn messages_of_qos_0_wait_for_an_absent_client_only_where_configured() {
    for (wait, texts, offline) in [(false, &[][..], 1), (true, &["m"][..], 0)] {
        let world = World::with(|settings, _| settings.queue_qos0_offline = wait);
        world.connect(V311, "away").persistent().open().subscribed("t").drop_link();

        world.connect(V311, "publisher").open().publish("t", "m", AtMostOnce);

        assert_eq!(world.connect(V311, "away").persistent().open().texts(), texts);
        assert_eq!(world.stats().dropped, Drops { offline, ..Drops::default() });
    }
}

#[test]
fn a_slow_reader_is_dropped_for_beyond_its_queue_and_nobody_else_is() {
    let world = World::with(|settings, _| settings.queue.messages_max = 10);
    let mut slow = world.connect(V311, "slow").open().subscribed("t");
    let mut quick = world.connect(V311, "quick").open().subscribed("t");
    slow.set_capacity(0);
    let mut publisher = world.connect(V311, "publisher").open();

    for number in 0..1000 {
        publisher.publish("t", number.to_string(), AtMostOnce);
        assert_eq!(quick.texts(), [number.to_string()]);
    }

    slow.set_capacity(usize::MAX);
    let late = slow.texts();
    assert_eq!(late.len() as u64 + world.stats().dropped.queue_full, 1000);
    assert!((10..=11).contains(&late.len()), "{}", late.len());
}

#[test]
fn a_client_that_reads_no_answers_is_not_read_from() {
    let world = World::with(|settings, _| settings.replies_max = 10);
    let mut client = world.connect(V311, "client").open();
    client.set_capacity(0);
    for _ in 0..100 {
        let id = client.next_id();
        let filters =
            vec![SubscribeFilter { filter: "t", options: SubscriptionOptions::default() }];
        let user_properties = Vec::new();
        client.send(Packet::Subscribe(Subscribe { packet_id: id, filters, user_properties }));
    }
    let taken = world.stats().packets_received;
    assert!(taken < 30, "{taken} packets were taken from a client that reads nothing");

    client.set_capacity(usize::MAX);

    assert_eq!(client.received().len(), 100, "every SUBACK comes in the end");
}

#[test]
fn deliveries_in_flight_keep_to_the_brokers_own_limit_too() {
    let world = World::with(|settings, _| settings.in_flight_max = 2);
    let mut reader = world.connect(V311, "reader").open().subscribed("t");
    let mut publisher = world.connect(V311, "publisher").open();
    for payload in ["1", "2", "3"] {
        publisher.publish("t", payload, AtLeastOnce);
    }

    let first = reader.expect_publish();
    reader.expect_publish();
    reader.expect_nothing();

    reader.acknowledge(&first);
    assert_eq!(reader.expect_publish().payload, b"3");
}

#[test]
fn retained_messages_are_bounded_in_number() {
    let limits = RetainedLimits { messages_max: 1, bytes_max: usize::MAX };
    let world = World::with(|settings, _| settings.retained = limits);
    let mut client = world.connect(V5, "client").open();
    let mut old = world.connect(V311, "old").open();
    assert_eq!(client.retain("a", "1", AtLeastOnce), ReasonCode::NoMatchingSubscribers);

    assert_eq!(client.retain("b", "1", AtLeastOnce), ReasonCode::QuotaExceeded);
    assert_eq!(client.retain("b", "1", ExactlyOnce), ReasonCode::QuotaExceeded);
    assert_eq!(client.retain("a", "2", AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    // 3.1.1 has no word for it: the message is acknowledged, delivered, counted.
    let mut reader = world.connect(V5, "reader").open().subscribed("b");
    old.retain("b", "1", AtLeastOnce);

    assert_eq!(reader.texts(), ["1"]);
    assert_eq!(world.stats().dropped, Drops { retained_full: 3, ..Drops::default() });
    assert_eq!(reader.subscribe("#", AtMostOnce), ReasonCode::Success);
    assert_eq!(reader.texts(), ["2"]);
}

#[test]
fn a_retained_message_has_to_fit_the_bytes() {
    let limits = RetainedLimits { messages_max: usize::MAX, bytes_max: 100 };
    let world = World::with(|settings, _| settings.retained = limits);
    let mut client = world.connect(V5, "client").open();
    // 15 bytes of head and 1 of topic are counted, too.
    assert_eq!(client.retain("t", [0; 85], AtLeastOnce), ReasonCode::QuotaExceeded);
    assert_eq!(client.retain("t", [0; 84], AtLeastOnce), ReasonCode::NoMatchingSubscribers);
}

#[test]
fn a_session_is_kept_no_longer_than_the_maximum() {
    let world = World::with(|settings, _| settings.session_expiry_max_secs = 60);
    let client = world.connect(V5, "client").expiry(61).open();
    assert_eq!(client.connack.session_expiry_secs, Some(60));
    client.drop_link();
    let within = world.connect(V5, "within").expiry(60).open();
    assert_eq!(within.connack.session_expiry_secs, None);
    world.connect(V311, "old").persistent().open().drop_link();

    world.advance_secs(59);
    assert!(world.connect(V5, "client").persistent().open().connack.session_present);
    world.advance_secs(1);
    assert!(!world.connect(V311, "old").persistent().open().connack.session_present);
}

#[test]
fn a_packet_may_be_as_large_as_announced_and_no_larger() {
    let world = World::with(|_, limits| limits.maximum_packet_size = 100);
    // 2 bytes of header, 3 of topic, 1 of properties
    for (payload, fits) in [(94, true), (95, false)] {
        let mut client = world.connect(V5, "client").open();
        assert_eq!(client.connack.maximum_packet_size, Some(100));
        client.send(Packet::Publish(message("t", &vec![0; payload], AtMostOnce)));
        match fits {
            true => client.ping(),
            false => client.expect_disconnect(ReasonCode::PacketTooLarge),
        }
    }
}

#[test]
fn topics_have_no_more_levels_than_the_maximum() {
    let world = World::with(|_, limits| limits.topic_levels_max = 3);
    let mut client = world.connect(V5, "client").open();
    assert_eq!(client.subscribe("a/b/#", AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("a/b/c/#", AtMostOnce), ReasonCode::TopicFilterInvalid);
    assert_eq!(client.publish("x/b/c", "", AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    assert_eq!(client.publish("x/b/c/d", "", AtLeastOnce), ReasonCode::TopicNameInvalid);
}

#[test]
fn topics_have_no_more_bytes_than_the_maximum() {
    let world = World::with(|_, limits| limits.topic_bytes_max = 5);
    let mut client = world.connect(V5, "client").open();
    assert_eq!(client.subscribe("a/b/#", AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("$share/g/a/b/#", AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("a/bc/#", AtMostOnce), ReasonCode::TopicFilterInvalid);
    assert_eq!(client.publish("x/b/c", "", AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    assert_eq!(client.publish("x/b/cd", "", AtLeastOnce), ReasonCode::TopicNameInvalid);
}

#[test]
fn a_client_identifier_is_no_longer_than_the_maximum() {
    let world = World::with(|_, limits| limits.client_id_bytes_max = 23);
    world.connect(V311, &"x".repeat(23)).open();
    let reason = world.connect(V5, &"x".repeat(24)).refused().reason;
    assert_eq!(reason, ReasonCode::ClientIdentifierNotValid);
}

#[test]
fn an_answer_that_the_client_does_not_take_ends_the_connection() {
    let world = World::new();
    for (filters, fits) in [(15, true), (16, false)] {
        let mut client = world.connect(V5, "client").maximum_packet_size(20).open();
        let options = SubscriptionOptions::default();
        let names: Vec<String> = (0..filters).map(|number| number.to_string()).collect();
        let filters = names.iter().map(|name| SubscribeFilter { filter: name, options }).collect();
        let packet_id = client.next_id();
        let user_properties = Vec::new();
        client.send(Packet::Subscribe(Subscribe { packet_id, filters, user_properties }));
        match (client.expect(), fits) {
            (Packet::SubAck(_), true) => {}
            (Packet::Disconnect(packet), false) => {
                assert_eq!(packet.reason, ReasonCode::PacketTooLarge);
                client.expect_closed();
            }
            (packet, _) => panic!("{packet:?}"),
        }
    }
}

/// For stories that begin with a subscription.
trait Subscribed {
    fn subscribed(self, filter: &str) -> Self;
}

impl Subscribed for Client {
    fn subscribed(mut self, filter: &str) -> Self {
        assert_eq!(self.subscribe(filter, ExactlyOnce), ReasonCode::GrantedQoS2);
        self
    }
}
