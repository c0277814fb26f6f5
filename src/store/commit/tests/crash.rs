use super::crash_store::CrashStore;
use super::scenario::Scenario;
use super::*;
use crate::store::commit::committer::Packed;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Whatever the moment: what is found is the state after some batch, none that was reported
    /// durable is missing, and none is there in part.
    #[test]
    fn a_crash_leaves_the_state_after_some_batch(
        draws in prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u8>()), 1..6), 1..40),
        group_sizes in prop::collection::vec(1..4_usize, 1..8),
        folds in prop::collection::vec(0..12_usize, 1..8),
        step_bytes in prop_oneof![Just(1_usize), Just(200), Just(4000)],
        round_bytes in prop_oneof![Just(1_u64), Just(1000), Just(100_000)],
        lives in prop::collection::vec((0..40_usize, any::<bool>()), 1..5),
    ) {
        let batches = Scenario::batches(&draws);
        let images = Scenario::images(&batches);
        let settings = CommitSettings {
            fold_step_bytes: step_bytes,
            round_bytes_max: round_bytes,
            journal_bytes_max: 1 << 20,
            ..EAGER
        };
        let mut store = CrashStore::new(0, false);
        let mut done = 0;

        for (moments, lucky) in lives {
            store = store.after_power_cut().dies_after(moments, lucky);
            let durable = live(&store, settings, &batches[done..], &group_sizes, &folds)
                .map_or(done as u64, |lsn| lsn.0.max(done as u64));
            store = store.after_power_cut();
            done = check(&store, &images, durable)?;
        }
    }
}

/// `FULMAR_CRASH_CASES` asks for more than fit the gate.
fn cases() -> u32 {
    let asked = std::env::var("FULMAR_CRASH_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

/// Commits and folds until all is done or the process dies; returns what was reported durable.
fn live(
    store: &CrashStore,
    settings: CommitSettings,
    batches: &[Batch],
    group_sizes: &[usize],
    folds: &[usize],
) -> Option<Lsn> {
    let mut committer = Committer::open(Box::new(store.clone()), settings).ok()?;
    let mut durable = None;
    let mut rest = batches;
    for (size, folds) in group_sizes.iter().cycle().zip(folds.iter().cycle()) {
        if rest.is_empty() {
            break;
        }
        let (group, later) = rest.split_at((*size).min(rest.len()));
        rest = later;
        let packed = Packed::new(group.to_vec());
        if committer.commit(&packed).is_err() {
            break;
        }
        durable = Some(packed.last());
        for _ in 0..*folds {
            if committer.fold(&mut || false).is_err() {
                return durable;
            }
        }
    }
    durable
}

/// Returns the batch after which the state was as it is found.
fn check(store: &CrashStore, images: &[Image], durable: u64) -> Result<usize, TestCaseError> {
    let recovered = recover(&mut store.clone(), &mut |_| {}).expect("nothing dies here");
    prop_assert_eq!((recovered.quarantined, recovered.lost), (0, 0));
    let from = durable.max(recovered.last.0) as usize;
    assert_numbers(&recovered.image);
    let found = without_counters(whole(&mut store.clone(), recovered.image));
    let at = images[from..].iter().position(|image| without_counters(image.clone()) == found);
    at.map(|after| from + after)
        .ok_or_else(|| TestCaseError::fail(format!("not a state from {from} on: {found:#?}")))
}

/// No number that may have been sent, or that is in use, is given to another message.
fn assert_numbers(image: &Image) {
    for session in image.sessions.values() {
        let last = session.queue.keys().last().map_or(0, |last| last + 1);
        let used = session.backlog.to.max(last);
        assert!(session.next_number >= used, "{session:?}");
        let in_backlog = |number: &u64| (session.backlog.from..session.backlog.to).contains(number);
        assert!(!session.queue.keys().any(in_backlog), "{session:?}");
        let is_released = |step: &Unfinished| *step == Unfinished::Released;
        let released = session.queue.iter().filter(|(_, step)| is_released(step));
        let below = |(number, _): (&u64, _)| *number < session.backlog.from;
        assert!(session.backlog.is_empty() || released.into_iter().all(below), "{session:?}");
    }
}
