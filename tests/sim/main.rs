//! A day of bad links in a second: clients that crash, resend and take over, on links that split,
//! delay, stall and are cut at any byte, against the real Connection and Broker in virtual time.
//!
//! Everything follows from one seed. A run that fails prints it with the last events;
//! `FULMAR_SIM_SEED=… cargo test --test sim one_seed` runs it again, and
//! `FULMAR_SIM_RUNS=100000 cargo test --release --test sim fixed_seeds -- --nocapture` runs many.
//! What is promised, and so checked, is said at the top of `ledger`, `wire` and `sessions`.
//!
//! Half of the servers keep what is durable in a list. The others have the store of production, on a
//! disk that keeps apart what is written and what is synced, and die in any call of it: after each
//! crash the store must have what the list has. `FULMAR_SIM_CRASHES=1000000 cargo test --release
//! --test sim crash_points -- --nocapture` runs those until they have died so often.

// What a run has to say is for whoever started it.
#![allow(clippy::disallowed_macros)]

#[path = "../common/mod.rs"]
mod common;

mod client;
mod disk;
mod ledger;
mod packets;
mod plan;
mod rng;
mod sessions;
mod sim;
mod stack;
mod storage;
mod trace;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use sim::Sim;
use stack::Deaths;

/// How many seeds the gate runs.
const GATE_RUNS: u64 = 150;
/// How many crashes of servers with a disk.
const GATE_CRASHES: u64 = 1_000;

#[test]
fn fixed_seeds() {
    let from = number("FULMAR_SIM_FROM").unwrap_or(1);
    let runs = number("FULMAR_SIM_RUNS").unwrap_or(GATE_RUNS);
    for seed in from..from + runs {
        run(seed);
        if seed % 1_000 == 0 {
            println!("{seed} seeds without a failure");
        }
    }
}

#[test]
fn crash_points() {
    let wanted = number("FULMAR_SIM_CRASHES").unwrap_or(GATE_CRASHES);
    let mut deaths = Deaths::new();
    let mut told = 0;
    for seed in number("FULMAR_SIM_FROM").unwrap_or(1).. {
        let crashes: u64 = deaths.values().sum();
        if crashes >= wanted {
            return println!("{crashes} crashes, the last of seed {seed}: {deaths:#?}");
        }
        if crashes / 10_000 > told {
            told = crashes / 10_000;
            println!("{crashes} crashes up to seed {seed}");
        }
        if Sim::new(seed, false).has_disk() {
            run(seed)
                .into_iter()
                .for_each(|(place, times)| *deaths.entry(place).or_default() += times);
        }
    }
}

#[test]
fn one_seed() {
    if let Some(seed) = number("FULMAR_SIM_SEED") {
        run(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in 1..20 {
        assert_eq!(Sim::new(seed, false).run(), Sim::new(seed, false).run(), "seed {seed}");
    }
}

/// Runs a seed; if it fails, runs it again to print the events that led there.
fn run(seed: u64) -> Deaths {
    let quiet = catch_unwind(|| {
        let mut sim = Sim::new(seed, false);
        sim.run();
        sim.deaths()
    });
    let failure = match quiet {
        Ok(deaths) => return deaths,
        Err(failure) => failure,
    };
    let mut told = Sim::new(seed, true);
    let _ = catch_unwind(AssertUnwindSafe(|| told.run()));
    eprintln!("{}", told.last_events());
    eprintln!("FULMAR_SIM_SEED={seed} cargo test --test sim one_seed");
    eprintln!("{}", text(&*failure));
    resume_unwind(failure);
}

fn text(failure: &(dyn std::any::Any + Send)) -> &str {
    let formatted = failure.downcast_ref::<String>().map(String::as_str);
    formatted.or(failure.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
