//! How commits and folding share the time of their thread.

use std::sync::atomic::AtomicU64;
use std::sync::{OnceLock, mpsc};

use super::threads::{patiently, settings};
use super::*;

#[test]
fn folding_makes_room_for_commits_when_it_takes_too_long() {
    let (_, micros) = slow_clock();
    let (told, events) = mpsc::channel();
    let on_event = Box::new(move |event| told.send(event).unwrap_or(()));
    let settings = CommitSettings { journal_bytes_max: 100_000, ..settings() };
    let store = Box::new(Shelf::default());
    let commits = Commits::start(store, Lsn::NONE, settings, micros, on_event).expect("started");
    (1..=500).for_each(|lsn| _ = commits.submit(sessions(lsn)).expect("memory"));
    assert!(patiently(&events).any(|event| event == Event::Durable(Lsn(500))));
    commits.finish();

    let stats = commits.stats();
    assert!(stats.fold_time.max_micros <= 10_000, "{stats:?}");
    assert!(stats.journal_bytes < 2_500_000, "{stats:?}");
}

#[test]
fn a_journal_that_is_far_too_long_costs_a_commit_what_commits_add_and_no_more() {
    let (time, micros) = slow_clock();
    let commits = Arc::new(OnceLock::<Commits>::new());
    let again = Arc::clone(&commits);
    let (told, moments) = mpsc::channel();
    // As soon as one is durable the next one waits.
    let on_event = Box::new(move |event| {
        let (Event::Durable(lsn), Some(commits)) = (event, again.get()) else { return };
        told.send(time.load(Ordering::SeqCst)).unwrap_or(());
        if lsn < Lsn(400) {
            commits.submit(sessions(lsn.0 + 1)).expect("memory");
        }
    });
    let settings = CommitSettings { journal_bytes_max: 100_000, ..settings() };
    let store = Box::new(Shelf::default());
    let started = Commits::start(store, Lsn::NONE, settings, micros, on_event).expect("started");
    let commits = commits.get_or_init(|| started);

    commits.submit(sessions(1)).expect("memory");
    let moments: Vec<u64> = patiently(&moments).take(400).collect();
    commits.finish();

    assert_eq!(moments.len(), 400);
    let longest = moments.windows(2).map(|pair| pair[1] - pair[0]).max();
    // All that is due takes three seconds.
    assert!(longest < Some(1_000_000), "{longest:?} microseconds between two commits");
    assert!(commits.stats().journal_bytes < 250_000, "{:?}", commits.stats());
}

/// Each look at it takes a millisecond.
fn slow_clock() -> (Arc<AtomicU64>, Micros) {
    let time = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&time);
    (time, Box::new(move || clock.fetch_add(1000, Ordering::SeqCst)))
}

/// Fifty sessions begin.
fn sessions(lsn: u64) -> Batch {
    let first = lsn * 1000;
    Batch { lsn: Lsn(lsn), changes: (first..first + 50).map(opened).collect() }
}
