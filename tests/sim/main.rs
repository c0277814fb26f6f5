//! A day of bad links in a second: clients that crash, resend and take over, on links that split,
//! delay, stall and are cut at any byte, against the real Connection and Broker in virtual time.
//!
//! Everything follows from one seed. A run that fails prints it with the last events;
//! `FULMAR_SIM_SEED=… cargo test --test sim one_seed` runs it again, and
//! `FULMAR_SIM_RUNS=100000 cargo test --release --test sim fixed_seeds -- --nocapture` runs many.
//! What is promised, and so checked, is said at the top of `ledger`, `wire` and `sessions`.

// What a run has to say is for whoever started it.
#![allow(clippy::disallowed_macros)]

#[path = "../common/mod.rs"]
mod common;

mod client;
mod ledger;
mod packets;
mod plan;
mod rng;
mod sessions;
mod sim;
mod storage;
mod trace;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use sim::Sim;

/// How many seeds the gate runs.
const GATE_RUNS: u64 = 150;

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
fn run(seed: u64) {
    let quiet = catch_unwind(|| Sim::new(seed, false).run());
    let Err(failure) = quiet else { return };
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
