use super::CommitSettings;
use super::cancel::{Before, List};
use super::fold::put_bytes;
use super::folder::{Folder, Step, journal_cost};
use super::group::Group;
use super::load::{Loaded, load};
use crate::journal::{Batch, Change, Load};
use crate::store::{Store, StoreError};
use crate::types::Lsn;

/// Writes groups to a store and folds old ones: everything about commits but the waiting.
///
/// [`Commits`](super::Commits) calls it from a thread of its own; whoever wants each step at a moment
/// of their choice calls it themselves.
pub struct Committer {
    store: Box<dyn Store>,
    folder: Folder,
}

/// Batches to become durable together.
pub struct Packed {
    /// What is left of them.
    group: Group,
    /// Changes that they had.
    pub operations: u64,
    /// Messages among those.
    pub messages: u64,
}

impl Packed {
    /// Packs batches, at least one, in the order of their numbers: what cancels out is left out.
    pub fn new(batches: Vec<Batch>) -> Self {
        let lsn = |batch: Option<&Batch>| batch.map_or(Lsn::NONE, |batch| batch.lsn);
        let (first, last) = (lsn(batches.first()), lsn(batches.last()));
        let operations = batches.iter().map(|batch| batch.changes.len()).sum();
        let all = || batches.iter().flat_map(|batch| &batch.changes);
        let messages = all().filter(|change| is_message(change)).count() as u64;
        let mut list = List::for_about(operations, Before::Unknown);
        let changes = batches.into_iter().flat_map(|batch| batch.changes);
        changes.for_each(|change| list.handle(change));
        let changes = list.into_changes().collect();
        Self { group: Group { first, last, changes }, operations: operations as u64, messages }
    }

    /// The last of the batches.
    pub fn last(&self) -> Lsn {
        self.group.last
    }

    /// Changes that cancelled out.
    pub fn cancelled(&self) -> u64 {
        self.operations - self.group.changes.len() as u64
    }

    /// Nothing is left: durable as it is.
    pub fn is_empty(&self) -> bool {
        self.group.changes.is_empty()
    }
}

impl Committer {
    /// Continues on what the store has, once [`recover`](super::recover) has read it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read or synced.
    pub fn open(mut store: Box<dyn Store>, settings: CommitSettings) -> Result<Self, StoreError> {
        // What a process that was killed had written counts as durable from here on. It may not have
        // come to its sync, and an engine need not make up for that.
        store.sync()?;
        let folder = Folder::open(&*store, settings)?;
        Ok(Self { store, folder })
    }

    /// Makes a group durable, in one write, and returns how many bytes it took.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as of [`Store::apply`]; after [`StoreError::Full`] the same group may be written
    /// again.
    pub fn commit(&mut self, packed: &Packed) -> Result<u64, StoreError> {
        if packed.is_empty() {
            return Ok(0);
        }
        let mut operations = Vec::new();
        packed.group.put(&mut operations);
        let (bytes, cost) = (put_bytes(&operations), journal_cost(&operations));
        self.store.apply(operations)?;
        self.folder.count(cost);
        Ok(bytes)
    }

    /// Makes what was written survive a power cut, where the store does not see to that itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as of [`Store::sync`].
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.store.sync()
    }

    /// What is written to.
    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Whether all of the journal is to be folded, however short it is.
    pub(super) fn set_eager(&mut self, eager: bool) {
        self.folder.set_eager(eager);
    }

    /// Whether the journal is longer than it should be, or folding is under way.
    pub fn wants_to_fold(&self) -> bool {
        self.folder.has_work()
    }

    /// Bytes of the journal.
    pub fn journal_bytes(&self) -> u64 {
        self.folder.journal_bytes()
    }

    /// Takes one step of folding, whether the journal is too long or not. It looks for no more to do
    /// when `is_late` says so.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as of [`Store::apply`], or if the store cannot be read. After
    /// [`StoreError::Full`] the next step goes on at the beginning of the round.
    pub fn fold(&mut self, is_late: &mut dyn FnMut() -> bool) -> Result<Step, StoreError> {
        self.folder.step(&mut *self.store, is_late)
    }

    /// What the store has of a backlog. What is damaged is passed over and set aside.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read or written, or holds a record of a format that this
    /// version does not know.
    pub fn load(&mut self, asked: &Load) -> Result<Loaded, StoreError> {
        load(&mut *self.store, asked)
    }
}

fn is_message(change: &Change) -> bool {
    matches!(change, Change::Queued { .. } | Change::RetainedSet { .. })
}
