//! Who gets a message, among a million subscriptions; and what they take in memory.

use std::fs;
use std::hint::black_box;
use std::io::Write;

use criterion::{Criterion, criterion_group, criterion_main};
use fulmar::subscriptions::{CACHE_TOPICS_MAX, RandomState, Subscriptions};
use fulmar::types::{Filter, SessionKey, SubscriptionOptions};

criterion_main!(benches);
criterion_group!(benches, trie);

const SUBSCRIPTIONS: u32 = 1_000_000;
const OF_A_SESSION: u32 = 100;
/// A prime, so that the topics are asked for in no order that memory is in.
const STRIDE: u32 = 7_919;

fn trie(criterion: &mut Criterion) {
    let exact = |n: u32| format!("site/{}/room/{}/sensor/{}", n % 100, n / 100 % 100, n / 10_000);
    let wildcard = |n: u32| format!("site/{}/+/{}/sensor/{}", n % 100, n / 100 % 100, n / 10_000);
    kind(criterion, "exact", exact, exact);
    kind(criterion, "wildcard", wildcard, exact);
}

/// Each topic has one subscriber.
fn kind(
    criterion: &mut Criterion,
    name: &str,
    filter: impl Fn(u32) -> String,
    topic: impl Fn(u32) -> String,
) {
    for (memory, topics_max) in [("", 0), (", remembered", CACHE_TOPICS_MAX)] {
        let before = resident_bytes();
        let mut subscriptions = fill(&filter, topics_max);
        let each = (resident_bytes() - before) / u64::from(SUBSCRIPTIONS);
        // Those that are remembered are asked for again and again.
        let asked = if topics_max == 0 { SUBSCRIPTIONS } else { 1_000 };
        let topics: Vec<String> =
            (0..asked.min(100_000)).map(|n| topic(n.wrapping_mul(STRIDE) % asked)).collect();
        let mut topics = topics.iter().cycle();
        let name = format!("a match among a million subscriptions, {name}{memory}");
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| {
                let topic = topics.next().expect("without end");
                black_box(subscriptions.matching(black_box(topic))).is_empty()
            });
        });
        // Given back, its memory would be missing in what the next one seems to take.
        std::mem::forget(subscriptions);
        let _ = writeln!(std::io::stdout(), "{name}: {each} bytes for each subscription\n");
    }
}

fn fill(filter: impl Fn(u32) -> String, topics_max: usize) -> Subscriptions {
    let mut subscriptions = Subscriptions::new(RandomState::with_seeds(1, 2, 3, 4), topics_max);
    for n in 0..SUBSCRIPTIONS {
        let filter = Filter::parse(&filter(n), true).expect("legal");
        let session = SessionKey(n / OF_A_SESSION);
        subscriptions.subscribe(session, &filter, SubscriptionOptions::default());
    }
    subscriptions
}

fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = pages.split(' ').nth(1).expect("a second field");
    pages.parse::<u64>().expect("a number") * 4096
}
