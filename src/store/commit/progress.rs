use std::ops::ControlFlow;

use super::blob::{Blob, BlobError};
use super::{keys, refuse_format};
use crate::store::{Operation, Store, StoreError};
use crate::types::Lsn;

/// How far is folded, as it stands in the store: four numbers of 8 bytes, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Records tell of every batch up to this one: groups up to it are to be removed.
    pub folded: Lsn,
    /// A round that takes the groups up to this one has begun to write; equal to `folded`, or lower,
    /// if none has.
    pub round_to: Lsn,
    /// The number of the first message that the next round, or the one under way, stores apart.
    pub next_body: u64,
    /// No session that was folded had a higher number.
    pub last_session: u64,
}

impl Progress {
    /// What a store says; where it does not, what its records say.
    pub fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let blob = Blob::read(store, keys::PROGRESS)?;
        match Self::open(&blob) {
            Ok(progress) => Ok(progress),
            Err(BlobError::Format(format)) => Err(refuse_format(format)),
            Err(BlobError::Damaged) => {
                Ok(Self { next_body: next_free_body(store)?, ..Self::default() })
            }
        }
    }

    /// Reads what was put; damaged where nothing was.
    pub fn open(blob: &Blob) -> Result<Self, BlobError> {
        let bytes: [u8; 32] = blob.open()?.try_into().map_err(|_| BlobError::Damaged)?;
        let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        Ok(Self {
            folded: Lsn(number(0)),
            round_to: Lsn(number(8)),
            next_body: number(16),
            last_session: number(24),
        })
    }

    pub fn put(self, operations: &mut Vec<Operation>) {
        let numbers = [self.folded.0, self.round_to.0, self.next_body, self.last_session];
        let bytes = numbers.map(u64::to_be_bytes).concat();
        Blob::put(keys::PROGRESS, &bytes, operations);
    }

    /// The round that a crash or a full disk has cut off has to be done again up to here.
    pub fn unfinished_round(self) -> Option<Lsn> {
        (self.round_to > self.folded).then_some(self.round_to)
    }
}

fn next_free_body(store: &dyn Store) -> Result<u64, StoreError> {
    let mut next = 0;
    let mut visit = |key: &[u8], _: &[u8]| {
        next = next.max(keys::number(key).map_or(0, |body| body.saturating_add(1)));
        ControlFlow::Continue(())
    };
    store.scan(&[keys::BODY], b"", &mut visit)?;
    store.scan(&[keys::BODY_COUNT], b"", &mut visit)?;
    Ok(next)
}
