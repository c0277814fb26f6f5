use std::io;
use std::sync::Arc;

use fulmar::store::{MemoryStore, Operation, Store, StoreError, Visitor};
use parking_lot::Mutex;

/// A disk that keeps apart what is written and what is synced, under a process that may die at any
/// call. Clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

struct State {
    /// What a process sees.
    written: MemoryStore,
    /// What a power cut leaves.
    synced: MemoryStore,
    /// What is written and not synced, in order.
    unsynced: Vec<Operation>,
    /// Each write is synced before it returns.
    syncs_itself: bool,
    has_room: bool,
    /// Moments that the process still lives to see; `None` if it does not die by itself.
    moments_left: Option<u64>,
    /// Where it died.
    died: Option<Moment>,
    /// For now it does not die, and there is room.
    spared: bool,
}

/// Where a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// While the disk has nothing to do.
    BetweenCalls,
    BeforeTheWrite,
    /// What it wrote is with the kernel.
    BeforeTheSync,
    /// It does not learn that all is done.
    BeforeTheReturn,
}

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process ends, the kernel lives: all that was written.
    Kill,
    /// All that was synced.
    PowerCut,
}

impl Disk {
    /// An empty one.
    pub fn new(syncs_itself: bool) -> Self {
        let (written, synced, unsynced) = Default::default();
        let state = State {
            written,
            synced,
            unsynced,
            syncs_itself,
            has_room: true,
            moments_left: None,
            died: None,
            spared: false,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The process under way dies after so many moments.
    pub fn let_live(&self, moments: Option<u64>) {
        self.0.lock().moments_left = moments;
    }

    pub fn set_room(&self, has_room: bool) {
        self.0.lock().has_room = has_room;
    }

    /// Whether for now nobody dies, and there is room.
    pub fn spare(&self, spared: bool) {
        self.0.lock().spared = spared;
    }

    /// Where the process has died, if it has.
    pub fn died(&self) -> Option<Moment> {
        self.0.lock().died
    }

    /// The process is gone. The next one finds what is left.
    pub fn crash(&self, crash: Crash) {
        let mut state = self.0.lock();
        (state.died, state.moments_left) = (None, None);
        if crash == Crash::PowerCut {
            state.written = state.synced.clone();
            state.unsynced.clear();
        }
    }

    /// Something that nobody wrote stands under a key.
    pub fn litter(&self, key: Vec<u8>, value: Vec<u8>) {
        let mut state = self.0.lock();
        let State { written, synced, .. } = &mut *state;
        for store in [written, synced] {
            let put = Operation::Put { key: key.clone(), value: value.clone() };
            store.apply(vec![put]).expect("memory");
        }
    }
}

impl State {
    fn pass(&mut self, moment: Moment) -> Result<(), StoreError> {
        if self.spared {
            return Ok(());
        }
        if self.moments_left == Some(0) {
            self.died.get_or_insert(moment);
        }
        if self.died.is_some() {
            return Err(io::Error::other("the process has died").into());
        }
        self.moments_left = self.moments_left.map(|moments| moments - 1);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.pass(Moment::BeforeTheSync)?;
        self.synced.apply(std::mem::take(&mut self.unsynced))
    }
}

impl Store for Disk {
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        state.pass(Moment::BeforeTheWrite)?;
        if !state.has_room && !state.spared {
            return Err(StoreError::Full { free_bytes: 0, kept_bytes: 1 });
        }
        state.unsynced.extend_from_slice(&operations);
        state.written.apply(operations)?;
        if state.syncs_itself {
            state.sync()?;
        }
        state.pass(Moment::BeforeTheReturn)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        state.sync()?;
        state.pass(Moment::BeforeTheReturn)
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
