//! Any batches, with reopenings in between, against a map in memory.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::engine::{Engine, Entries, Home, bytes, delete, entries, put, stories};

stories!(Sled as sled, Fjall as fjall: {
    any_batches_leave_what_a_map_would_hold
});

#[derive(Debug, Clone)]
enum Step {
    Apply(Vec<(Vec<u8>, Option<usize>)>),
    Reopen,
}

fn any_batches_leave_what_a_map_would_hold(engine: Engine) {
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() };
    proptest!(config, |(steps in vec(step(), 1..30))| check(engine, steps)?);
}

fn check(engine: Engine, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let home = Home::new(engine);
    let mut store = home.open();
    let mut model = Entries::new();
    for (number, step) in steps.into_iter().enumerate() {
        let Step::Apply(changes) = step else {
            drop(store);
            store = home.open();
            prop_assert!(entries(&*store).expect("read") == model, "reopened at {number}");
            continue;
        };
        let mut operations = Vec::new();
        for (key, length) in changes {
            let value = length.map(|length| bytes(number as u64, length));
            operations.push(value.as_ref().map_or_else(|| delete(&key), |value| put(&key, value)));
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
        }
        store.apply(operations).expect("applied");
        prop_assert!(entries(&*store).expect("read") == model, "after step {number}");
    }
    Ok(())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        9 => vec((key(), value_length()), 0..12).prop_map(Step::Apply),
        1 => Just(Step::Reopen),
    ]
}

/// Few enough that keys meet again.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(0..3_u8, 0..4), vec(any::<u8>(), 0..300)]
}

fn value_length() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![Just(None), (0..200_usize).prop_map(Some), (0..150_000_usize).prop_map(Some)]
}
