use super::crash_store::CrashStore;
use super::scenario::Scenario;
use super::*;
use crate::journal::SessionImage;
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
        folds in prop::collection::vec(0..4_usize, 1..8),
        step_bytes in prop_oneof![Just(1_usize), Just(200), Just(4000)],
        lives in prop::collection::vec((0..40_usize, any::<bool>()), 1..5),
    ) {
        let batches = Scenario::batches(&draws);
        let images = Scenario::images(&batches);
        let settings = CommitSettings { fold_step_bytes: step_bytes, ..EAGER };
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
            if committer.fold().is_err() {
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
    let at = images[from..].iter().position(|image| is_found(image, &recovered.image));
    at.map(|after| from + after).ok_or_else(|| {
        TestCaseError::fail(format!("not a state from {from} on: {:#?}", recovered.image))
    })
}

/// Whether it is the state, with numbers no further behind than they may be.
fn is_found(state: &Image, found: &Image) -> bool {
    let told = |(session, found): (&SessionNumber, &SessionImage)| {
        let next_number = state.sessions[session].next_number;
        (found.next_number..=found.next_number + NUMBERS_UNTOLD_MAX).contains(&next_number)
    };
    without_counters(state.clone()) == without_counters(found.clone())
        && found.sessions.iter().all(told)
}
