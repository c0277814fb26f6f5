mod dropping;
mod paging;
mod pulling;
mod reserving;
mod restored;
mod spare;

use super::*;
use crate::request::{Delivery, Outgoing};
use crate::types::{
    GroupKey, Message, MessageHead, OutboundId, PacketId, Protocol, QoS, SubscriptionIds, Timestamp,
};

#[test]
fn messages_go_out_in_the_order_of_their_arrival_whatever_their_qos() {
    let mut outbound = Outbound::default();
    for (payload, qos) in ["a", "b", "c", "d"].into_iter().zip([1, 0, 2, 0]) {
        offer(&mut outbound, payload, qos);
    }
    assert_eq!(sent(&mut outbound), ["a", "b", "c", "d"]);
}

/// `[MQTT-3.3.4-9]`; QoS 0 is not held against the receive maximum.
#[test]
fn the_receive_maximum_holds_back_all_but_qos_0() {
    let mut outbound = Outbound::default();
    for (payload, qos) in ["a", "b", "c"].into_iter().zip([1, 1, 0]) {
        offer(&mut outbound, payload, qos);
    }
    let context = Context { receive_maximum: 1, ..context() };

    assert_eq!(sent_in(&mut outbound, &context), ["a", "c"]);
    assert_eq!(outbound.puback(id(1)), Ok(0));
    assert_eq!(sent_in(&mut outbound, &context), ["b"]);
}

/// `[MQTT-4.4.0-1]`, `[MQTT-4.6.0-1]`, `[MQTT-3.3.1-1]`
#[test]
fn a_new_connection_gets_what_is_unfinished_again_in_order_with_its_ids() {
    let mut outbound = Outbound::default();
    for (payload, qos) in ["a", "b", "c", "d"].into_iter().zip([1, 2, 2, 1]) {
        offer(&mut outbound, payload, qos);
    }
    assert_eq!(sent(&mut outbound).len(), 4);
    assert_eq!(outbound.handle_pubrec(id(2)), Ok((1, true)));
    assert_eq!(outbound.puback(id(1)), Ok(0));
    offer(&mut outbound, "e", 1);

    outbound.start_connection();

    assert!(matches!(poll(&mut outbound), Some(Outgoing::PubRel { id, .. }) if id == self::id(2)));
    let (again, also, new) =
        (publish(&mut outbound), publish(&mut outbound), publish(&mut outbound));
    assert_eq!((again.id, again.dup, again.message.payload()), (Some(id(3)), true, &b"c"[..]));
    assert_eq!((also.id, also.dup, also.message.payload()), (Some(id(4)), true, &b"d"[..]));
    assert_eq!((new.id, new.dup, new.message.payload()), (Some(id(5)), false, &b"e"[..]));
    assert_eq!(poll(&mut outbound), None);
}

#[test]
fn nothing_is_sent_twice_on_one_connection() {
    let mut outbound = Outbound::default();
    offer(&mut outbound, "a", 1);
    assert_eq!(sent(&mut outbound), ["a"]);
    assert_eq!(sent(&mut outbound), [""; 0]);
}

#[test]
fn a_lower_receive_maximum_holds_for_what_is_sent_again() {
    let mut outbound = Outbound::default();
    for payload in ["a", "b", "c"] {
        offer(&mut outbound, payload, 1);
    }
    assert_eq!(sent(&mut outbound).len(), 3);

    outbound.start_connection();
    let context = Context { receive_maximum: 1, ..context() };

    for (payload, number) in ["a", "b", "c"].into_iter().zip(1..) {
        assert_eq!(sent_in(&mut outbound, &context), [payload]);
        outbound.puback(id(number)).expect("in flight");
    }
    assert!(outbound.is_empty());
}

/// The id follows from the queue number, and no two unfinished messages share one
/// (`[MQTT-2.2.1-3]`).
#[test]
fn the_sender_waits_rather_than_use_an_id_twice() {
    let mut outbound = Outbound::default();
    for _ in 0..65_536 {
        offer(&mut outbound, "m", 1);
    }
    let context = Context { receive_maximum: u16::MAX, ..context() };
    assert_eq!(sent_in(&mut outbound, &context).len(), 65_535);
    for packet in 2..=65_535 {
        outbound.puback(id(packet)).expect("in flight");
    }
    assert_eq!(sent_in(&mut outbound, &context), [""; 0], "id 1 is still unfinished");

    outbound.puback(id(1)).expect("in flight");

    assert_eq!(publish(&mut outbound).id, Some(id(1)));
    assert_eq!(outbound.puback(id(1)), Ok(65_535));
    assert!(outbound.is_empty());
}

