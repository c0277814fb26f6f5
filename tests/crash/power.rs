//! Power cuts for the whole broker: from a record of what it did to its files and sockets, the disk
//! as it would be found after a cut at any moment, and what each client had been told by then.
//!
//! A broker runs under strace while clients publish, receive and subscribe. The record is played
//! back: file calls go to the model of a disk of `tests/engines`, which keeps what was written and
//! what was synced apart; every packet that left the broker goes to a copy of the client it was for,
//! as if it had arrived at once. At chosen events the data directory is made anew from what a cut at
//! that moment leaves. A broker starts on it, the copies of the clients resume, everything is drained
//! and held against their ledger.
//!
//! Limits: one run without restarts, in which no connection is lost that has exchanges under way;
//! those of the model of the disk, which `tests/engines/power.rs` lists.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::client::Lasting;
use crate::disk::{Disk, Survives};
use crate::kill::Kill;
use crate::ledger::Ledger;
use crate::place::Place;
use crate::rng::Rng;
use crate::run::{Cast, Outcome, Plan, Run, doomed};
use crate::trace::{self, Event};
use crate::witness::Witness;

/// Messages in the record.
const MESSAGES: u64 = 300;
/// After this the record ends, however few there are.
const RECORD_MAX: Duration = Duration::from_secs(20);
/// Clients that go before the first message: all of it waits for them.
const ABSENT: [&str; 2] = ["away", "g3"];
/// Of a thousand cuts so many follow right upon a packet that promises something.
const AFTER_PROMISE: u64 = 700;

/// Cuts the power `plan.cycles` times, or until `judge` has seen enough. False where processes cannot
/// be followed.
pub fn run(plan: &Plan, mut judge: impl FnMut(Outcome) -> ControlFlow<()>) -> bool {
    if !trace::is_there() {
        return false;
    }
    println!("{plan}: {} power cuts, FULMAR_CRASH_SEED={}", plan.cycles, plan.seed);
    let mut rng = Rng::new(plan.seed);
    let place = Place::create(plan.engine, plan.durability);
    let events = record(plan, &place, &mut rng);
    let root = place.data();
    let root = root.to_str().expect("a path of ours");
    let mut cuts = moments(&events, plan.cycles, &mut rng);
    let mut disk = Disk::default();
    let mut witness = Witness::new(cast(plan, Ledger::default()));
    for (number, event) in events.iter().enumerate() {
        disk.handle(event, root);
        witness.handle(event);
        while cuts.pop_if(|cut| *cut == number).is_some() {
            // What was not synced may be there all the same.
            let survives = match rng.chance(500) {
                true => Survives::Synced,
                false => Survives::Some(rng.range(0..u64::MAX)),
            };
            let what = format!("cut after event {number} of {}, {survives:?}", events.len());
            let outcome = cut(plan, &disk, &survives, witness.cast.copy(), &what);
            if judge(outcome).is_break() {
                return true;
            }
        }
    }
    true
}

/// Everybody, and two clients whose wills are published.
fn cast(plan: &Plan, ledger: Ledger) -> Cast {
    let mut cast = Cast::all(ledger);
    cast.doomed = doomed(1, &mut Rng::new(plan.seed));
    cast.doomed.retain(|client| !matches!(client.habits.session, Lasting::Briefly(_)));
    cast
}

/// Lets a broker work under strace.
fn record(plan: &Plan, place: &Place, rng: &mut Rng) -> Vec<Event> {
    let output = place.beside("trace");
    let broker = Broker::start_traced(place, &output);
    let mut cast = cast(plan, Ledger::new(place.create_file("events")));
    cast.connect(&broker);
    cast.settle_until(plan.patience, Cast::is_settled);
    // A will that is published before there is a subscription is not for anybody.
    for client in &mut cast.doomed {
        client.connect(broker.address, 1, &mut cast.ledger);
    }
    for client in &mut cast.clients {
        if ABSENT.contains(&client.name.as_str()) {
            client.hang_up();
        }
    }
    let mut kill = Kill::At(Instant::now() + RECORD_MAX);
    while cast.ledger.sent() < MESSAGES && !kill.is_due() {
        cast.act(rng, &mut kill);
        if rng.chance(20) {
            cast.lose_one();
        }
    }
    let id = broker.id();
    broker.kill();
    wait_for_end(&output, id);
    let violations = &cast.ledger.violations;
    assert!(violations.is_empty(), "before any cut: {violations:?}");
    trace::read(&output)
}

/// The last that strace writes is the end of the process.
fn wait_for_end(output: &Path, id: u32) {
    let is_end = |line: &str| {
        let (process, event) = line.split_once(' ').unwrap_or_default();
        process.parse() == Ok(id) && event.trim() == "+++ killed by SIGKILL +++"
    };
    let began = Instant::now();
    while !fs::read_to_string(output).is_ok_and(|text| text.lines().next_back().is_some_and(is_end))
    {
        assert!(began.elapsed() < Duration::from_secs(30), "strace does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The numbers of `count` events after which the power is cut, the first one last.
fn moments(events: &[Event], count: u64, rng: &mut Rng) -> Vec<usize> {
    let is_promise = |event: &Event| matches!(event, Event::Sent { bytes, .. } if bytes.len() > 1);
    let numbered = || events.iter().enumerate();
    let promises: Vec<usize> =
        numbered().filter(|(_, event)| is_promise(event)).map(|(number, _)| number).collect();
    let mut moments: Vec<usize> = (0..count)
        .map(|_| match rng.chance(AFTER_PROMISE) {
            true => rng.pick(&promises),
            false => rng.index(events.len()),
        })
        .collect();
    moments.sort_unstable();
    moments.reverse();
    moments
}

/// What is wrong after this cut.
fn cut(plan: &Plan, disk: &Disk, survives: &Survives, mut cast: Cast, what: &str) -> Outcome {
    let place = Place::create(plan.engine, plan.durability);
    disk.cut(survives, &place.data());
    cast.ledger.note(what);
    let mut run = Run::new(plan, place, cast);
    run.finish();
    run.outcome(what)
}
