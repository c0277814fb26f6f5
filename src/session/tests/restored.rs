use super::*;
use crate::journal::{Backlog, QueuedMessage, Unfinished};

#[test]
fn what_may_have_been_sent_before_a_restart_is_sent_again_with_its_ids_and_the_rest_as_new() {
    let queue =
        [(3, kept("a", 1)), (4, Unfinished::Released), (6, kept("b", 2)), (7, kept("c", 1))];
    let mut outbound = Outbound::restore(queue.into(), Backlog::default(), 7, 8);
    assert_eq!((outbound.queued(), outbound.sent_before()), (3, 7));
    outbound.start_connection();
    offer(&mut outbound, "d", 1);

    assert!(matches!(poll(&mut outbound), Some(Outgoing::PubRel { id, .. }) if id == self::id(5)));
    let sent: Vec<_> = (0..4).map(|_| publish(&mut outbound)).collect();

    let told = |sent: &Delivery| (sent.id.expect("above QoS 0").0.get(), sent.dup);
    assert_eq!(
        sent.iter().map(told).collect::<Vec<_>>(),
        [(4, true), (7, true), (8, false), (9, false)]
    );
    assert_eq!(outbound.handle_pubcomp(id(5)), Ok(4));
    assert_eq!(outbound.puback(id(6)), Err(AckError::Unknown), "left out");
    for packet in [4, 8, 9] {
        assert_eq!(outbound.puback(id(packet)), Ok(u64::from(packet) - 1));
    }
    assert_eq!(outbound.handle_pubrec(id(7)), Ok((6, true)));
    assert_eq!(outbound.handle_pubcomp(id(7)), Ok(6));
    assert!(outbound.is_empty());
}

#[test]
fn numbers_that_are_passed_over_cost_nothing_and_are_not_given_out() {
    let mut outbound =
        Outbound::restore([(5, kept("a", 1))].into(), Backlog::default(), 6, 1 << 40);
    let limits = QueueLimits { messages_max: 2, ..limits() };

    assert_eq!(outbound.queue(&new("b", 1), limits).map(|offered| offered.number), Ok(1 << 40));

    assert_eq!(outbound.unfinished().map(|(number, _)| number).collect::<Vec<_>>(), [5, 1 << 40]);
    outbound.start_connection();
    assert_eq!(sent(&mut outbound), ["a"], "b has to wait: another id of its kind may be in use");
    outbound.puback(id(6)).expect("in flight");
    assert_eq!(sent(&mut outbound), ["b"]);
}

#[test]
fn shared_messages_are_handed_on_across_numbers_that_were_left_out() {
    let mut outbound = Outbound::restore([(5, kept("a", 1))].into(), Backlog::default(), 0, 9);
    let shared = NewDelivery { group: Some(GroupKey(1)), ..new("b", 1) };
    outbound.queue(&shared, limits()).expect("room");

    let taken = outbound.take_shared(|_| true);

    assert_eq!(taken.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [9]);
    assert_eq!(sent(&mut outbound), ["a"]);
}

/// A damaged journal may have lost that a message was finished, but not that its id was used again.
#[test]
fn of_two_messages_with_one_packet_id_the_released_one_counts() {
    let queue = [(2, kept("a", 1)), (3, kept("b", 1)), (65_537, Unfinished::Released)];
    let mut outbound = Outbound::restore(queue.into(), Backlog::default(), 0, 0);
    outbound.start_connection();

    assert!(matches!(poll(&mut outbound), Some(Outgoing::PubRel { id, .. }) if id == self::id(3)));
    assert_eq!(publish(&mut outbound).id, Some(id(4)));
    assert_eq!(poll(&mut outbound), None);
}

/// `[MQTT-3.1.2-25]`: each connection says anew what the client takes.
#[test]
fn a_message_that_has_become_too_large_does_not_block_what_is_sent_again() {
    let mut outbound = Outbound::default();
    offer(&mut outbound, "much too long", 1);
    offer(&mut outbound, "ok", 1);
    assert_eq!(sent(&mut outbound).len(), 2);
    outbound.start_connection();
    let context = Context { protocol: Protocol::V5, maximum_packet_size: 10, ..context() };

    let mut dropped = Vec::new();
    let next = outbound.poll_next(&context, &mut dropped);

    assert!(matches!(next, Some(Outgoing::Publish(delivery)) if delivery.id == Some(id(2))));
    assert_eq!(dropped, [Dropped { number: Some(0), cause: DropCause::TooLarge }]);
    assert_eq!(outbound.puback(id(2)), Ok(1));
    assert!(outbound.is_empty());
}

/// What a journal has of a delivery.
fn kept(payload: &str, qos: u8) -> Unfinished {
    let NewDelivery { message, qos, retain, subscription_ids, .. } = new(payload, qos);
    Unfinished::Message(QueuedMessage { message, qos, retain, subscription_ids })
}
