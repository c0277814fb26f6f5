use std::ops::ControlFlow;

use crate::store::{Store, StoreError};

/// How much of what a store takes up on disk it could use again, in an engine whose files never
/// shrink: for that engine, a disk that was full of messages is not full any more once they are
/// gone, whatever the file system says.
///
/// It is an estimate, and found by a walk over all entries, a few at a time and only while the disk
/// is full. Where it is too high the engine's own bound still holds.
#[derive(Debug, Default)]
pub struct Reuse {
    /// Where the walk goes on.
    from: Vec<u8>,
    /// Bytes of entries that it has seen.
    live_bytes: u64,
    found: Option<Found>,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    bytes: u64,
    /// What the file system had left at that time.
    free_bytes: u64,
}

/// What an engine takes up for each byte of an entry, at the worst.
const TAKEN_PER_BYTE: u64 = 2;
/// What it takes up however little is in it.
const TAKEN_BYTES: u64 = 16 << 20;
/// Bytes that one step reads, about: a commit that comes waits for it.
const STEP_BYTES: u64 = 1 << 20;
/// When the file system has lost so much since, the engine has begun to grow instead.
const GROWTH_BYTES_MAX: u64 = 4 << 20;

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
            let taken_bytes = live_bytes.saturating_mul(TAKEN_PER_BYTE).saturating_add(TAKEN_BYTES);
            let bytes = store.size_bytes()?.saturating_sub(taken_bytes);
            self.found = Some(Found { bytes, free_bytes });
        }
        Ok(())
    }

    /// What can be used again, as far as that is known and still true.
    pub fn bytes(&self, free_bytes: u64) -> u64 {
        let holds = |found: &Found| free_bytes.saturating_add(GROWTH_BYTES_MAX) >= found.free_bytes;
        self.found.filter(holds).map_or(0, |found| found.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Operation};

    #[test]
    fn what_no_entry_needs_can_be_used_again_as_long_as_the_store_does_not_grow() {
        let mut reuse = Reuse::default();
        let store =
            Occupied { entries: MemoryStore::default(), size_bytes: TAKEN_BYTES + (10 << 20) };
        assert_eq!(reuse.bytes(5 << 20), 0, "not known yet");

        reuse.step(&store, 5 << 20).expect("memory");

        assert_eq!(reuse.bytes(5 << 20), 10 << 20);
        assert_eq!(reuse.bytes(1 << 20), 10 << 20);
        assert_eq!(reuse.bytes((1 << 20) - 1), 0);
    }

    #[test]
    fn a_walk_takes_as_many_steps_as_there_are_bytes() {
        let mut entries = MemoryStore::default();
        let value = vec![0; STEP_BYTES as usize / 2];
        let put = |key: u8| Operation::Put { key: vec![key], value: value.clone() };
        entries.apply((0..6).map(put).collect()).expect("memory");
        let store = Occupied { entries, size_bytes: TAKEN_BYTES + (10 << 20) };
        let mut reuse = Reuse::default();

        for _ in 0..2 {
            reuse.step(&store, 0).expect("memory");
            assert_eq!(reuse.bytes(0), 0);
        }
        reuse.step(&store, 0).expect("memory");

        assert_eq!(reuse.bytes(0), (10 << 20) - TAKEN_PER_BYTE * (6 + 3 * STEP_BYTES));
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
