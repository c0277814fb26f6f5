//! Packets from bytes and to bytes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fulmar::codec::{Packet, Publish, PublishProperties, Subscribe, SubscribeFilter};
use fulmar::codec::{decode, encode, frame};
use fulmar::types::{PacketId, Protocol, QoS, SubscriptionOptions};

criterion_main!(benches);
criterion_group!(benches, codec);

fn codec(criterion: &mut Criterion) {
    for version in [Protocol::V311, Protocol::V5] {
        for (name, packet) in [
            ("PUBLISH 64 B", publish(&[b'x'; 64])),
            ("PUBLISH 1 KiB", publish(&[b'x'; 1024])),
            ("SUBSCRIBE of 4", subscribe()),
        ] {
            both_ways(criterion, &format!("{name}, {version}"), version, &packet);
        }
    }
}

fn both_ways(criterion: &mut Criterion, name: &str, version: Protocol, packet: &Packet<'_>) {
    let mut bytes = Vec::new();
    encode(packet, version, &mut bytes);
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let mut out = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode(black_box(packet), version, &mut out);
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let frame = frame(black_box(&bytes), bytes.len()).expect("legal").expect("whole");
            black_box(decode(frame, version)).is_ok()
        });
    });
}

fn publish(payload: &[u8]) -> Packet<'_> {
    Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: "site/7/room/12/temperature",
        packet_id: PacketId::new(7),
        properties: PublishProperties::default(),
        payload,
    })
}

fn subscribe() -> Packet<'static> {
    let options = SubscriptionOptions::default();
    let filters = ["a/b/c", "site/+/temperature", "site/7/#", "$share/g/site/7/#"];
    let filters = filters.iter().map(|filter| SubscribeFilter { filter, options });
    let (packet_id, user_properties) = (PacketId::MIN, Vec::new());
    Packet::Subscribe(Subscribe { packet_id, filters: filters.collect(), user_properties })
}
