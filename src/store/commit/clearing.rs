use std::ops::ControlFlow;

use super::blob::Blob;
use super::fold::Fold;
use super::keys;
use super::round::Budget;
use crate::journal::SessionNumber;
use crate::store::{Operation, Store, StoreError};

/// What removes a stretch of what a session that is over has left.
pub struct Cleared {
    pub operations: Vec<Operation>,
    /// Bytes that it read, about.
    pub cost: u64,
    /// Nothing is left.
    pub is_gone: bool,
}

/// Goes through what a session that is over has left. Its record went with the change that ended it;
/// that it is to be cleared is what goes last.
///
/// # Errors
///
/// [`StoreError`] if the store cannot be read.
pub fn clear(
    store: &dyn Store,
    session: SessionNumber,
    budget: &mut Budget<'_>,
) -> Result<Cleared, StoreError> {
    let mut fold = Fold::new(store);
    let mut is_gone = true;
    // Segments first: they remove their parts unread, so the parts that are found are strays.
    for prefix in keys::owned_by(session) {
        if !is_gone {
            break;
        }
        let mut is_empty = true;
        Blob::scan(store, &prefix, b"", &mut |blob| {
            is_empty = false;
            match blob.key[0] {
                keys::SEGMENT => fold.remove_segment(&blob),
                _ => fold.remove(&blob),
            }
            is_gone = !budget.is_spent(fold.cost());
            if is_gone { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        // What its segments remove is still to be found.
        is_gone &= is_empty;
    }
    if is_gone {
        fold.remove(&Blob::read(store, &keys::ended(session))?);
    }
    let cost = fold.cost() as u64;
    Ok(Cleared { operations: fold.finish()?.operations, cost, is_gone })
}
