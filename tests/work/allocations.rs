use std::alloc::System;
use std::hint::black_box;

use fulmar::config::{Config, Listener, Runtime, Store};
use fulmar::server::Running;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tempfile::TempDir;

use crate::pair::{BURST, Pair};
use crate::{ALONE, KINDS, Kind};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// For each of [`KINDS`], for a message that one client publishes and one receives. What the
/// store does beside commits is not quite the same each time.
const BOUNDS: [f64; 5] = [0.1, 1.35, 1.95, 6.4, 11.2];

#[test]
fn a_message_costs_no_more_allocations_than_it_did() {
    let _alone = ALONE.lock();
    for (kind, bound) in KINDS.into_iter().zip(BOUNDS) {
        let each = allocations_each(kind, 0);
        assert!(each <= bound, "{kind:?}: {each:.2} allocations for each message");
    }
}

#[test]
fn an_allocation_more_for_each_message_is_found_out() {
    let _alone = ALONE.lock();
    for (kind, bound) in KINDS.into_iter().zip(BOUNDS) {
        let wasted = if kind.persistent { 2 } else { 1 };
        let each = allocations_each(kind, wasted);
        assert!(each > bound, "{kind:?}: {each:.2} with {wasted} too many");
    }
}

const ROUNDS: usize = 100;
const WARM_UP_ROUNDS: usize = 20;
/// The least of so many counts: what else the process does only adds to it.
const COUNTS: usize = 3;

/// Allocations of the whole process; `wasted` of them for each message are made here.
fn allocations_each(kind: Kind, wasted: usize) -> f64 {
    let data = tempfile::tempdir().expect("a directory");
    let server = Running::start(config(&data)).expect("it starts");
    let mut pair = Pair::connect(server.addresses()[0], kind);
    (0..WARM_UP_ROUNDS).for_each(|_| pair.round());
    let counts = (0..COUNTS).map(|_| count(&mut pair, wasted));
    counts.min().expect("some") as f64 / (ROUNDS * BURST) as f64
}

fn count(pair: &mut Pair, wasted: usize) -> usize {
    let region = Region::new(COUNTING);
    for _ in 0..ROUNDS {
        pair.round();
        (0..wasted * BURST).for_each(|_| drop(black_box(Box::new(0_u8))));
    }
    let change = region.change();
    change.allocations + change.reallocations
}

/// What persistent sessions have goes to disk.
fn config(data: &TempDir) -> Config {
    let address = "127.0.0.1:0".parse().expect("an address");
    Config {
        listeners: vec![Listener::at(address)],
        runtime: Runtime { worker_threads: 1 },
        store: Store { data_dir: Some(data.path().into()), ..Store::default() },
        ..Config::default()
    }
}
