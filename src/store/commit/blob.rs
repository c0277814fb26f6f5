use std::ops::ControlFlow;

use crate::store::{Operation, Store, StoreError};

/// Bytes of any number under one key, as chunks that an engine keeps well.
///
/// Chunk `n` stands under the key followed by `n` in two bytes. A stored chunk is:
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 4 | CRC-32 of the key it stands under and of all that follows |
/// | 4 | 1 | format: 3 |
/// | 5 | 2 | how many chunks there are |
/// | 7 | … | its part of the bytes |
///
/// Numbers are big-endian. The checksum stands at the same place in every format.
#[derive(Debug, Clone, Default)]
pub struct Blob {
    /// Without the number of a chunk.
    pub key: Vec<u8>,
    /// Key and value of each chunk that was found, in order.
    pub chunks: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Stored bytes to a chunk, key left out: engines keep items beyond 64 KiB badly.
pub const CHUNK_BYTES_MAX: usize = 60 * 1024;

/// Bytes of a blob that stands in one chunk.
pub const BYTES_IN_ONE_MAX: usize = CHUNK_BYTES_MAX - HEADER;

const FORMAT: u8 = 3;
const HEADER: usize = 7;
const NUMBER: usize = 2;

/// Why a blob cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// Not what was written.
    #[error("a record is damaged")]
    Damaged,
    /// Whole, but written by a version that this one does not know.
    #[error("a record has format {0}, this version reads {FORMAT}")]
    Format(u8),
}

impl Blob {
    /// What stands under `key`: no chunks if nothing does.
    pub fn read(store: &dyn Store, key: &[u8]) -> Result<Self, StoreError> {
        let mut blob = Self { key: key.to_vec(), chunks: Vec::new() };
        let mut visit = |key: &[u8], value: &[u8]| {
            blob.chunks.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        };
        store.scan(key, b"", &mut visit)?;
        Ok(blob)
    }

    /// Visits every blob whose key begins with `prefix`, in order, from `from` on, until the visitor
    /// breaks.
    pub fn scan(
        store: &dyn Store,
        prefix: &[u8],
        from: &[u8],
        visit: &mut dyn FnMut(Self) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut blob = Self::default();
        let mut stopped = false;
        store.scan(prefix, from, &mut |key, value| {
            let base = &key[..key.len().saturating_sub(NUMBER)];
            if !blob.chunks.is_empty() && blob.key != base {
                let whole = std::mem::take(&mut blob);
                if visit(whole).is_break() {
                    stopped = true;
                    return ControlFlow::Break(());
                }
            }
            blob.key = base.to_vec();
            blob.chunks.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })?;
        if !stopped && !blob.chunks.is_empty() {
            let _ = visit(blob);
        }
        Ok(())
    }

    /// The bytes.
    pub fn open(&self) -> Result<Vec<u8>, BlobError> {
        let mut bytes = Vec::new();
        for (number, (key, value)) in self.chunks.iter().enumerate() {
            let (total, part) = open_chunk(key, value)?;
            if total != self.chunks.len() || *key != chunk_key(&self.key, number) {
                return Err(BlobError::Damaged);
            }
            bytes.extend_from_slice(part);
        }
        Ok(bytes)
    }

    /// Puts `bytes` under `key` and returns in how many chunks.
    pub fn put(key: &[u8], bytes: &[u8], operations: &mut Vec<Operation>) -> usize {
        let parts: Vec<&[u8]> = match bytes.is_empty() {
            true => vec![bytes],
            false => bytes.chunks(BYTES_IN_ONE_MAX).collect(),
        };
        for (number, part) in parts.iter().enumerate() {
            let key = chunk_key(key, number);
            let value = seal_chunk(&key, parts.len(), part);
            operations.push(Operation::Put { key, value });
        }
        parts.len()
    }

    /// Removes what was put under `key` in so many chunks, unread.
    pub fn delete_unread(key: &[u8], chunks: usize, operations: &mut Vec<Operation>) {
        let delete = |number| Operation::Delete { key: chunk_key(key, number) };
        operations.extend((0..chunks).map(delete));
    }

    /// Removes the chunks that were found.
    pub fn delete(&self, operations: &mut Vec<Operation>) {
        operations
            .extend(self.chunks.iter().map(|(key, _)| Operation::Delete { key: key.clone() }));
    }

    /// Moves the chunks that were found out of the way, under `prefix`.
    pub fn quarantine(self, prefix: u8, operations: &mut Vec<Operation>) {
        self.delete(operations);
        for (mut key, value) in self.chunks {
            key.insert(0, prefix);
            operations.push(Operation::Put { key, value });
        }
    }

