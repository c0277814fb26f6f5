//! What a session does for a message, from queueing it until its exchange is over.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fulmar::request::Outgoing;
use fulmar::session::{Context, Inbound, Outbound, Pull, QueueLimits, QueueRule, SpareRoom, Terms};
use fulmar::types::{
    InboundId, Lsn, Message, MessageHead, OutboundId, PacketId, Protocol, QoS, SubscriptionIds,
    Timestamp,
};

criterion_main!(benches);
criterion_group!(benches, rounds);

/// Messages that are under way together.
const BURST: usize = 64;

fn rounds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a round of 64 messages");
    group.throughput(Throughput::Elements(BURST as u64));
    for (name, qos) in
        [("QoS 0", QoS::AtMostOnce), ("QoS 1", QoS::AtLeastOnce), ("QoS 2", QoS::ExactlyOnce)]
    {
        let (mut outbound, mut spare) = (Outbound::default(), SpareRoom::default());
        let message = message(qos);
        group.bench_function(name, |bencher| {
            bencher.iter(|| round(&mut outbound, &message, &mut spare));
        });
    }
    let mut inbound = Inbound::default();
    group.bench_function("QoS 2, from the client", |bencher| {
        bencher.iter(|| take_and_release(&mut inbound));
    });
}

fn round(outbound: &mut Outbound, message: &Message, spare: &mut SpareRoom) {
    for _ in 0..BURST {
        offer(outbound, black_box(message.clone()), spare);
    }
    let sent: Vec<OutboundId> = std::iter::from_fn(|| poll(outbound)).flatten().collect();
    let qos_2 = sent.iter().filter(|id| outbound.handle_puback(**id).is_err());
    let released: Vec<OutboundId> = { qos_2 }.copied().collect();
    outbound.trim_into(spare);
    outbound.leave_room(spare);
    for id in &released {
        outbound.handle_pubrec(*id).expect("sent");
    }
    while poll(outbound).is_some() {}
    for id in released {
        outbound.handle_pubcomp(id).expect("released");
    }
}

/// The packet id of what is sent next, if it has one.
fn poll(outbound: &mut Outbound) -> Option<Option<OutboundId>> {
    let mut out = Vec::new();
    outbound.poll(&CONTEXT, &mut Pull::new(&mut out, 1, usize::MAX), &mut Vec::new());
    out.pop().map(|outgoing| match outgoing {
        Outgoing::Publish(delivery) => black_box(delivery).id,
        _ => None,
    })
}

fn take_and_release(inbound: &mut Inbound) {
    let ids = || (1..=BURST as u16).map(|id| InboundId(PacketId::new(id).expect("not zero")));
    for id in ids() {
        black_box(inbound.take(id));
    }
    for id in ids() {
        black_box(inbound.release(id));
    }
}

const LIMITS: QueueLimits =
    QueueLimits { messages_max: BURST, bytes_max: usize::MAX, rule: QueueRule::RefuseNew };

const CONTEXT: Context<'_> = Context {
    now: Timestamp(0),
    durable: Lsn::NONE,
    recorded: Lsn::NONE,
    protocol: Protocol::V5,
    receive_maximum: u16::MAX,
    maximum_packet_size: u32::MAX,
    denies: None,
};

fn message(qos: QoS) -> Message {
    let head = MessageHead { qos, ..MessageHead::default() };
    Message::new(head, "site/7/room/12/temperature", &[], &[b'x'; 64])
}

fn offer(outbound: &mut Outbound, message: Message, spare: &mut SpareRoom) {
    let terms = terms(&message);
    if message.qos() == QoS::AtMostOnce {
        outbound.offer_direct(std::iter::once(message), terms, LIMITS, spare);
    } else {
        outbound.offer(message, terms, LIMITS, spare).expect("room");
    }
}

fn terms(message: &Message) -> Terms<'static> {
    Terms {
        qos: message.qos(),
        retain: false,
        subscription_ids: &SubscriptionIds::None,
        gate: Lsn::NONE,
        group: None,
    }
}
