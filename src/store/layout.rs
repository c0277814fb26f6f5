use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;

use super::{KEY_BYTES_MAX, Operation, StoreError, VALUE_BYTES_MAX};

/// The format of what engines keep on disk.
const FORMAT: u32 = 1;

/// Where the [label](write_label) stands: before all entries.
pub(super) const LABEL_KEY: &[u8] = &[0];
const ENTRY: u8 = 1;
const CHUNK: u8 = 2;

/// What a batch does to each key: a value, or its end.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The last word on each key. Neither engine keeps an order among operations on one key in a batch.
pub(super) fn changes(operations: Vec<Operation>) -> Result<Changes, StoreError> {
    let mut changes = Changes::new();
    for operation in operations {
        let (key, value) = match operation {
            Operation::Put { key, value } => (key, Some(value)),
            Operation::Delete { key } => (key, None),
        };
        check("key", key.len(), KEY_BYTES_MAX)?;
        check("value", value.as_ref().map_or(0, Vec::len), VALUE_BYTES_MAX)?;
        changes.insert(key, value);
    }
    Ok(changes)
}

fn check(what: &str, bytes: usize, bytes_max: usize) -> Result<(), StoreError> {
    if bytes <= bytes_max {
        return Ok(());
    }
    let text = format!("a {what} of {bytes} bytes; at most {bytes_max} can be stored");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text).into())
}

/// What each batch leaves under [`LABEL_KEY`]: the format and its own number, counted from 1.
pub(super) fn write_label(count: u64) -> [u8; 12] {
    let mut label = [0; 12];
    label[..4].copy_from_slice(&FORMAT.to_be_bytes());
    label[4..].copy_from_slice(&count.to_be_bytes());
    label
}

/// The number of the last batch; 0 where there was none.
pub(super) fn read_label(directory: &Path, label: Option<&[u8]>) -> Result<u64, StoreError> {
    let Some(label) = label else { return Ok(0) };
    match label.split_first_chunk() {
        Some((format, count)) if u32::from_be_bytes(*format) == FORMAT => {
            let count = count.try_into().map_err(|_| unreadable(directory))?;
            Ok(u64::from_be_bytes(count))
        }
        Some((format, _)) => Err(StoreError::Version {
            directory: directory.into(),
            found: u32::from_be_bytes(*format).to_string(),
            known: FORMAT,
        }),
        None => Err(unreadable(directory)),
    }
}

fn unreadable(directory: &Path) -> StoreError {
    StoreError::damaged(directory, "its label cannot be read")
}

/// Where an entry stands. Entries keep the order of their keys.
pub(super) fn entry_key(key: &[u8]) -> Vec<u8> {
    [&[ENTRY], key].concat()
}

/// Where the entries stand whose keys begin with `prefix`, from `from` on. It has an end: an engine
/// that would go on to the next entry behind them might walk through a great many that are gone.
pub(super) fn entry_range(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
    let mut end = entry_key(prefix);
    while end.last() == Some(&u8::MAX) {
        end.pop();
    }
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    entry_key(prefix.max(from)).min(end.clone())..end
}

/// Where a chunk of an entry stands: away from the entries, so that no key can be taken for the
/// chunk of another.
pub(super) fn chunk_key(key: &[u8], number: u32) -> Vec<u8> {
    [&[CHUNK], key, &number.to_be_bytes()].concat()
}

/// The caller's key of what stands under an [`entry_key`].
pub(super) fn key_of(entry_key: &[u8]) -> &[u8] {
    &entry_key[1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_operation_on_a_key_counts() {
        let put = |value: &[u8]| Operation::Put { key: b"k".into(), value: value.into() };
        let delete = Operation::Delete { key: b"k".into() };

        let changes = changes(vec![put(b"1"), delete, put(b"2")]).expect("short enough");

        assert_eq!(changes, [(b"k".to_vec(), Some(b"2".to_vec()))].into());
    }

    #[test]
    fn a_range_has_all_keys_of_its_prefix_and_no_other() {
        for prefix in [&b""[..], b"p", b"p\xff", b"\xff\xff"] {
            let inside = [prefix, b"\xff\xff"].concat();
            let range = entry_range(prefix, b"");
            assert!(range.contains(&entry_key(prefix)) && range.contains(&entry_key(&inside)));
            assert!(!range.contains(&LABEL_KEY.to_vec()) && !range.contains(&vec![CHUNK]));
        }
        assert!(!entry_range(b"p", b"").contains(&entry_key(b"q")));
        assert!(!entry_range(b"p", b"").contains(&entry_key(b"o\xff")));
        assert!(!entry_range(b"p", b"pb").contains(&entry_key(b"pa")));
        assert!(entry_range(b"p", b"q").is_empty());
    }

    #[test]
    fn a_label_says_which_batch_was_the_last() {
        let read = |label: &[u8]| read_label(Path::new("/data"), Some(label));
        assert_eq!(read(&write_label(7)).expect("ours"), 7);
        assert!(matches!(read(&write_label(7)[..11]), Err(StoreError::Damaged { .. })));
        assert!(matches!(read(b"abc"), Err(StoreError::Damaged { .. })));
        assert_eq!(
            read(&[0, 0, 0, 9, 1]).expect_err("not ours").to_string(),
            "store: /data has format 9, this version reads format 1"
        );
    }
}
