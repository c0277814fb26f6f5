use super::*;

/// `[MQTT-3.3.2-5]`, and never an exchange that has begun.
#[test]
fn expired_messages_are_dropped_unless_they_were_sent() {
    let mut outbound = Outbound::default();
    for (payload, qos) in ["sent", "late", "lost"].into_iter().zip([2, 1, 0]) {
        let mut delivery = new(payload, qos);
        let head = MessageHead { expires_at: Some(Timestamp(10)), ..delivery.message.head() };
        delivery.message = delivery.message.with_head(head);
        outbound.queue(&delivery, limits()).expect("room");
        if payload == "sent" {
            assert_eq!(sent(&mut outbound), ["sent"]);
        }
    }
    outbound.start_connection();
    let context = Context { now: Timestamp(10), ..context() };

    let mut dropped = Vec::new();
    let again = outbound.poll_next(&context, &mut dropped);
    assert!(matches!(again, Some(Outgoing::Publish(delivery)) if delivery.dup));
    assert_eq!(outbound.poll_next(&context, &mut dropped), None);

    let cause = DropCause::Expired;
    let late = [Dropped { number: Some(1), cause }, Dropped { number: None, cause }];
    assert_eq!(dropped, late);
}

/// `[MQTT-3.1.2-25]`: dropped as if it had been sent, and no obstacle to those behind it.
#[test]
fn a_message_larger_than_the_client_takes_does_not_block_the_queue() {
    let mut outbound = Outbound::default();
    offer(&mut outbound, "much too long", 1);
    offer(&mut outbound, "ok", 1);
    // 2 bytes of header, 3 of topic, 2 of packet id, 1 of properties, 2 of payload
    let context = Context { protocol: Protocol::V5, maximum_packet_size: 10, ..context() };

    let mut dropped = Vec::new();
    let next = outbound.poll_next(&context, &mut dropped);

    assert!(matches!(next, Some(Outgoing::Publish(delivery)) if delivery.id == Some(id(2))));
    assert_eq!(dropped, [Dropped { number: Some(0), cause: DropCause::TooLarge }]);
}

/// `[MQTT-4.6.0-6]`: after a crash it would come behind what was sent after it.
#[test]
fn what_stands_behind_a_dropped_message_waits_until_its_end_is_durable() {
    let mut outbound = Outbound::default();
    offer(&mut outbound, "much too long", 1);
    offer(&mut outbound, "ok", 1);
    offer(&mut outbound, "0", 0);
    let small = Context { maximum_packet_size: 10, recorded: Lsn(3), ..context() };

    assert_eq!(sent_in(&mut outbound, &small), ["0"]);
    outbound.gate_drops(Lsn(4));
    assert_eq!(sent_in(&mut outbound, &Context { durable: Lsn(3), ..small }), [""; 0]);
    assert_eq!(sent_in(&mut outbound, &Context { durable: Lsn(4), ..small }), ["ok"]);
}

/// The same for what is sent again.
#[test]
fn what_is_sent_again_behind_a_dropped_message_waits_too() {
    let mut outbound = Outbound::default();
    offer(&mut outbound, "much too long", 1);
    offer(&mut outbound, "ok", 1);
    assert_eq!(sent(&mut outbound).len(), 2);
    outbound.start_connection();
    let small = Context { maximum_packet_size: 10, recorded: Lsn(3), ..context() };

    assert_eq!(sent_in(&mut outbound, &small), [""; 0]);
    assert_eq!(sent_in(&mut outbound, &Context { durable: Lsn(3), ..small }), ["ok"]);
}
