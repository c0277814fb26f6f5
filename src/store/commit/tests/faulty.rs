use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;

/// A store that can be told to fail.
#[derive(Clone)]
pub struct Faulty {
    pub shelf: Shelf,
    error: fn() -> StoreError,
    broken: Arc<AtomicBool>,
    pub attempts: Arc<AtomicU64>,
    pub syncs: Arc<AtomicU64>,
}

pub fn full() -> StoreError {
    StoreError::Full { free_bytes: 0, kept_bytes: 1 }
}

pub fn failed() -> StoreError {
    io::Error::other("broken").into()
}

impl Faulty {
    pub fn new(error: fn() -> StoreError) -> Self {
        let (shelf, broken, attempts, syncs) = Default::default();
        Self { shelf, error, broken, attempts, syncs }
    }

    pub fn break_it(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    pub fn wait_for_attempts(&self, attempts: u64) {
        while self.attempts.load(Ordering::SeqCst) < attempts {
            thread::yield_now();
        }
    }
}

impl Store for Faulty {
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        match self.broken.load(Ordering::SeqCst) {
            true => Err((self.error)()),
            false => self.shelf.apply(operations),
        }
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.shelf.sync()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.shelf.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        self.shelf.scan(prefix, from, visit)
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.shelf.size_bytes()
    }
}
