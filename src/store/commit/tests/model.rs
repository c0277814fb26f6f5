//! Loading while rounds are under way, held against a plain [`Image`].

use std::collections::BTreeMap;

use super::crash_store::CrashStore;
use super::scenario::Scenario;
use super::*;
use crate::store::commit::committer::Packed;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// What the store has told that it can give, it gives: each unfinished message, whole and in
    /// order, whatever is being folded, and also after a crash.
    #[test]
    fn what_is_stored_can_be_loaded(
        draws in prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u8>()), 1..6), 1..60),
        folds in prop::collection::vec(0..10_usize, 1..8),
        step_bytes in prop_oneof![Just(1_usize), Just(300)],
        round_bytes in prop_oneof![Just(1_u64), Just(1500)],
        crashes in prop::collection::vec(1..60_usize, 0..4),
        messages_max in 1..4_usize,
    ) {
        let batches = Scenario::batches(&draws);
        let images = Scenario::images(&batches);
        let settings = CommitSettings {
            fold_step_bytes: step_bytes,
            round_bytes_max: round_bytes,
            journal_bytes_max: 1 << 20,
            ..EAGER
        };
        let mut store = CrashStore::new(usize::MAX, false);
        let mut crashes = crashes.into_iter();
        let mut done = 0;
        while done < batches.len() {
            let moments = crashes.next().unwrap_or(usize::MAX);
            store = store.after_power_cut().dies_after(moments, false);
            let mut life = Life { told: told(&store), store: store.clone(), messages_max };
            let mut committer = Committer::open(Box::new(store.clone()), settings).expect("reads");
            life.check(&images[done])?;
            'life: for (batch, folds) in batches[done..].iter().zip(folds.iter().cycle()) {
                if committer.commit(&Packed::new(vec![batch.clone()])).is_err() {
                    break;
                }
                done += 1;
                for _ in 0..*folds {
                    let Ok(step) = committer.fold(&mut || false) else { break 'life };
                    life.note(step.stored.unwrap_or_default());
                    life.check(&images[done])?;
                }
            }
            // A batch that was cut off in the middle of its write may be there all the same.
            let last = recover(&mut store.after_power_cut(), &mut |_| {}).expect("reads").last;
            done = done.max(last.0 as usize);
        }
    }
}

/// `FULMAR_CRASH_CASES` asks for more than fit the gate.
fn cases() -> u32 {
    let asked = std::env::var("FULMAR_CRASH_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(100)
}

/// One life of the process, as its broker sees it.
struct Life {
    store: CrashStore,
    /// What can be loaded, by session: all below this number.
    told: BTreeMap<SessionNumber, u64>,
    messages_max: usize,
}

impl Life {
    fn note(&mut self, stored: Vec<Stored>) {
        for Stored { session, before } in stored {
            let told = self.told.entry(session).or_default();
            *told = before.max(*told);
        }
    }

    fn check(&self, image: &Image) -> Result<(), TestCaseError> {
        for (session, before) in &self.told {
            let Some(image) = image.sessions.get(session) else { continue };
            let loaded = self.load(*session, *before)?;
            let expected = image.queue.range(..before).filter_map(|(number, step)| match step {
                Unfinished::Message(message) => Some((*number, message.clone())),
                Unfinished::Released => None,
            });
            // What is finished may come all the same, as long as that is in groups only.
            let is_unfinished =
                |number: &u64| matches!(image.queue.get(number), Some(Unfinished::Message(_)));
            let found = loaded.into_iter().filter(|(number, _)| is_unfinished(number));
            prop_assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
        Ok(())
    }

    fn load(
        &self,
        session: SessionNumber,
        to: u64,
    ) -> Result<Vec<(u64, crate::journal::QueuedMessage)>, TestCaseError> {
        let (mut from, mut all) = (0, Vec::new());
        // What loads would set aside is no moment of this life: nothing is damaged.
        let mut store = self.store.after_power_cut();
        while from < to {
            let asked = Load { session, from, to, messages_max: self.messages_max, bytes_max: 400 };
            let loaded = load::load(&mut store, &asked).expect("reads");
            prop_assert_eq!((loaded.quarantined, loaded.lost), (0, 0));
            prop_assert!(loaded.page.next > from && loaded.page.next <= to);
            from = loaded.page.next;
            all.extend(loaded.page.messages);
        }
        prop_assert!(all.is_sorted_by(|(a, _), (b, _)| a < b));
        Ok(all)
    }
}

/// What a restart says that can be loaded.
fn told(store: &CrashStore) -> BTreeMap<SessionNumber, u64> {
    let recovered = recover(&mut store.after_power_cut(), &mut |_| {}).expect("reads");
    let sessions = recovered.image.sessions.into_iter();
    sessions.map(|(number, session)| (number, session.backlog.to)).collect()
}
