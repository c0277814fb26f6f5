//! The real binary with a store on disk, killed with SIGKILL over and over: what it acknowledged must
//! be there when it comes back.
//!
//! The clients live in this process and keep their side of each exchange as if on stable storage, so
//! they survive the broker. A cycle starts the broker on the same data directory, lets everybody go on
//! where they were, and kills it at a random moment or right after a chosen packet was seen; in the
//! end everything is drained, and `ledger` says what was to be there. The gate plays a few cycles.
//! The long form, for each engine and level:
//!
//!     FULMAR_CRASH_CYCLES=200 cargo test --test crash -- --nocapture
//!
//! A run prints its seed; `FULMAR_CRASH_SEED=…` makes the same plan again, though the machine's timing
//! is never the same twice. A run that fails prints the last events and leaves its directory.
//! `SIGKILL` leaves what was written to the kernel: this is about the process. `power` is about the
//! power, with the same clients and the same ledger, and `full` about a disk without room.

#![allow(clippy::disallowed_methods, reason = "real processes and sockets take real time")]
#![allow(clippy::disallowed_macros, reason = "what a run has to say is for whoever started it")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../sim/rng.rs"]
#[allow(dead_code, reason = "the simulator draws in more ways")]
mod rng;

#[path = "../engines/disk.rs"]
mod disk;
#[path = "../engines/generator.rs"]
mod generator;
#[path = "../engines/small_disk.rs"]
mod small_disk;
#[path = "../engines/trace.rs"]
#[allow(dead_code, reason = "the engines alone are followed in another way")]
mod trace;

mod broker;
mod client;
mod full;
mod kill;
mod ledger;
mod link;
mod place;
mod power;
mod run;
mod witness;

use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledger::Violation;
use run::{Outcome, Plan, run};

/// Cycles of each engine in the gate.
const GATE_CYCLES: u64 = 6;

#[test]
fn what_was_acknowledged_survives_with_sled() {
    survives("sled", "disk");
}

#[test]
fn what_was_acknowledged_survives_with_fjall() {
    survives("fjall", "disk");
}

#[test]
fn what_the_kernel_has_survives_with_sled() {
    survives("sled", "os");
}

#[test]
fn what_the_kernel_has_survives_with_fjall() {
    survives("fjall", "os");
}

/// Each check is seen to fail where nothing is kept. Repeats and wrong order, which this cannot
/// bring about, are shown beside the ledger.
#[test]
fn a_broker_that_keeps_nothing_is_found_out() {
    let patience = Duration::from_millis(1_200);
    let outcome = run(&Plan { cycles: 3, patience, ..plan("memory", "memory") });

    let expected = [
        Violation::SessionLost,
        Violation::MessageLost,
        Violation::SubscriptionLost,
        Violation::RetainedWrong,
        Violation::WillLost,
    ];
    for violation in expected {
        assert!(outcome.violations.contains_key(&violation), "not found: {violation:?}");
    }
}

/// And none fails where only connections are lost.
#[test]
fn a_broker_that_is_spared_passes() {
    passes(&Plan { spared: true, ..plan("memory", "memory") });
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_with_sled() {
    survives_power_cuts("sled");
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_with_fjall() {
    survives_power_cuts("fjall");
}

/// The level "os" promises nothing for a power cut, and this would show if "disk" did not either.
#[test]
fn a_broker_that_does_not_wait_for_the_disk_is_found_out() {
    let plan = Plan { cycles: 12, patience: Duration::from_millis(1_200), ..plan("sled", "os") };
    let mut found = false;
    let ran = power::run(&plan, |outcome| {
        found |= outcome.violations.contains_key(&Violation::MessageLost);
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(found || !ran);
}

#[test]
#[should_panic(expected = "the broker ended before it listened")]
fn an_engine_that_the_binary_does_not_know_fails_the_run() {
    survives("none-such", "disk");
}

fn survives(engine: &'static str, durability: &'static str) {
    passes(&plan(engine, durability));
}

fn passes(plan: &Plan) {
    let outcome = run(plan);
    println!("{plan}: {}", outcome.summary);
    assert!(outcome.violations.is_empty(), "{}", report(plan, &outcome));
}

fn survives_power_cuts(engine: &'static str) {
    let plan = plan(engine, "disk");
    power::run(&plan, |outcome| {
        println!("{plan}: {}", outcome.summary);
        assert!(outcome.violations.is_empty(), "{}", report(&plan, &outcome));
        ControlFlow::Continue(())
    });
}

fn plan(engine: &'static str, durability: &'static str) -> Plan {
    let patience = Duration::from_secs(6);
    Plan { engine, durability, cycles: cycles(), seed: seed(), patience, spared: false }
}

fn report(plan: &Plan, outcome: &Outcome) -> String {
    let mut report = format!("{plan}, FULMAR_CRASH_SEED={}\n", plan.seed);
    for event in &outcome.last_events {
        report += &format!("  {event}\n");
    }
    for (violation, cases) in &outcome.violations {
        report += &format!("{violation:?}, {} times:\n", cases.len());
        cases.iter().take(10).for_each(|case| report += &format!("  {case}\n"));
    }
    report + &outcome.summary
}

fn cycles() -> u64 {
    number("FULMAR_CRASH_CYCLES").unwrap_or(GATE_CYCLES)
}

fn seed() -> u64 {
    let chance = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    number("FULMAR_CRASH_SEED").unwrap_or_else(|| chance() as u64 & 0xFFFF_FFFF)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}
