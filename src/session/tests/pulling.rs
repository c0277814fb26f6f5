use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::types::SubscriptionId;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// What is looked at together comes out as if each message had been looked at by itself.
    #[test]
    fn pulls_of_many_are_what_pulls_of_one_are(
        deliveries in vec(delivery(), 1..20),
        (messages, bytes) in (1..8_usize, 1..120_usize),
        (large, denying) in (any::<bool>(), any::<bool>()),
    ) {
        let denies = |topic: &str| topic == "denied";
        let context = Context {
            now: Timestamp(5),
            durable: Lsn(5),
            maximum_packet_size: if large { u32::MAX } else { 30 },
            denies: denying.then_some(&denies),
            ..context()
        };
        let number = |(number, delivery): (usize, &NewDelivery)| {
            let mut payload = delivery.message.payload().to_vec();
            payload.insert(0, number as u8);
            let (head, topic) = (delivery.message.head(), delivery.message.topic());
            NewDelivery { message: Message::new(head, topic, &[], &payload), ..delivery.clone() }
        };
        let deliveries: Vec<_> = deliveries.iter().enumerate().map(number).collect();
        let (mut together, mut single) = (Outbound::default(), Outbound::default());
        for delivery in &deliveries {
            together.queue(delivery, limits()).expect("room");
            single.queue(delivery, limits()).expect("room");
        }

        let pulled = pull_all(&mut together, &context, (messages, bytes));

        for outgoing in &pulled.0 {
            let sent = published(outgoing);
            let queued = &deliveries[usize::from(sent.message.payload()[0])];
            prop_assert!(queued.gate <= context.durable);
            prop_assert!(!sent.message.is_expired(context.now));
            prop_assert!(!denying || !denies(sent.message.topic()));
            // Two bytes of header, two of the topic's length; the context is of 3.1.1.
            let head_len = 4 + sent.message.topic().len() + if sent.id.is_some() { 2 } else { 0 };
            prop_assert!(large || head_len + sent.message.payload_len() <= 30);
            prop_assert_eq!((&sent.message, sent.qos), (&queued.message, queued.qos));
            prop_assert_eq!(sent.retain, queued.retain);
            prop_assert_eq!(&sent.subscription_ids, &queued.subscription_ids);
        }
        let payload_lens = pulled.0.iter().map(|sent| published(sent).message.payload_len());
        prop_assert_eq!(pulled.2, payload_lens.sum::<usize>() as u64);
        prop_assert_eq!(pulled.1, pulled.0.len() as u64);
        prop_assert_eq!(pulled.0.len() + pulled.3.len() + together.queued(), deliveries.len());
        prop_assert_eq!(pulled, pull_all(&mut single, &context, (1, usize::MAX)));
        pull_all(&mut together, &Context { durable: Lsn(6), ..context }, (messages, bytes));
        prop_assert_eq!((together.queued(), together.queued_bytes()), (0, 0));
    }
}

/// Packets, PUBLISH packets, bytes of payload, and what was dropped.
type Pulled = (Vec<Outgoing>, u64, u64, Vec<Dropped>);

/// All that may be sent now, by pulls of so many messages and bytes.
fn pull_all(
    outbound: &mut Outbound,
    context: &Context,
    (messages, bytes): (usize, usize),
) -> Pulled {
    let (mut all, mut publishes, mut payload_bytes) = (Vec::new(), 0, 0);
    let mut dropped = Vec::new();
    loop {
        let mut out = vec![Outgoing::PingResp];
        let mut pull = Pull::new(&mut out, 1 + messages, bytes);
        let was_all = outbound.poll(context, &mut pull, &mut dropped);
        publishes += pull.publishes;
        payload_bytes += pull.payload_bytes;
        let taken = out.split_off(1);
        assert!(taken.len() <= messages);
        let lens: Vec<usize> = taken.iter().map(|taken| published(taken).message.len()).collect();
        let (last, before) = lens.split_last().unwrap_or((&0, &[]));
        let before: usize = before.iter().sum();
        assert!(before < bytes, "{before} and {last} bytes, where {bytes} are the limit");
        all.extend(taken);
        if was_all {
            return (all, publishes, payload_bytes, dropped);
        }
        assert!(lens.len() == messages || before + last >= bytes, "there was room for more");
    }
}

fn published(outgoing: &Outgoing) -> &Delivery {
    match outgoing {
        Outgoing::Publish(delivery) => delivery,
        other => panic!("expected a PUBLISH, not {other:?}"),
    }
}

/// Mostly what nothing is to be found out about.
fn delivery() -> impl Strategy<Value = NewDelivery> {
    let rarely = || prop::bool::weighted(0.1);
    let qos = prop_oneof![8 => Just(QoS::AtMostOnce), 1 => Just(QoS::AtLeastOnce)];
    (qos, (rarely(), rarely(), rarely()), (rarely(), rarely(), rarely()), 0..40_usize).prop_map(
        |(qos, (retain, has_id, is_gated), (expired, lasting, denied), payload_len)| {
            let expires_at = match (expired, lasting) {
                (true, _) => Some(Timestamp(5)),
                (false, true) => Some(Timestamp(6)),
                (false, false) => None,
            };
            let head = MessageHead { qos, retain, expires_at };
            let topic = if denied { "denied" } else { "t" };
            let id = SubscriptionId::new(7).filter(|_| has_id);
            NewDelivery {
                message: Message::new(head, topic, &[], &vec![b'x'; payload_len]),
                qos,
                retain,
                subscription_ids: id.map_or(SubscriptionIds::None, SubscriptionIds::One),
                gate: if is_gated { Lsn(6) } else { Lsn(5) },
                group: None,
            }
        },
    )
}
