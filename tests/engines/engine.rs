//! The engines under test and where they keep their files.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use fulmar::store::{EngineOptions, FjallStore, MemoryStore, Operation, SledStore};
use fulmar::store::{Store, StoreError};
use tempfile::TempDir;

pub use crate::generator::Random;

/// What a store holds.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Memory,
    Sled,
    Fjall,
}

impl Engine {
    pub fn open(self, directory: &Path, options: &EngineOptions) -> Result<Opened, StoreError> {
        Ok(match self {
            Self::Memory => Box::new(MemoryStore::default()),
            Self::Sled => Box::new(SledStore::open(directory, options)?),
            Self::Fjall => Box::new(FjallStore::open(directory, options)?),
        })
    }

    /// The directory of its own in a data directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sled => "sled",
            Self::Fjall => "fjall",
        }
    }
}

pub type Opened = Box<dyn Store>;

/// An engine and a data directory that goes when the test is over.
pub struct Home {
    pub engine: Engine,
    pub directory: TempDir,
}

impl Home {
    pub fn new(engine: Engine) -> Self {
        let parent = env!("CARGO_TARGET_TMPDIR");
        Self { engine, directory: TempDir::new_in(parent).expect("temporary directory") }
    }

    pub fn open(&self) -> Opened {
        self.try_open().expect("opens")
    }

    pub fn try_open(&self) -> Result<Opened, StoreError> {
        self.open_with(&EngineOptions::default())
    }

    pub fn open_with(&self, options: &EngineOptions) -> Result<Opened, StoreError> {
        self.engine.open(self.directory.path(), options)
    }
}

/// Makes a test of each engine of each story.
macro_rules! stories {
    ($($engine:ident as $module:ident),*: $stories:tt) => {
        $(mod $module { $crate::engine::stories!(@ $engine $stories); })*
    };
    (@ $engine:ident { $($story:ident)* }) => {
        $(#[test] fn $story() { super::$story($crate::engine::Engine::$engine) })*
    };
}
pub(crate) use stories;

pub fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Operation {
    Operation::Put { key: key.as_ref().into(), value: value.as_ref().into() }
}

pub fn delete(key: impl AsRef<[u8]>) -> Operation {
    Operation::Delete { key: key.as_ref().into() }
}

pub fn entries(store: &dyn Store) -> Result<Entries, StoreError> {
    let mut entries = Entries::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        entries.insert(key.into(), value.into());
        ControlFlow::Continue(())
    };
    store.scan(b"", b"", &mut visit)?;
    Ok(entries)
}

/// `length` bytes that depend on `seed` and do not repeat themselves soon.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
