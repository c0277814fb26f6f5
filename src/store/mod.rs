//! Where durable changes go. An engine is a [`Store`]; the rest of the broker knows of it only that
//! a batch handed to [`Commits`] is durable from some log sequence number on.

mod commit;
mod memory;

pub use commit::{
    CommitSettings, CommitState, CommitStats, Commits, HISTOGRAM_MICROS, Histogram, Micros,
    NUMBERS_UNTOLD_MAX, OnDurable, Progress, Recovered, recover,
};
pub use memory::MemoryStore;

use std::ops::ControlFlow;

/// Sees a key and its value, and says whether to go on.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An ordered map from bytes to bytes that survives what its engine promises to survive.
pub trait Store: Send {
    /// Applies all operations or none, in order. When it returns they are durable.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; whether the operations happened is then unknown until the store is opened
    /// anew, and nothing that depends on them may be acknowledged.
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError>;

    /// The value under `key`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits what stands under keys that begin with `prefix`, in order of keys, from `from` on,
    /// until the visitor breaks.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be read.
    fn scan(&self, prefix: &[u8], from: &[u8], visit: &mut Visitor<'_>) -> Result<(), StoreError>;

    /// Bytes that it takes up where it keeps them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they cannot be counted.
    fn size_bytes(&self) -> Result<u64, StoreError>;
}

/// One change to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Sets the value under a key.
    Put {
        /// Ordered as bytes.
        key: Vec<u8>,
        /// Any bytes.
        value: Vec<u8>,
    },
    /// Removes a key, if it is there.
    Delete {
        /// As it was put.
        key: Vec<u8>,
    },
}

/// The engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("store: {0}")]
pub struct StoreError(#[from] pub std::io::Error);
