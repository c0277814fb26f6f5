use std::ops::ControlFlow;

use super::blob::{Blob, BlobError};
use super::cancel::{Before, cancel};
use super::fold::Fold;
use super::group::Group;
use super::{keys, refuse_format};
use crate::store::{Operation, Store, StoreError};
use crate::types::Lsn;

/// Keeps the journal short: takes its oldest groups, leaves out what cancels out among them, and
/// folds what is left into pieces.
///
/// A step replaces groups by pieces and, where it could not take all of them, by one group of the rest
/// in their place, all in one apply. So at every moment pieces and groups together tell the whole
/// state, each change once.
#[derive(Debug)]
pub struct Folder {
    step_bytes: usize,
    /// What the groups take up, as [`journal_cost`] counts.
    journal_bytes: u64,
    /// Where the oldest group may stand: spares the engine a walk over what was removed.
    oldest: Vec<u8>,
    progress: Progress,
}

/// How far is folded, as it stands in the store: two numbers of 8 bytes, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The pieces tell of every batch up to this one.
    pub folded: Lsn,
    /// The number that the next message stored apart gets.
    pub next_body: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Bytes of groups that are gone.
    pub journal_bytes: u64,
    /// Changes that went into pieces.
    pub folded: u64,
    /// Changes that cancelled out first.
    pub cancelled: u64,
    /// Bytes put.
    pub written_bytes: u64,
    /// Records found damaged and set aside.
    pub quarantined: u64,
}

/// The oldest groups, as far as one step looks.
#[derive(Default)]
struct Window {
    blobs: Vec<Blob>,
    bytes: usize,
}

/// A step reads pieces of as many bytes as the groups that it takes, and as many again.
const COST_PER_BYTE: usize = 2;
/// A rest that is written again costs as much as folding it: no more than so many times.
const STEPS_PER_WINDOW_MAX: usize = 4;

impl Folder {
    /// Looks at what a store has. A step takes about `step_bytes`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be read.
    pub fn open(store: &dyn Store, step_bytes: usize) -> Result<Self, StoreError> {
        let mut journal_bytes = 0;
        let mut count = |key: &[u8], value: &[u8]| {
            journal_bytes += (key.len() + value.len()) as u64 + CHUNK_COST;
            ControlFlow::Continue(())
        };
        store.scan(&[keys::JOURNAL], b"", &mut count)?;
        let progress = Progress::read(store)?;
        Ok(Self { step_bytes, journal_bytes, oldest: Vec::new(), progress })
    }

    /// What the groups in the store take up.
    pub fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    /// A group was put into the store.
    pub fn count(&mut self, operations_cost: u64) {
        self.journal_bytes += operations_cost;
    }

    /// Takes one step. A journal that is empty is left alone.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the folder must then be opened anew, whether the step happened or not.
    pub fn step(&mut self, store: &mut dyn Store) -> Result<Step, StoreError> {
        let window = self.window(store)?;
        let (Some(first), Some(newest)) = (window.blobs.first(), window.blobs.last()) else {
            self.journal_bytes = 0;
            return Ok(Step::default());
        };
        let (first_key, newest_key) = (first.key.clone(), newest.key.clone());
        let window_cost: u64 = window.blobs.iter().map(blob_cost).sum();
        let cost_max = (self.step_bytes * COST_PER_BYTE).max(window.bytes / STEPS_PER_WINDOW_MAX);

        let mut operations = Vec::new();
        let mut step = Step::default();
        let opened = window.open(&mut operations, &mut step)?;
        let (oldest_lsn, newest_lsn, read) = (opened.first, opened.last, opened.changes.len());
        let changes = cancel(opened.changes, Before::Unknown);
        step.cancelled = (read - changes.len()) as u64;

        let folded = Fold::run(store, self.progress.next_body, &changes, cost_max)?;
        step.folded = folded.taken as u64;
        step.quarantined += folded.quarantined;
        let mut progress = Progress { next_body: folded.next_body, ..self.progress };
        let rest_cost = match &changes[folded.taken..] {
            [] => {
                progress.folded = newest_lsn.max(progress.folded);
                0
            }
            rest => {
                let before = operations.len();
                let changes = rest.to_vec();
                Group { first: oldest_lsn, last: newest_lsn, changes }.put(&mut operations);
                journal_cost(&operations[before..])
            }
        };
        operations.extend(folded.operations);
        progress.put(&mut operations);
        let operations = last_of_each_key(operations);
        step.written_bytes = put_bytes(&operations);
        store.apply(operations)?;

        self.progress = progress;
        self.journal_bytes = self.journal_bytes.saturating_sub(window_cost) + rest_cost;
        step.journal_bytes = window_cost.saturating_sub(rest_cost);
        self.oldest = if rest_cost > 0 { first_key } else { newest_key };
        Ok(step)
    }

