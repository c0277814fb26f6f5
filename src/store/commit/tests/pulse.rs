use std::time::Instant;

use super::faulty::{Faulty, full};
use super::threads::{batch, settings, start};
use super::*;

#[test]
fn a_store_that_does_not_come_back_shows_no_turn_until_it_does() {
    let shelf = Shelf::default();
    let (commits, durable) = start(Box::new(shelf.clone()), settings());
    commits.submit(batch(1)).expect("memory");
    assert_eq!(durable.recv(), Ok(Lsn(1)));
    wait_until(|| commits.pulse().idle);
    let held = shelf.0.lock();

    commits.submit(batch(2)).expect("memory");

    let stuck = commits.pulse();
    assert!(!stuck.idle);
    assert!(durable.recv_timeout(Duration::from_millis(50)).is_err());
    assert_eq!(commits.pulse(), stuck);
    drop(held);
    assert_eq!(durable.recv(), Ok(Lsn(2)));
    wait_until(|| commits.pulse().idle);
    assert!(commits.pulse().turns > stuck.turns);
}

#[test]
fn each_attempt_at_a_full_disk_is_a_turn() {
    let faulty = Faulty::new(full);
    faulty.break_it(true);
    let (commits, _durable) = start(Box::new(faulty.clone()), settings());
    commits.submit(batch(1)).expect("taken");
    faulty.wait_for_attempts(1);
    let before = commits.pulse();

    wait_until(|| commits.pulse().turns > before.turns);

    assert!(!commits.pulse().idle);
}

/// The most that anything here takes, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "threads take real time")]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never came to that");
        thread::yield_now();
    }
}
