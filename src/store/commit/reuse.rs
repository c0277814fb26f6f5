use std::ops::ControlFlow;

use crate::store::{Store, StoreError};

/// How much of what a store takes up on disk it could use again, in an engine whose files never
/// shrink: for that engine, a disk that was full of messages is not full any more once they are
/// gone, whatever the file system says.
///
/// It is an estimate: as much as fell away since the disk became full, in the ratio that the store
/// had then to its entries. These are found by a walk over all of them, a few at a time and only
/// while the disk is full. Where the estimate is too high the store grows, and it is given up.
#[derive(Debug)]
pub struct Reuse {
    /// Where the walk goes on.
    from: Vec<u8>,
    /// Bytes of entries that it has seen.
    live_bytes: u64,
    /// What the first walk found.
    reference: Option<Reference>,
    found: Option<Found>,
    /// What the engine takes up for each byte of an entry, at the most, however little was left when
    /// the first walk was over.
    ratio_max: f64,
}

#[derive(Debug, Clone, Copy)]
struct Reference {
    size_bytes: u64,
    live_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    bytes: u64,
    /// What the file system had left at that time.
    free_bytes: u64,
}

/// More than was ever seen of sled, with large messages and folding.
const RATIO_MAX: f64 = 8.0;
/// What an engine takes up however little is in it.
const TAKEN_BYTES: u64 = 16 << 20;
/// Bytes that one step reads, about: a commit that comes waits for it.
const STEP_BYTES: u64 = 1 << 20;
/// When the file system has lost so much since, the engine has begun to grow instead.
const GROWTH_BYTES_MAX: u64 = 4 << 20;

impl Default for Reuse {
    fn default() -> Self {
        Self { from: Vec::new(), live_bytes: 0, reference: None, found: None, ratio_max: RATIO_MAX }
    }
}

impl Reuse {
    /// Goes on walking, and begins again at the end.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    pub fn step(&mut self, store: &dyn Store, free_bytes: u64) -> Result<(), StoreError> {
        let from = std::mem::take(&mut self.from);
        let mut step_bytes = 0;
        store.scan(b"", &from, &mut |key, value| {
            if step_bytes >= STEP_BYTES {
                self.from = key.to_vec();
                return ControlFlow::Break(());
            }
            step_bytes += (key.len() + value.len()) as u64;
            ControlFlow::Continue(())
        })?;
        self.live_bytes += step_bytes;
        if self.from.is_empty() {
            let live_bytes = std::mem::take(&mut self.live_bytes);
            let bytes = self.estimate(store.size_bytes()?, live_bytes);
            self.found = Some(Found { bytes, free_bytes });
        }
        Ok(())
    }

    /// What can be used again while the file system has so much left, as far as it is known.
    pub fn bytes(&mut self, free_bytes: u64) -> u64 {
        let Some(found) = self.found else { return 0 };
        if free_bytes.saturating_add(GROWTH_BYTES_MAX) < found.free_bytes {
            *self = Self { ratio_max: self.ratio_max * 2.0, ..Self::default() };
            return 0;
        }
        found.bytes
    }

    fn estimate(&mut self, size_bytes: u64, live_bytes: u64) -> u64 {
        let now = Reference { size_bytes, live_bytes };
        let Reference { size_bytes: size_then, live_bytes: live_then } =
            *self.reference.get_or_insert(now);
        let ratio = (size_then as f64 / live_then.max(1) as f64).min(self.ratio_max);
        let taken_bytes = (live_bytes as f64 * ratio) as u64;
        size_bytes.saturating_sub(taken_bytes.saturating_add(TAKEN_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Operation};

    #[test]
    fn what_fell_away_since_the_disk_became_full_can_be_used_again() {
        let mut reuse = Reuse::default();
        let mut store = Occupied { entries: MemoryStore::default(), size_bytes: 100 << 20 };
        store.fill(0..40);
        reuse.walk(&store, 50 << 20);
        assert_eq!(reuse.bytes(50 << 20), 0, "all of it is taken");

        store.empty(0..30);
        reuse.walk(&store, 50 << 20);

        let bytes = reuse.bytes(50 << 20);
        assert!((58 << 20..60 << 20).contains(&bytes), "three quarters, less what is always taken");
    }

    #[test]
    fn a_store_that_was_all_but_empty_at_the_first_look_can_use_nearly_all_of_it() {
        let mut reuse = Reuse::default();
        let mut store = Occupied { entries: MemoryStore::default(), size_bytes: 100 << 20 };
        store.fill(0..2);
        reuse.walk(&store, 0);
        let bytes = reuse.bytes(0);
        assert!((67 << 20..69 << 20).contains(&bytes), "{bytes}: less eight times what is in it");
    }

    #[test]
    fn a_store_that_grows_all_the_same_is_looked_at_anew_and_trusted_less() {
        let mut reuse = Reuse::default();
        let mut store = Occupied { entries: MemoryStore::default(), size_bytes: 100 << 20 };
        store.fill(0..6);
        reuse.walk(&store, 50 << 20);
        let before = reuse.bytes(46 << 20);
        assert!(before > 0);

        assert_eq!(reuse.bytes((46 << 20) - 1), 0);
        assert_eq!(reuse.bytes(50 << 20), 0, "not known any more");
        reuse.walk(&store, 46 << 20);
        assert!(reuse.bytes(46 << 20) < before);
    }

    #[test]
    fn a_walk_takes_as_many_steps_as_there_are_bytes() {
        let mut store = Occupied { entries: MemoryStore::default(), size_bytes: 100 << 20 };
        store.fill(0..6);
        let mut reuse = Reuse::default();
        for _ in 0..5 {
            reuse.step(&store, 0).expect("memory");
            assert!(reuse.found.is_none());
        }
        reuse.step(&store, 0).expect("memory");
        assert!(reuse.found.is_some());
    }

    impl Reuse {
        fn walk(&mut self, store: &Occupied, free_bytes: u64) {
            self.found = None;
            while self.found.is_none() {
                self.step(store, free_bytes).expect("memory");
            }
        }
    }

    impl Occupied {
        /// With entries of a step each.
        fn fill(&mut self, keys: std::ops::Range<u8>) {
            let put = |key| Operation::Put { key: vec![key], value: vec![0; STEP_BYTES as usize] };
            self.apply(keys.map(put).collect()).expect("memory");
        }

        fn empty(&mut self, keys: std::ops::Range<u8>) {
            self.apply(keys.map(|key| Operation::Delete { key: vec![key] }).collect())
                .expect("memory");
        }
    }

    /// Takes up more than it holds.
    struct Occupied {
        entries: MemoryStore,
        size_bytes: u64,
    }

    impl Store for Occupied {
        fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
            self.entries.apply(operations)
        }

        fn sync(&mut self) -> Result<(), StoreError> {
            self.entries.sync()
        }

        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.entries.get(key)
        }

        fn scan(
            &self,
            prefix: &[u8],
            from: &[u8],
            visit: &mut crate::store::Visitor<'_>,
        ) -> Result<(), StoreError> {
            self.entries.scan(prefix, from, visit)
        }

        fn size_bytes(&self) -> Result<u64, StoreError> {
            Ok(self.size_bytes)
        }
    }
}
