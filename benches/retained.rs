//! Retained messages that match a filter, among a million.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fulmar::retained::{Cursor, Retained, RetainedLimits, Walk};
use fulmar::types::{Message, MessageHead, Timestamp};

criterion_main!(benches);
criterion_group!(benches, walks);

const MESSAGES: u32 = 1_000_000;
const NOW: Timestamp = Timestamp(0);
/// What a broker takes of a walk at a time.
const BUDGET: usize = 256;

/// Topics site/room/sensor: 100 sites with 100 rooms each, of which one has a room of its own kind.
fn walks(criterion: &mut Criterion) {
    let retained = fill();
    let mut group = criterion.benchmark_group("retained messages among a million");
    for filter in ["7/12/33", "+/hall/#", "+/12/33", "7/12/#", "+/12/#"] {
        let found = walk(&retained, filter);
        group.throughput(Throughput::Elements(found as u64));
        group.bench_function(format!("{filter}, {found} of them"), |bencher| {
            bencher.iter(|| walk(&retained, black_box(filter)));
        });
    }
}

fn fill() -> Retained {
    let mut retained =
        Retained::new(RetainedLimits { messages_max: usize::MAX, bytes_max: usize::MAX });
    let head = MessageHead { retain: true, ..MessageHead::default() };
    let mut set = |topic: String| {
        let message = Message::new(head, &topic, &[], &[b'x'; 64]);
        retained.set(message).expect("room");
    };
    (0..MESSAGES).for_each(|n| set(format!("{}/{}/{}", n % 100, n / 100 % 100, n / 10_000)));
    set("7/hall/1".into());
    retained
}

fn walk(retained: &Retained, filter: &str) -> usize {
    let (mut cursor, mut found, mut out) = (Cursor::default(), 0, Vec::new());
    loop {
        let end = retained.walk(filter, retained.version(), &mut cursor, BUDGET, NOW, &mut out);
        found += out.drain(..).map(black_box).count();
        if end == Walk::Done {
            return found;
        }
    }
}
