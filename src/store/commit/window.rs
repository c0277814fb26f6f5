use std::ops::ControlFlow;

use super::blob::{Blob, BlobError};
use super::cancel::{Before, List};
use super::group::Group;
use super::round::Budget;
use super::{keys, refuse_format};
use crate::store::{Store, StoreError};
use crate::types::Lsn;

/// The oldest groups, as many as one round takes, with what cancels out among them left out.
pub struct Window {
    end: End,
    /// Behind the last group that was read.
    next: Vec<u8>,
    bytes: u64,
    /// Changes that the groups had.
    pub changes: u64,
    /// What is left of them.
    pub list: List,
    /// The last number of the groups.
    pub to: Lsn,
    /// To be removed when the round is over.
    pub groups: Vec<Removable>,
    /// Groups that cannot be read.
    pub damaged: Vec<Blob>,
}

/// Where a window ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// With the group that makes it so long.
    Bytes(u64),
    /// With the group that has this number: a round over it has been begun before.
    At(Lsn),
}

/// A record that is of no use any more.
#[derive(Debug, Clone)]
pub struct Removable {
    pub key: Vec<u8>,
    pub chunks: usize,
    /// What it takes up, as [`group_cost`] counts.
    pub cost: u64,
}

/// What a chunk costs beyond its bytes: many small groups make a long journal, too.
pub const CHUNK_COST: u64 = 64;

/// Changes in a window: they take up memory beside their messages.
const CHANGES_MAX: u64 = 64 * 1024;

impl Window {
    /// The window behind what is folded.
    pub fn new(folded: Lsn, end: End) -> Self {
        Self {
            end,
            next: keys::group(Lsn(folded.0.saturating_add(1))),
            bytes: 0,
            changes: 0,
            list: List::new(Before::Unknown),
            to: folded,
            groups: Vec::new(),
            damaged: Vec::new(),
        }
    }

    /// Reads on. Returns how many bytes of groups it read, and whether the window is whole.
    pub fn read(
        &mut self,
        store: &dyn Store,
        budget: &mut Budget<'_>,
    ) -> Result<(u64, bool), StoreError> {
        let before = self.bytes;
        let (mut is_whole, mut refused) = (true, Ok(()));
        let from = self.next.clone();
        Blob::scan(store, &[keys::JOURNAL], &from, &mut |blob| {
            if self.ends_before(&blob) {
                return ControlFlow::Break(());
            }
            refused = self.take(blob);
            is_whole = refused.is_ok() && !budget.is_spent((self.bytes - before) as usize);
            if is_whole { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        refused.map(|()| (self.bytes - before, is_whole))
    }

    fn ends_before(&self, next: &Blob) -> bool {
        match self.end {
            End::Bytes(bytes) => self.bytes >= bytes.max(1) || self.changes >= CHANGES_MAX,
            End::At(last) => keys::number(&next.key).is_some_and(|first| first > last.0),
        }
    }

    fn take(&mut self, blob: Blob) -> Result<(), StoreError> {
        let (chunks, cost) = (blob.chunks.len(), group_cost(&blob));
        self.bytes += cost;
        self.next = [&blob.key[..], &[u8::MAX; 3]].concat();
        match Group::open(&blob) {
            Ok(group) => {
                self.to = self.to.max(group.last);
                self.changes += group.changes.len() as u64;
                group.changes.into_iter().for_each(|change| self.list.handle(change));
                self.groups.push(Removable { key: blob.key, chunks, cost });
            }
            Err(BlobError::Format(format)) => return Err(refuse_format(format)),
            Err(BlobError::Damaged) => {
                self.to = self.to.max(Lsn(keys::number(&blob.key).unwrap_or(0)));
                self.damaged.push(blob);
            }
        }
        Ok(())
    }

    /// Bytes of the groups that were read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What a group takes up in the journal.
pub fn group_cost(blob: &Blob) -> u64 {
    blob.len() as u64 + blob.chunks.len() as u64 * CHUNK_COST
}