#[test]
fn acknowledgements_that_do_not_belong_are_told_apart() {
    let mut outbound = Outbound::default();
    offer(&mut outbound, "a", 1);
    offer(&mut outbound, "b", 2);
    assert_eq!(outbound.puback(id(1)), Err(AckError::Unknown), "not sent yet");
    assert_eq!(sent(&mut outbound).len(), 2);

    assert_eq!(outbound.handle_pubrec(id(1)), Err(AckError::OutOfPlace));
    assert_eq!(outbound.handle_pubcomp(id(1)), Err(AckError::OutOfPlace));
    assert_eq!(outbound.puback(id(2)), Err(AckError::OutOfPlace));
    assert_eq!(outbound.handle_pubcomp(id(2)), Err(AckError::OutOfPlace));
    assert_eq!(outbound.puback(id(3)), Err(AckError::Unknown));

    assert_eq!(outbound.handle_pubrec(id(2)), Ok((1, true)));
    assert_eq!(outbound.handle_pubrec(id(2)), Ok((1, false)));
    assert_eq!(outbound.handle_pubrec_refusal(id(2)), Err(AckError::OutOfPlace));
    assert_eq!(outbound.handle_pubcomp(id(2)), Ok(1));
    assert_eq!(outbound.handle_pubcomp(id(2)), Err(AckError::Unknown));
}

#[test]
fn a_full_queue_refuses_the_new_message_and_what_was_sent_does_not_count() {
    let limits = QueueLimits { messages_max: 2, ..limits() };
    for qos in [0, 1] {
        let mut outbound = Outbound::default();
        assert!(outbound.queue(&new("a", qos), limits).is_ok());
        assert!(outbound.queue(&new("b", qos), limits).is_ok());
        assert_eq!(outbound.queue(&new("c", qos), limits), Err(QueueFull::default()));
        assert!(outbound.queue(&new("d", 1 - qos), limits).is_ok(), "the other queue has room");

        assert_eq!(sent(&mut outbound).len(), 3);
        assert!(outbound.queue(&new("e", qos), limits).is_ok());
    }
}

#[test]
fn a_queue_is_bounded_in_bytes_too() {
    let bytes = new("a", 1).message.len();
    for (bytes_max, fits) in [(2 * bytes, true), (2 * bytes - 1, false)] {
        let limits = QueueLimits { bytes_max, ..limits() };
        let mut outbound = Outbound::default();
        assert!(outbound.queue(&new("a", 1), limits).is_ok());
        assert_eq!(outbound.queue(&new("b", 1), limits).is_ok(), fits);
        assert_eq!(outbound.queued_bytes(), if fits { 2 * bytes } else { bytes });
    }
}

#[test]
fn the_oldest_unsent_message_makes_way_where_the_rule_says_so() {
    let limits = QueueLimits { messages_max: 2, rule: QueueRule::DropOldest, ..limits() };
    let mut outbound = Outbound::default();
    offer(&mut outbound, "sent", 1);
    assert_eq!(sent(&mut outbound), ["sent"]);
    for payload in ["a", "b"] {
        outbound.queue(&new(payload, 1), limits).expect("room");
    }

    let offered = outbound.queue(&new("c", 1), limits).expect("the oldest made way");

    assert_eq!(offered, Offered { number: 3, dropped: vec![1] });
    assert_eq!(sent(&mut outbound), ["b", "c"]);
    assert_eq!(outbound.puback(id(1)), Ok(0));
    assert_eq!(outbound.puback(id(3)), Ok(2));
    assert_eq!(outbound.puback(id(4)), Ok(3));
    assert!(outbound.is_empty());
}

#[test]
fn a_message_that_no_room_can_be_made_for_is_refused() {
    let limits = QueueLimits { bytes_max: 3, rule: QueueRule::DropOldest, ..limits() };
    assert_eq!(Outbound::default().queue(&new("a", 1), limits), Err(QueueFull::default()));
}

#[test]
fn what_is_not_durable_waits_and_so_does_all_behind_it_in_its_queue() {
    let mut outbound = Outbound::default();
    let gated = NewDelivery { gate: Lsn(5), ..new("a", 2) };
    outbound.queue(&gated, limits()).expect("room");
    offer(&mut outbound, "b", 1);
    offer(&mut outbound, "c", 0);

    assert_eq!(sent_in(&mut outbound, &Context { durable: Lsn(4), ..context() }), ["c"]);
    assert_eq!(sent_in(&mut outbound, &Context { durable: Lsn(5), ..context() }), ["a", "b"]);
}

