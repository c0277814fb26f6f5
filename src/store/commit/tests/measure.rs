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

fn measure_recovery(name: &str, sessions: u64, open: Open) {
    let messages = std::env::var("FULMAR_MEASURE_MESSAGES").ok();
    let messages = messages.and_then(|count| count.parse().ok()).unwrap_or(1_000_000_u64);
    let directory = tempfile::tempdir().expect("temporary");
    let (filled, fold_time, slowest, written) = fill(open(directory.path()), sessions, messages);
    let after_filling = resident_mib();

    let started = Instant::now();
    let mut store = open(directory.path());
    let opened = started.elapsed();
    let recovered = recover(&mut *store, &mut |_| {}).expect("recovers");
    let all = started.elapsed();
    assert_eq!(recovered.messages, messages);
    let after_recovery = resident_mib();
    let started = Instant::now();
    drain(&mut *store, &recovered.image);
    println!(
        "{name}, {sessions} sessions, {messages} messages: filled in {filled:?}, of that folding \
         {fold_time:?} (longest step {slowest:?}, {} MiB put), {} MiB on disk; opened in \
         {opened:?}, recovered after {all:?}, all loaded in {:?}; resident {after_filling} MiB \
         after filling, {after_recovery} after recovery, {} after loading",
        written >> 20,
        store.size_bytes().expect("counts") >> 20,
        started.elapsed(),
        resident_mib(),
    );
}
/// Returns how long it took, how long folding took of that, its longest step and what it put.
fn fill(
    store: Box<dyn Store>,
    sessions: u64,
    messages: u64,
) -> (Duration, Duration, Duration, u64) {
    let mut committer = Committer::open(store, CommitSettings::default()).expect("opens");
    let (mut folding, mut slowest, mut written) = Default::default();
    let started = Instant::now();
    let mut lsn = 0;
    let mut commit = |committer: &mut Committer, changes| {
        lsn += 1;
        let packed = committer::Packed::new(vec![Batch { lsn: Lsn(lsn), changes }]);
        committer.commit(&packed).expect("writes");
    };
    commit(&mut committer, (1..=sessions).map(opened).collect());
    for from in (0..messages).step_by(1000) {
        let queue = |at: u64| {
            let payload = [&at.to_be_bytes()[..], &[at as u8; 100]].concat();
            queued(at % sessions + 1, at / sessions, &message("sensors/room/7", &payload))
        };
        commit(&mut committer, (from..(from + 1000).min(messages)).map(queue).collect());
        while committer.wants_to_fold() {
            let step = Instant::now();
            let mut is_late = || step.elapsed() >= Duration::from_millis(2);
            written += committer.fold(&mut is_late).expect("folds").written_bytes;
            folding += step.elapsed();
            slowest = step.elapsed().max(slowest);
        }
    }
    (started.elapsed(), folding, slowest, written)
}

/// Loads all backlogs, page by page.
fn drain(store: &mut dyn Store, image: &Image) {
    for (session, image) in &image.sessions {
        let (mut from, to, mut messages) = (image.backlog.from, image.backlog.to, 0);
        while from < to {
            let asked = Load { session: *session, from, to, messages_max: 128, bytes_max: 1 << 20 };
            let page = load::load(store, &asked).expect("loads").page;
            (from, messages) = (page.next, messages + page.messages.len() as u64);
        }
        assert_eq!(messages, image.backlog.messages);
    }
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
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
