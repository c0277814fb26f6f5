//! Where durable changes go. An engine is a [`Store`]; the rest of the broker knows of it only that
//! a batch handed to [`Commits`] is durable from some log sequence number on.

mod commit;
mod damage;
mod error;
mod fjall;
mod keeper;
mod layout;
mod lock;
mod memory;
mod offline;
mod options;
mod salvage;
mod sled;
mod sled_files;
mod space;
mod witness;

pub use self::fjall::FjallStore;
pub use self::sled::SledStore;
pub use commit::{
    CommitPulse, CommitSettings, CommitState, CommitStats, Commits, Committer, Content, Delivery,
    Entry, Event, Filling, FoldStep, HISTOGRAM_MICROS, Histogram, Loaded, Micros, OnEvent, Packed,
    Problem, Progress, RecordKind, Recovered, RoomSettings, contents, describe, recover,
};
pub use damage::{OnDamage, set_aside, withstand};
pub use error::StoreError;
pub use lock::DirectoryLock;
pub use memory::MemoryStore;
pub use offline::{DataDirectory, EngineKind, Prepared, Replaced};
pub use options::{Durability, EngineOptions};
pub use salvage::Salvage;
pub use space::{Ballast, free_bytes};

use std::ops::ControlFlow;

/// The longest key, in bytes: with an engine's own prefix it stays below 65,535.
pub const KEY_BYTES_MAX: usize = 65_000;
/// The longest value, in bytes: the largest MQTT packet and what is said about it fit.
pub const VALUE_BYTES_MAX: usize = 288 * 1024 * 1024;

/// Sees a key and its value, and says whether to go on.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An ordered map from bytes to bytes that survives what its engine promises to survive.
///
/// Keys have at most [`KEY_BYTES_MAX`] bytes, values at most [`VALUE_BYTES_MAX`]; either may be empty.
pub trait Store: Send {
    /// Applies all operations or none, in order. When it returns they are as durable as the store
    /// was opened to make them ([`Durability`]).
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] if there is too little room: nothing has happened, and it may be tried
    /// again. After any other error it is unknown until the store is opened anew whether the
    /// operations happened, nothing that depends on them may be acknowledged, and the store takes
    /// no more.
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError>;

    /// Makes everything that is in the store survive a power cut, whichever process applied it. Its
    /// owner calls it at the start and, for a store of [`Durability::Os`], on an interval.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as after `apply`.
    fn sync(&mut self) -> Result<(), StoreError>;

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

    /// Whether room that it frees stays with it, for what comes later, instead of going back to the
    /// file system.
    fn keeps_freed_room(&self) -> bool {
        false
    }
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