#[test]
fn a_pubrel_waits_for_its_pubrec_to_be_durable_also_on_the_next_connection() {
    let mut outbound = Outbound::default();
    offer(&mut outbound, "a", 2);
    assert_eq!(sent(&mut outbound), ["a"]);
    assert_eq!(outbound.handle_pubrec(id(1)), Ok((0, true)));
    outbound.gate_pubrel(id(1), Lsn(7));
    assert_eq!(outbound.pubrel_gate(id(1)), Lsn(7));

    outbound.start_connection();

    let mut dropped = Vec::new();
    assert_eq!(outbound.poll_next(&Context { durable: Lsn(6), ..context() }, &mut dropped), None);
    let again = outbound.poll_next(&Context { durable: Lsn(7), ..context() }, &mut dropped);
    assert!(matches!(again, Some(Outgoing::PubRel { .. })));
}

#[test]
fn a_pubrel_that_waits_is_found_again_when_messages_before_it_are_done() {
    let mut outbound = Outbound::default();
    for (payload, qos) in ["a", "b", "c"].into_iter().zip([1, 1, 2]) {
        offer(&mut outbound, payload, qos);
    }
    assert_eq!(sent(&mut outbound), ["a", "b", "c"]);
    assert_eq!(outbound.handle_pubrec(id(3)), Ok((2, true)));
    outbound.gate_pubrel(id(3), Lsn(1));
    outbound.start_connection();
    assert_eq!(poll(&mut outbound), None);

    assert_eq!(outbound.puback(id(1)), Ok(0));

    let durable = Context { durable: Lsn(1), ..context() };
    let pubrel = outbound.poll_next(&durable, &mut Vec::new());
    assert!(matches!(pubrel, Some(Outgoing::PubRel { id, .. }) if id == self::id(3)));
}

#[test]
fn a_pubrel_of_this_connection_is_not_sent_again_behind_a_dropped_message() {
    let mut outbound = Outbound::default();
    offer(&mut outbound, "a", 1);
    assert_eq!(sent(&mut outbound), ["a"]);
    offer(&mut outbound, "too long", 2);
    offer(&mut outbound, "b", 2);
    let small = Context { maximum_packet_size: 10, ..context() };
    let published = outbound.poll_next(&small, &mut Vec::new());
    assert!(matches!(published, Some(Outgoing::Publish(_))));

    assert_eq!(outbound.handle_pubrec(id(3)), Ok((2, true)));

    assert_eq!(poll(&mut outbound), None);
}

/// `[MQTT-4.8.2-4]`, `[MQTT-4.8.2-5]`
#[test]
fn shared_messages_are_handed_on_but_not_qos_2_that_was_sent() {
    let mut outbound = Outbound::default();
    let group = Some(GroupKey(1));
    for (payload, qos) in ["own", "sent 1", "sent 2"].into_iter().zip([1, 1, 2]) {
        let group = group.filter(|_| payload != "own");
        outbound.queue(&NewDelivery { group, ..new(payload, qos) }, limits()).expect("room");
    }
    assert_eq!(sent(&mut outbound).len(), 3);
    for (payload, qos) in ["queued 2", "queued 0"].into_iter().zip([2, 0]) {
        outbound.queue(&NewDelivery { group, ..new(payload, qos) }, limits()).expect("room");
    }
    assert!(outbound.take_shared(|_| false).is_empty());

    let taken = outbound.take_shared(|group| group == GroupKey(1));
    let direct = outbound.take_shared_direct();

    let payload = |new: &NewDelivery| String::from_utf8_lossy(new.message.payload()).into_owned();
    let numbered: Vec<_> = taken.iter().map(|(number, new)| (*number, payload(new))).collect();
    assert_eq!(numbered, [(1, "sent 1".to_owned()), (3, "queued 2".to_owned())]);
    assert_eq!(direct.iter().map(payload).collect::<Vec<_>>(), ["queued 0"]);
    assert!(outbound.has_shared(), "the message of QoS 2 that was sent");
    assert_eq!((outbound.queued(), outbound.queued_bytes(), outbound.in_flight()), (0, 0, 2));
    assert_eq!(outbound.puback(id(1)), Ok(0));
    assert_eq!(outbound.puback(id(2)), Err(AckError::Unknown));
    assert_eq!(outbound.handle_pubrec(id(3)), Ok((2, true)));
    assert_eq!(outbound.handle_pubcomp(id(3)), Ok(2));
    assert!(outbound.is_empty() && !outbound.has_shared());
}

