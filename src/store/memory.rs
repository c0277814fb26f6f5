use std::collections::BTreeMap;
use std::ops::Bound;

use super::layout::changes;
use super::{Operation, Store, StoreError, Visitor};

/// A store that survives nothing: for `durability = "memory"` and for tests.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Store for MemoryStore {
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
        for (key, change) in changes(operations)? {
            match change {
                Some(value) => self.entries.insert(key, value),
                None => self.entries.remove(&key),
            };
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.entries.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        let start = Bound::Included(prefix.max(from));
        for (key, value) in self.entries.range::<[u8], _>((start, Bound::Unbounded)) {
            if !key.starts_with(prefix) || visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.entries.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    #[test]
    fn what_was_put_is_there_until_it_is_deleted() {
        let mut store = MemoryStore::default();
        store.apply(vec![put("a", "1"), put("b", "2"), delete("a")]).expect("memory");

        assert_eq!(store.get(b"a").expect("memory"), None);
        assert_eq!(store.get(b"b").expect("memory"), Some(b"2".to_vec()));
        assert_eq!(store.size_bytes().expect("memory"), 2);
    }

    #[test]
    fn a_scan_keeps_to_its_prefix_and_order_and_starts_where_it_is_told() {
        let mut store = MemoryStore::default();
        let keys = ["p2", "q", "p1", "o", "p3"];
        store.apply(keys.map(|key| put(key, "")).into()).expect("memory");

        assert_eq!(scanned(&store, b"p", b""), ["p1", "p2", "p3"]);
        assert_eq!(scanned(&store, b"p", b"p2"), ["p2", "p3"]);
        assert_eq!(scanned(&store, b"p", b"q"), [""; 0]);
    }

    #[test]
    fn a_visitor_that_breaks_sees_no_more() {
        let mut store = MemoryStore::default();
        store.apply(vec![put("a", ""), put("b", "")]).expect("memory");
        let mut seen = 0;
        let mut visit = |_: &[u8], _: &[u8]| {
            seen += 1;
            ControlFlow::Break(())
        };
        store.scan(b"", b"", &mut visit).expect("memory");
        assert_eq!(seen, 1);
    }

    fn scanned(store: &MemoryStore, prefix: &[u8], from: &[u8]) -> Vec<String> {
        let mut keys = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            keys.push(String::from_utf8_lossy(key).into_owned());
            ControlFlow::Continue(())
        };
        store.scan(prefix, from, &mut visit).expect("memory");
        keys
    }

    fn put(key: &str, value: &str) -> Operation {
        Operation::Put { key: key.into(), value: value.into() }
    }

    fn delete(key: &str) -> Operation {
        Operation::Delete { key: key.into() }
    }
}
