//! A store on a disk that keeps apart what is written and what is synced.

use super::*;

/// A disk whose process dies at a chosen moment. Clones are the same disk.
#[derive(Clone)]
pub struct CrashStore(Arc<Mutex<Disk>>);

struct Disk {
    /// What a power cut leaves.
    synced: MemoryStore,
    /// What the process sees.
    written: MemoryStore,
    /// Moments left until the process dies.
    moments: usize,
    /// Whether the kernel happened to write out what was not synced.
    lucky: bool,
}

/// What calls come to after the process has died.
fn dead() -> StoreError {
    io::Error::other("the process has died").into()
}

impl CrashStore {
    /// Dies after so many moments: each write is one, and each sync, and what is between a sync and
    /// the return from it.
    pub fn new(moments: usize, lucky: bool) -> Self {
        let (synced, written) = Default::default();
        Self(Arc::new(Mutex::new(Disk { synced, written, moments, lucky })))
    }

    /// What the next process finds, which lives on.
    pub fn after_power_cut(&self) -> Self {
        let disk = self.0.lock();
        let left = if disk.lucky { &disk.written } else { &disk.synced };
        let (synced, written) = (left.clone(), left.clone());
        Self(Arc::new(Mutex::new(Disk { synced, written, moments: usize::MAX, lucky: false })))
    }

    /// Lets it live for so many moments from here.
    pub fn dies_after(self, moments: usize, lucky: bool) -> Self {
        {
            let mut disk = self.0.lock();
            (disk.moments, disk.lucky) = (moments, lucky);
        }
        self
    }
}

impl Disk {
    fn moment(&mut self) -> Result<(), StoreError> {
        self.moments = self.moments.checked_sub(1).ok_or_else(dead)?;
        Ok(())
    }
}

impl Store for CrashStore {
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
        let mut disk = self.0.lock();
        disk.moment()?;
        disk.written.apply(operations)?;
        disk.moment()?;
        disk.synced = disk.written.clone();
        disk.moment()
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.0.lock().moment()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.lock().written.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        self.0.lock().written.scan(prefix, from, visit)
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.0.lock().written.size_bytes()
    }
}