#[test]
fn messages_behind_one_that_was_handed_on_keep_their_numbers() {
    let mut outbound = Outbound::default();
    let shared = NewDelivery { group: Some(GroupKey(1)), ..new("a", 1) };
    offer(&mut outbound, "first", 1);
    outbound.queue(&shared, limits()).expect("room");
    offer(&mut outbound, "last", 1);

    assert_eq!(outbound.take_shared(|_| true).len(), 1);

    assert_eq!(publish(&mut outbound).id, Some(id(1)));
    assert_eq!(publish(&mut outbound).id, Some(id(3)));
    assert_eq!(poll(&mut outbound), None);
}

fn offer(outbound: &mut Outbound, payload: &str, qos: u8) {
    outbound.queue(&new(payload, qos), limits()).expect("room");
}

impl Outbound {
    fn queue(&mut self, new: &NewDelivery, limits: QueueLimits) -> Result<Offered, QueueFull> {
        let NewDelivery { message, qos, retain, subscription_ids, gate, group } = new;
        let (qos, retain, gate, group) = (*qos, *retain, *gate, *group);
        let terms = Terms { qos, retain, subscription_ids, gate, group };
        if qos > QoS::AtMostOnce {
            return self.offer(message.clone(), terms, limits, &mut SpareRoom::default());
        }
        let offered = self.offer_direct(
            std::iter::once(message.clone()),
            terms,
            limits,
            &mut SpareRoom::default(),
        );
        assert_eq!(offered.queued + offered.refused, 1);
        match offered.queued {
            1 => Ok(Offered { number: u64::MAX, dropped: vec![u64::MAX; offered.dropped] }),
            _ => Err(QueueFull::default()),
        }
    }

    /// A PUBACK that none follows.
    fn puback(&mut self, id: OutboundId) -> Result<u64, AckError> {
        let settled = self.handle_puback(id);
        self.trim_into(&mut SpareRoom::default());
        settled
    }

    fn poll_next(&mut self, context: &Context, dropped: &mut Vec<Dropped>) -> Option<Outgoing> {
        let mut out = Vec::new();
        self.poll(context, &mut Pull::new(&mut out, 1, usize::MAX), dropped);
        out.pop()
    }
}

fn new(payload: &str, qos: u8) -> NewDelivery {
    let qos = QoS::from_bits(qos).expect("0 to 2");
    let head = MessageHead { qos, ..MessageHead::default() };
    NewDelivery {
        message: Message::new(head, "t", &[], payload.as_bytes()),
        qos,
        retain: false,
        subscription_ids: SubscriptionIds::None,
        gate: Lsn::NONE,
        group: None,
    }
}

fn limits() -> QueueLimits {
    QueueLimits { messages_max: usize::MAX, bytes_max: usize::MAX, rule: QueueRule::RefuseNew }
}

fn context() -> Context<'static> {
    Context {
        now: Timestamp(0),
        durable: Lsn::NONE,
        recorded: Lsn::NONE,
        protocol: Protocol::V311,
        receive_maximum: u16::MAX,
        maximum_packet_size: u32::MAX,
        denies: None,
    }
}

fn id(packet: u16) -> OutboundId {
    OutboundId(PacketId::new(packet).expect("not zero"))
}

fn poll(outbound: &mut Outbound) -> Option<Outgoing> {
    outbound.poll_next(&context(), &mut Vec::new())
}

fn publish(outbound: &mut Outbound) -> Delivery {
    match poll(outbound) {
        Some(Outgoing::Publish(delivery)) => delivery,
        other => panic!("expected a PUBLISH, not {other:?}"),
    }
}

fn sent(outbound: &mut Outbound) -> Vec<String> {
    sent_in(outbound, &context())
}

/// The payloads of all PUBLISH packets that may be sent now.
fn sent_in(outbound: &mut Outbound, context: &Context) -> Vec<String> {
    std::iter::from_fn(|| outbound.poll_next(context, &mut Vec::new()))
        .map(|outgoing| match outgoing {
            Outgoing::Publish(delivery) => {
                String::from_utf8_lossy(delivery.message.payload()).into_owned()
            }
            other => panic!("expected a PUBLISH, not {other:?}"),
        })
        .collect()
}