    /// Stored bytes, keys included.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|(key, value)| key.len() + value.len()).sum()
    }
}

fn chunk_key(key: &[u8], number: usize) -> Vec<u8> {
    let number = u16::try_from(number).expect("nothing from a packet takes that many chunks");
    [key, &number.to_be_bytes()].concat()
}

fn seal_chunk(key: &[u8], total: usize, part: &[u8]) -> Vec<u8> {
    let mut value = vec![0; 4];
    value.push(FORMAT);
    value.extend_from_slice(&(total as u16).to_be_bytes());
    value.extend_from_slice(part);
    let sum = checksum(key, &value[4..]);
    value[..4].copy_from_slice(&sum.to_be_bytes());
    value
}

fn open_chunk<'a>(key: &[u8], value: &'a [u8]) -> Result<(usize, &'a [u8]), BlobError> {
    let (sum, rest) = value.split_first_chunk().ok_or(BlobError::Damaged)?;
    if u32::from_be_bytes(*sum) != checksum(key, rest) {
        return Err(BlobError::Damaged);
    }
    match rest {
        [FORMAT, high, low, part @ ..] => {
            Ok((usize::from(u16::from_be_bytes([*high, *low])), part))
        }
        [FORMAT, ..] | [] => Err(BlobError::Damaged),
        [format, ..] => Err(BlobError::Format(*format)),
    }
}

pub fn checksum(key: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(rest);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn bytes_come_back_at_every_size_around_a_chunk() {
        let part = BYTES_IN_ONE_MAX;
        for len in [0, 1, part - 1, part, part + 1, 3 * part] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let (_, blob) = stored(&bytes);
            assert_eq!(blob.open(), Ok(bytes), "{len} bytes");
            assert!(blob.chunks.iter().all(|(_, value)| value.len() <= CHUNK_BYTES_MAX));
            assert_eq!(blob.chunks.len(), len.div_ceil(part).max(1));
        }
    }

    #[test]
    fn each_flipped_bit_is_seen() {
        let (_, blob) = stored(b"bytes");
        for bit in 0..blob.chunks[0].1.len() * 8 {
            let mut flipped = blob.clone();
            flipped.chunks[0].1[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(flipped.open(), Err(BlobError::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_chunk_too_few_or_in_the_wrong_place_is_seen() {
        let (_, whole) = stored(&vec![7; 3 * CHUNK_BYTES_MAX]);
        for missing in 0..whole.chunks.len() {
            let mut blob = whole.clone();
            blob.chunks.remove(missing);
            assert_eq!(blob.open(), Err(BlobError::Damaged), "without chunk {missing}");
        }
        let (_, mut moved) = stored(b"bytes");
        moved.chunks[0].0[0] = b'z';
        assert_eq!(moved.open(), Err(BlobError::Damaged));
    }

    #[test]
    fn another_format_is_told_from_damage() {
        for format in [0, FORMAT - 1, FORMAT + 1] {
            let (_, mut blob) = stored(b"bytes");
            let (key, value) = &mut blob.chunks[0];
            value[4] = format;
            let sum = checksum(key, &value[4..]);
            value[..4].copy_from_slice(&sum.to_be_bytes());
            assert_eq!(blob.open(), Err(BlobError::Format(format)));
        }
    }

    #[test]
    fn a_scan_tells_neighbours_apart() {
        let mut store = MemoryStore::default();
        let mut operations = Vec::new();
        Blob::put(b"pa", &vec![1; 2 * CHUNK_BYTES_MAX], &mut operations);
        Blob::put(b"pb", b"2", &mut operations);
        Blob::put(b"q", b"3", &mut operations);
        store.apply(operations).expect("memory");

        let mut seen = Vec::new();
        let mut visit = |blob: Blob| {
            seen.push((blob.key.clone(), blob.open().expect("whole").len()));
            ControlFlow::Continue(())
        };
        Blob::scan(&store, b"p", b"", &mut visit).expect("memory");
        assert_eq!(seen, [(b"pa".to_vec(), 2 * CHUNK_BYTES_MAX), (b"pb".to_vec(), 1)]);
    }

    fn stored(bytes: &[u8]) -> (MemoryStore, Blob) {
        let mut operations = Vec::new();
        Blob::put(b"key", bytes, &mut operations);
        let mut store = MemoryStore::default();
        store.apply(operations).expect("memory");
        let blob = Blob::read(&store, b"key").expect("memory");
        (store, blob)
    }
}
