use super::blob::{Blob, BlobError};
use super::keys;
use crate::journal::{Change, record};
use crate::store::Operation;
use crate::types::Lsn;

/// Batches that became durable together, as one blob: the last number in 8 bytes, then the record of
/// the changes. Its key has the first number.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub first: Lsn,
    pub last: Lsn,
    pub changes: Vec<Change>,
}

impl Group {
    /// Reads what [`Self::put`] wrote.
    pub fn open(blob: &Blob) -> Result<Self, BlobError> {
        let bytes = blob.open()?;
        let first = keys::number(&blob.key).ok_or(BlobError::Damaged)?;
        let (last, record) = bytes.split_first_chunk().ok_or(BlobError::Damaged)?;
        let last = Lsn(u64::from_be_bytes(*last));
        Ok(Self { first: Lsn(first), last, changes: decode(record)? })
    }

    /// Puts it into a store.
    pub fn put(&self, operations: &mut Vec<Operation>) {
        let mut bytes = self.last.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(&record::encode(&self.changes));
        Blob::put(&keys::group(self.first), &bytes, operations);
    }
}

/// The changes of a record that stood in a blob.
pub fn decode(bytes: &[u8]) -> Result<Vec<Change>, BlobError> {
    record::decode(bytes).map_err(|error| match error {
        record::RecordError::Version(version) => BlobError::Format(version),
        record::RecordError::Damaged => BlobError::Damaged,
    })
}
