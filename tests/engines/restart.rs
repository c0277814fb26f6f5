//! What an engine on disk keeps from one opening to the next, and who may open it.

use std::path::Path;

use fulmar::store::{Durability, EngineOptions, Operation, StoreError, set_aside};

use crate::engine::{Engine, Home, bytes, delete, entries, put, stories};

stories!(Sled as sled, Fjall as fjall: {
    everything_is_there_after_reopening
    what_only_the_kernel_was_to_have_is_there_after_reopening
    a_second_broker_is_refused
    a_full_disk_refuses_puts_and_spoils_nothing
    an_unfinished_snapshot_is_no_obstacle
    a_store_is_set_aside_and_begun_anew
});

fn everything_is_there_after_reopening(engine: Engine) {
    let home = Home::new(engine);
    let mut expected = Default::default();
    for round in 0..4_u64 {
        let mut store = home.open();
        assert!(entries(&*store).expect("read") == expected, "before round {round}");
        store.apply(batch(round)).expect("applied");
        store.apply(vec![delete(format!("{}", round * 10))]).expect("applied");
        expected = entries(&*store).expect("read");
        assert_eq!(expected.len() as u64, (round + 1) * 9);
    }
}

fn what_only_the_kernel_was_to_have_is_there_after_reopening(engine: Engine) {
    let home = Home::new(engine);
    let options = EngineOptions { durability: Durability::Os, ..Default::default() };
    let mut store = home.open_with(&options).expect("opens");
    store.apply(batch(1)).expect("applied");
    store.sync().expect("synced");
    store.apply(batch(2)).expect("applied");
    let expected = entries(&*store).expect("read");
    drop(store);
    assert!(entries(&*home.open()).expect("read") == expected);
}

fn a_second_broker_is_refused(engine: Engine) {
    let home = Home::new(engine);
    let first = home.open();

    let error = home.try_open().err().expect("refused");

    let StoreError::Locked { directory, pid } = &error else { panic!("{error}") };
    assert_eq!((directory.as_path(), *pid), (home.directory.path(), Some(std::process::id())));
    drop(first);
    home.open();
}

fn a_full_disk_refuses_puts_and_spoils_nothing(engine: Engine) {
    let home = Home::new(engine);
    home.open().apply(batch(1)).expect("applied");
    let full = EngineOptions { free_bytes_min: u64::MAX, ..Default::default() };
    let mut store = home.open_with(&full).expect("opens to be read");
    let before = entries(&*store).expect("read");

    for _ in 0..2 {
        let error = store.apply(batch(2)).expect_err("no room");
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
    }

    assert!(entries(&*store).expect("read") == before);
    drop(store);
    home.open().apply(batch(2)).expect("there is room again");
}

fn an_unfinished_snapshot_is_no_obstacle(engine: Engine) {
    let home = Home::new(engine);
    home.open().apply(batch(1)).expect("applied");
    let leftover =
        home.directory.path().join(engine.name()).join("snap.00FFFFFFFFFFFFFF.generating");
    std::fs::write(&leftover, "half").expect("written");

    assert_eq!(entries(&*home.open()).expect("read").len(), 10);
    assert_eq!(leftover.exists(), engine != Engine::Sled);
}

fn a_store_is_set_aside_and_begun_anew(engine: Engine) {
    let home = Home::new(engine);
    home.open().apply(batch(1)).expect("applied");

    let moved = set_aside(&home.directory.path().join(engine.name())).expect("moved");

    assert!(entries(&*home.open()).expect("read").is_empty());
    assert!(Path::new(&moved).exists());
}

/// Ten puts, values of up to 90 kB.
fn batch(round: u64) -> Vec<Operation> {
    let keys = (0..10).map(|n| format!("{}", round * 10 + n));
    keys.zip(0..).map(|(key, n)| put(key, bytes(round, n * 10_000))).collect()
}
