//! Figures, by `cargo test --release --lib commit::tests::measure -- --ignored --nocapture`.
#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "measures and prints")]

use std::time::Instant;

use super::*;
use crate::store::{EngineOptions, FjallStore, SledStore};

#[test]
#[ignore = "takes long; prints figures"]
fn recovery_of_a_million_messages() {
    for sessions in [1, 10_000] {
        measure_recovery("sled", sessions, sled);
        measure_recovery("fjall", sessions, fjall);
    }
}

#[test]
#[ignore = "takes long; prints figures"]
fn commits_of_each_size() {
    for (name, open) in [("sled", sled as Open), ("fjall", fjall as Open)] {
        for changes in [1, 10, 100, 500, 2000] {
            measure_commits(name, changes, open);
        }
    }
}

type Open = fn(&std::path::Path) -> Box<dyn Store>;

fn sled(directory: &std::path::Path) -> Box<dyn Store> {
    Box::new(SledStore::open(directory, &EngineOptions::default()).expect("opens"))
}

fn fjall(directory: &std::path::Path) -> Box<dyn Store> {
    Box::new(FjallStore::open(directory, &EngineOptions::default()).expect("opens"))
}

const MESSAGES: u64 = 1_000_000;

fn measure_recovery(name: &str, sessions: u64, open: Open) {
    let directory = tempfile::tempdir().expect("temporary");
    let settings = CommitSettings::default();
    let mut committer = Committer::open(open(directory.path()), settings).expect("opens");
    let started = Instant::now();
    let mut lsn = 0;
    let mut commit = |committer: &mut Committer, changes| {
        lsn += 1;
        let packed = committer::Packed::new(vec![Batch { lsn: Lsn(lsn), changes }]);
        committer.commit(&packed).expect("writes");
    };
    commit(&mut committer, (1..=sessions).map(opened).collect());
    for from in (0..MESSAGES).step_by(1000) {
        let queue = |at: u64| {
            let payload = [at.to_be_bytes(), [7; 8], [7; 8]].concat();
            queued(at % sessions + 1, at / sessions, &message("sensors/room/7", &payload))
        };
        commit(&mut committer, (from..from + 1000).map(queue).collect());
        while committer.wants_to_fold() {
            committer.fold(&mut || false).expect("folds");
        }
    }
    let journal_mib = committer.journal_bytes() >> 20;
    let filled = started.elapsed();
    while committer.journal_bytes() > 0 {
        committer.fold(&mut || false).expect("folds");
    }
    let folded = started.elapsed();
    drop(committer);

    let started = Instant::now();
    let mut store = open(directory.path());
    let opened = started.elapsed();
    let recovered = recover(&mut *store, &mut |_| {}).expect("recovers");
    let all = started.elapsed();
    let queued: usize = recovered.image.sessions.values().map(|image| image.queue.len()).sum();
    assert_eq!(queued as u64, MESSAGES);
    println!(
        "{name}, {sessions} sessions: filled in {filled:?} (journal {journal_mib} MiB), all folded \
         after {folded:?}, {} MiB on disk; opened in {opened:?}, recovered after {all:?}",
        store.size_bytes().expect("counts") >> 20,
    );
}

fn measure_commits(name: &str, changes: u64, open: Open) {
    const GROUPS: u64 = 500;
    let directory = tempfile::tempdir().expect("temporary");
    let settings = CommitSettings::default();
    let mut committer = Committer::open(open(directory.path()), settings).expect("opens");
    let started = Instant::now();
    let mut folding = Duration::ZERO;
    let mut slowest = Duration::ZERO;
    for group in 0..GROUPS {
        let changes = (0..changes).map(|at| {
            let number = group * changes + at;
            queued(1, number, &message("sensors/room/7", &[at as u8; 60]))
        });
        let packed =
            committer::Packed::new(vec![Batch { lsn: Lsn(group + 1), changes: changes.collect() }]);
        committer.commit(&packed).expect("writes");
        let fold_started = Instant::now();
        if committer.wants_to_fold() {
            committer.fold(&mut || false).expect("folds");
            slowest = slowest.max(fold_started.elapsed());
        }
        folding += fold_started.elapsed();
    }
    let took = started.elapsed();
    let rate = (GROUPS * changes) as f64 / took.as_secs_f64();
    println!(
        "{name}, {changes} changes: {:?} a commit, {rate:.0} changes/s (folding {folding:?} of \
         {took:?}, slowest step {slowest:?})",
        (took - folding) / GROUPS as u32,
    );
}