    fn window(&self, store: &dyn Store) -> Result<Window, StoreError> {
        let mut window = Window::default();
        Blob::scan(store, &[keys::JOURNAL], &self.oldest, &mut |blob| {
            if window.bytes > 0 && window.bytes + blob.len() > self.step_bytes {
                return ControlFlow::Break(());
            }
            window.bytes += blob.len();
            window.blobs.push(blob);
            ControlFlow::Continue(())
        })?;
        Ok(window)
    }
}

impl Window {
    /// All changes of the groups as one group, and what removes those from the store.
    fn open(self, operations: &mut Vec<Operation>, step: &mut Step) -> Result<Group, StoreError> {
        let first = self.blobs.first().and_then(|blob| keys::number(&blob.key));
        let mut all =
            Group { first: Lsn(first.unwrap_or(0)), last: Lsn::NONE, changes: Vec::new() };
        for blob in self.blobs {
            match Group::open(&blob) {
                Ok(group) => {
                    blob.delete(operations);
                    all.last = group.last;
                    all.changes.extend(group.changes);
                }
                Err(BlobError::Format(format)) => return Err(refuse_format(format)),
                Err(BlobError::Damaged) => {
                    step.quarantined += 1;
                    blob.quarantine(keys::QUARANTINE, operations);
                }
            }
        }
        Ok(all)
    }
}

impl Progress {
    /// What a store says; where it does not, what its records say.
    pub fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let blob = Blob::read(store, keys::PROGRESS)?;
        match Self::open(&blob) {
            Ok(progress) => Ok(progress),
            Err(BlobError::Format(format)) => Err(refuse_format(format)),
            Err(BlobError::Damaged) => {
                Ok(Self { folded: Lsn::NONE, next_body: next_free_body(store)? })
            }
        }
    }

    /// Reads what was put; damaged where nothing was.
    pub fn open(blob: &Blob) -> Result<Self, BlobError> {
        let bytes = blob.open()?;
        let (folded, rest) = bytes.split_first_chunk().ok_or(BlobError::Damaged)?;
        let next_body = rest.try_into().map_err(|_| BlobError::Damaged)?;
        let folded = Lsn(u64::from_be_bytes(*folded));
        Ok(Self { folded, next_body: u64::from_be_bytes(next_body) })
    }

    /// Puts it into a store.
    pub fn put(self, operations: &mut Vec<Operation>) {
        let bytes = [self.folded.0.to_be_bytes(), self.next_body.to_be_bytes()].concat();
        Blob::put(keys::PROGRESS, &bytes, operations);
    }
}

fn next_free_body(store: &dyn Store) -> Result<u64, StoreError> {
    let mut next = 0;
    let mut visit = |key: &[u8], _: &[u8]| {
        next = next.max(keys::number(key).map_or(0, |body| body + 1));
        ControlFlow::Continue(())
    };
    store.scan(&[keys::BODY], b"", &mut visit)?;
    store.scan(&[keys::BODY_COUNT], b"", &mut visit)?;
    Ok(next)
}

/// What a chunk costs beyond its bytes: many small groups make a long journal, too.
const CHUNK_COST: u64 = 64;

/// What these puts add to the journal.
pub fn journal_cost(operations: &[Operation]) -> u64 {
    put_bytes(operations) + operations.len() as u64 * CHUNK_COST
}

fn blob_cost(blob: &Blob) -> u64 {
    blob.len() as u64 + blob.chunks.len() as u64 * CHUNK_COST
}

/// Bytes that these operations put, keys included.
pub fn put_bytes(operations: &[Operation]) -> u64 {
    let bytes = |operation: &Operation| match operation {
        Operation::Put { key, value } => key.len() + value.len(),
        Operation::Delete { .. } => 0,
    };
    operations.iter().map(bytes).sum::<usize>() as u64
}

/// The same effect with each key once: not every engine orders what one batch does to one key.
fn last_of_each_key(operations: Vec<Operation>) -> Vec<Operation> {
    let keyed = operations.into_iter().map(|operation| match &operation {
        Operation::Put { key, .. } | Operation::Delete { key } => (key.clone(), operation),
    });
    keyed.collect::<std::collections::BTreeMap<_, _>>().into_values().collect()
}
