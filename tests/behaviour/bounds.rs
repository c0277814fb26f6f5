//! What one client can make the broker hold or do at a time.

use std::collections::VecDeque;

use fulmar::codec::{FILTERS_MAX, Packet, Subscribe, SubscribeFilter, Unsubscribe};
use fulmar::request::Request;

use fulmar::types::{InboundId, Message, MessageHead, ReasonCode, SubscriptionOptions};

use crate::common::{AtLeastOnce, Client, V5, V311, World, packet_id};
use crate::rig::{BUDGET, Rig, subscribe};

#[test]
fn many_filters_in_one_packet_are_the_work_of_one_hold() {
    let mut rig = Rig::with(|settings| settings.work_max = 4);
    let id = rig.connect("eager", 0);
    let mut requests = VecDeque::from([subscribe(3), Request::Ping, Request::Ping]);

    rig.request(id, &mut requests);
    assert_eq!(requests.len(), 2, "three filters and a packet are four steps");

    rig.request(id, &mut requests);
    assert_eq!(requests.len(), 0);
}

#[test]
fn long_answers_make_a_client_read_earlier() {
    let mut rig = Rig::with(|settings| settings.replies_max = 4);
    let id = rig.connect("deaf", 0);
    rig.poll(id, BUDGET);
    let mut requests: VecDeque<_> = (0..4).map(|_| subscribe(128)).collect();

    rig.request(id, &mut requests);
    assert_eq!(requests.len(), 2, "two answers of 128 reasons are as good as six");

    rig.poll(id, BUDGET);
    rig.request(id, &mut requests);
    assert_eq!(requests.len(), 0);
}

#[test]
fn a_burst_of_one_topic_makes_a_client_read_no_later() {
    let mut rig = Rig::with(|settings| settings.replies_max = 4);
    let id = rig.connect("deaf", 0);
    rig.poll(id, BUDGET);
    let head = MessageHead { qos: AtLeastOnce, ..MessageHead::default() };
    let message = Message::new(head, "t", &[], b"");
    let publish = |id| Request::Publish {
        id: Some(InboundId(packet_id(id))),
        dup: false,
        message: message.clone(),
    };
    let mut requests: VecDeque<_> = (1..=6).map(publish).collect();

    rig.request(id, &mut requests);
    assert_eq!(requests.len(), 2, "four have answers that wait");

    rig.poll(id, BUDGET);
    rig.request(id, &mut requests);
    assert_eq!(requests.len(), 0);
}

/// A hold is as long as its work: what takes longer than a delivery counts as several.
#[test]
fn topics_that_are_not_remembered_and_retained_messages_are_more_work() {
    let mut rig = Rig::with(|settings| settings.work_max = 30);
    let id = rig.connect("busy", 0);
    let left_of_ten = |rig: &mut Rig, topics: [&str; 2], retain| {
        let head = MessageHead { retain, ..MessageHead::default() };
        let message = |topic| Message::new(head, topic, &[], b"x");
        let publish = |topic| Request::Publish { id: None, dup: false, message: message(topic) };
        let mut requests: VecDeque<_> = topics.into_iter().cycle().take(10).map(publish).collect();
        rig.request(id, &mut requests);
        requests.len()
    };

    assert_eq!(left_of_ten(&mut rig, ["a", "b"], false), 8, "two searches are 34 steps");
    assert_eq!(left_of_ten(&mut rig, ["a", "b"], false), 0, "ten messages for nobody are 10");
    assert_eq!(left_of_ten(&mut rig, ["a", "b"], true), 6, "four retained ones are 36");
}

#[test]
fn a_packet_with_the_most_filters_is_taken_and_one_more_is_refused() {
    for protocol in [V5, V311] {
        let world = World::new();
        let mut client = world.connect(protocol, "greedy").open();

        send_subscribe(&mut client, FILTERS_MAX);
        let Packet::SubAck(suback) = client.expect() else { panic!("expected SUBACK") };
        assert_eq!(suback.reasons.len(), FILTERS_MAX);
        send_unsubscribe(&mut client, FILTERS_MAX);
        assert!(matches!(client.expect(), Packet::UnsubAck(_)));

        send_subscribe(&mut client, FILTERS_MAX + 1);
        client.expect_disconnect(ReasonCode::QuotaExceeded);

        let mut client = world.connect(protocol, "greedy").open();
        send_unsubscribe(&mut client, FILTERS_MAX + 1);
        client.expect_disconnect(ReasonCode::QuotaExceeded);
    }
}

fn send_subscribe(client: &mut Client, count: usize) {
    let options = SubscriptionOptions::default();
    let filters = vec![SubscribeFilter { filter: "t", options }; count];
    let user_properties = Vec::new();
    client.send(Packet::Subscribe(Subscribe { packet_id: packet_id(1), filters, user_properties }));
}

fn send_unsubscribe(client: &mut Client, count: usize) {
    let (filters, user_properties) = (vec!["t"; count], Vec::new());
    let packet_id = packet_id(1);
    client.send(Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties }));
}
