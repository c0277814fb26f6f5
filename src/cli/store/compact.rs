use std::ops::ControlFlow;

use super::bar::Bar;
use super::{Failure, Outcome, Place, say, size};
use crate::store::{Operation, Store, StoreError};

/// Entries that are applied at a time, in bytes.
const BATCH_BYTES: usize = 1024 * 1024;

pub fn run(place: &Place) -> Result<Outcome, Failure> {
    let store = place.open()?;
    let before = store.size_bytes()?;
    let mut prepared = place.prepare()?;
    copy(&*store, prepared.store(), Bar::new("compacting", Some(before)))?;
    drop(store);
    if let Some(old) = prepared.take_place()? {
        old.remove()?;
    }
    let after = place.directory.occupied_bytes(place.engine)?;
    say(&format!("{} before, {} now", size(before), size(after)));
    Ok(Outcome::Clean)
}

/// All entries as they are: a damaged one stays what it is.
fn copy(from: &dyn Store, to: &mut dyn Store, mut bar: Bar) -> Result<(), StoreError> {
    let mut next = Vec::new();
    loop {
        let start = std::mem::take(&mut next);
        let mut operations = Vec::new();
        let mut bytes = 0;
        from.scan(b"", &start, &mut |key, value| {
            bytes += key.len() + value.len();
            next = [key, &[0]].concat();
            operations.push(Operation::Put { key: key.into(), value: value.into() });
            if bytes < BATCH_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if operations.is_empty() {
            return to.sync();
        }
        to.apply(operations)?;
        bar.advance(bytes as u64);
    }
}
