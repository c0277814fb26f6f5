use std::io;

use parking_lot::Mutex;

use super::{Operation, Store, StoreError};
use crate::journal::{Batch, record};
use crate::types::Lsn;

/// Keys of commit records begin with it; the log sequence number follows, big-endian.
const RECORD_PREFIX: u8 = b'j';

/// Takes the broker's batches to a store, one record each.
///
/// Called with the broker locked, so batches arrive in the order of their numbers.
pub struct Commits {
    /// Locked by whoever holds the broker's lock, so never contended. `None` once it has failed.
    store: Mutex<Option<Box<dyn Store>>>,
}

impl Commits {
    /// Commits to `store`.
    pub fn new(store: impl Store + 'static) -> Self {
        Self { store: Mutex::new(Some(Box::new(store))) }
    }

    /// Stores a batch and returns the number up to which everything is durable.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store did not take it: nothing that waits for it may be sent. Nor does
    /// it take a later one then: being durable includes all that came before.
    pub fn submit(&self, batch: &Batch) -> Result<Lsn, StoreError> {
        let mut key = vec![RECORD_PREFIX];
        key.extend_from_slice(&batch.lsn.0.to_be_bytes());
        let value = record::encode(&batch.changes);
        let mut store = self.store.lock();
        let Some(engine) = store.as_mut() else {
            return Err(io::Error::other("a batch before this one is missing").into());
        };
        if let Err(error) = engine.apply(vec![Operation::Put { key, value }]) {
            *store = None;
            return Err(error);
        }
        Ok(batch.lsn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Change, SessionNumber};
    use crate::store::{MemoryStore, Visitor};

    #[test]
    fn a_batch_is_durable_when_the_store_has_taken_it() {
        let commits = Commits::new(MemoryStore::default());
        assert_eq!(commits.submit(&batch(1)).expect("memory"), Lsn(1));
        assert_eq!(commits.submit(&batch(2)).expect("memory"), Lsn(2));
    }

    #[test]
    fn a_store_that_fails_makes_nothing_durable() {
        assert!(Commits::new(Broken { works_after: 1 }).submit(&batch(1)).is_err());
    }

    #[test]
    fn a_batch_behind_one_that_is_missing_is_not_durable() {
        let commits = Commits::new(Broken { works_after: 1 });
        assert!(commits.submit(&batch(1)).is_err());
        assert!(commits.submit(&batch(2)).is_err());
    }

    fn batch(lsn: u64) -> Batch {
        let changes = vec![Change::SessionEnded { session: SessionNumber(1) }];
        Batch { lsn: Lsn(lsn), changes }
    }

    struct Broken {
        works_after: usize,
    }

    impl Store for Broken {
        fn apply(&mut self, _: Vec<Operation>) -> Result<(), StoreError> {
            match self.works_after.checked_sub(1) {
                None => return Ok(()),
                Some(left) => self.works_after = left,
            }
            Err(io::Error::from(io::ErrorKind::StorageFull).into())
        }

        fn sync(&mut self) -> Result<(), StoreError> {
            Ok(())
        }

        fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(None)
        }

        fn scan(&self, _: &[u8], _: &[u8], _: &mut Visitor<'_>) -> Result<(), StoreError> {
            Ok(())
        }

        fn size_bytes(&self) -> Result<u64, StoreError> {
            Ok(0)
        }
    }
}
