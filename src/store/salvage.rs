use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::offline::EngineKind;
use super::space::remove_all;
use super::witness::Witness;
use super::{DirectoryLock, EngineOptions, Operation, Store, StoreError, Visitor};

/// What can still be read of an engine that is damaged: a copy of it that takes no changes. What
/// cannot be read is passed over and [noted](Self::gaps).
pub struct Salvage {
    store: Option<Box<dyn Store>>,
    directory: PathBuf,
    /// By the last key before each, the first key behind it.
    gaps: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
}

/// Where the copy is made in the data directory.
const COPY: &str = "store.salvage";

impl Salvage {
    /// Copies the engine in `data_directory` and opens the copy without what vouches for it, and
    /// without the files that can be done without. A `whole` new engine lends its settings.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if nothing can be read of it, [`StoreError::Io`] if it cannot be
    /// copied.
    pub(super) fn open(
        engine: EngineKind,
        data_directory: &Path,
        whole: &Path,
        options: &EngineOptions,
    ) -> Result<Self, StoreError> {
        let directory = data_directory.join(COPY);
        let from = data_directory.join(engine.name());
        let copy = directory.join(engine.name());
        let mut salvage = Self { store: None, directory, gaps: RefCell::default() };
        let mut attempt = |make_do: &dyn Fn(&Path) -> io::Result<()>| {
            drop(salvage.store.take());
            remove_all(&salvage.directory)?;
            copy_all(&from, &copy)?;
            renew_witness(&copy)?;
            make_do(&copy)?;
            let lock = DirectoryLock::acquire(&salvage.directory)?;
            salvage.store = Some(engine.open(lock, &salvage.directory, options)?);
            Ok(())
        };
        let less = |copy: &Path| remove_snapshots(copy).and_then(|()| lend_settings(whole, copy));
        attempt(&|_| Ok(()))
            .or_else(|_| attempt(&remove_snapshots))
            .or_else(|_| attempt(&less))
            .or_else(|error| {
                match cut_journals(&from, &mut |kept| attempt(&|copy| keep(copy, kept)))? {
                    true => Ok(()),
                    false => Err(error),
                }
            })?;
        Ok(salvage)
    }

    /// The stretches that could not be read: the last key before each and the first behind it, which
    /// is empty where there is none.
    pub fn gaps(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.gaps.borrow().iter().map(|(last, next)| (last.clone(), next.clone())).collect()
    }

    fn store(&self) -> &dyn Store {
        self.store.as_deref().expect("open until it is dropped")
    }

    /// The first position behind `at` from which the store can be read; `None` if there is none.
    fn next_readable(&self, prefix: &[u8], at: &[u8]) -> Option<Vec<u8>> {
        let kind = *at.first()?;
        let base = position(at);
        let readable = |position: u128| {
            let key = key(kind, position, prefix.len());
            key.starts_with(prefix) && self.is_readable(prefix, &key)
        };
        let steps = (0..u128::BITS).map_while(|bit| base.checked_add(1 << bit));
        let mut unreadable = base;
        let mut found = None;
        for step in steps {
            if readable(step) {
                found = Some(step);
                break;
            }
            unreadable = step;
        }
        let mut found = found?;
        while found - unreadable > 1 {
            let middle = unreadable + (found - unreadable) / 2;
            if readable(middle) { found = middle } else { unreadable = middle }
        }
        Some(key(kind, found, prefix.len()))
    }

    fn is_readable(&self, prefix: &[u8], from: &[u8]) -> bool {
        self.store().scan(prefix, from, &mut |_, _| ControlFlow::Break(())).is_ok()
    }
}

impl Store for Salvage {
    fn apply(&mut self, _: Vec<Operation>) -> Result<(), StoreError> {
        Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem).into())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.store().get(key) {
            Err(StoreError::Damaged { .. }) => {
                self.gaps.borrow_mut().insert(key.to_vec(), key.to_vec());
                Ok(None)
            }
            other => other,
        }
    }

    fn scan(&self, prefix: &[u8], from: &[u8], visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        let mut from = prefix.max(from).to_vec();
        for _ in 0..GAPS_MAX {
            let mut last = from.clone();
            let read = self.store().scan(prefix, &from, &mut |key, value| {
                last = key.to_vec();
                visit(key, value)
            });
            match read {
                Err(StoreError::Damaged { .. }) => {}
                other => return other,
            }
            let next = self.next_readable(prefix, &last);
            self.gaps.borrow_mut().insert(last, next.clone().unwrap_or_default());
            let Some(next) = next else { return Ok(()) };
            from = next;
        }
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.store().size_bytes()
    }
}

impl Drop for Salvage {
    fn drop(&mut self) {
        drop(self.store.take());
        // What remains is removed by the next one.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Gaps that one scan passes over; behind the last of them it ends.
const GAPS_MAX: usize = 1_000;

/// The bytes behind the first one of a key as a number: keys in their order, but for those that agree
/// in so many bytes.
fn position(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let rest = key.get(1..).unwrap_or_default();
    let shown = rest.len().min(bytes.len());
    bytes[..shown].copy_from_slice(&rest[..shown]);
    u128::from_be_bytes(bytes)
}

/// The least key at a position that has so many bytes.
fn key(kind: u8, position: u128, bytes_min: usize) -> Vec<u8> {
    let mut key = [&[kind][..], &position.to_be_bytes()].concat();
    while key.len() > bytes_min && key.last() == Some(&0) {
        key.pop();
    }
    key
}

/// Opens the engine with journals of so many bytes.
type Attempt<'a> = dyn FnMut(&[Journal]) -> Result<(), StoreError> + 'a;

/// fjall takes a journal that ends early for one that a crash has cut off, but not one that is damaged
/// before its end. Finds how much of the journals it takes, and leaves that open; whether it takes any.
fn cut_journals(engine: &Path, attempt: &mut Attempt<'_>) -> Result<bool, StoreError> {
    let journals = journals(engine)?;
    for (index, (_, bytes)) in journals.iter().enumerate() {
        let mut kept = journals[..=index].to_vec();
        if attempt(&kept).is_ok() {
            continue;
        }
        let (mut good, mut bad) = (0, *bytes);
        while bad - good > CUT_BYTES {
            kept[index].1 = good + (bad - good) / 2;
            match attempt(&kept) {
                Ok(()) => good = kept[index].1,
                Err(_) => bad = kept[index].1,
            }
        }
        kept[index].1 = good;
        return Ok(attempt(&kept).is_ok());
    }
    Ok(false)
}

/// A file's name and its length.
type Journal = (PathBuf, u64);

/// How exactly the place of the damage is looked for.
const CUT_BYTES: u64 = 4096;

/// The journals of fjall, the oldest first, and their lengths.
fn journals(engine: &Path) -> io::Result<Vec<Journal>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(engine)? {
        let entry = entry?;
        let name = PathBuf::from(entry.file_name());
        if name.extension().is_some_and(|extension| extension == "jnl") {
            journals.push((name, entry.metadata()?.len()));
        }
    }
    let number = |(name, _): &Journal| name.file_stem()?.to_str()?.parse::<u64>().ok();
    journals.sort_by_key(number);
    Ok(journals)
}

/// Leaves of the journals of a copy only these, cut to these lengths.
fn keep(copy: &Path, kept: &[Journal]) -> io::Result<()> {
    for (name, _) in journals(copy)? {
        match kept.iter().find(|(other, _)| *other == name) {
            Some((_, bytes)) => {
                fs::File::options().write(true).open(copy.join(&name))?.set_len(*bytes)?;
            }
            None => fs::remove_file(copy.join(&name))?,
        }
    }
    Ok(())
}

/// sled makes them anew from its log.
fn remove_snapshots(engine: &Path) -> io::Result<()> {
    super::sled::remove_snapshots(engine, "")
}

/// The settings of an engine are the same in every one that we make.
fn lend_settings(whole: &Path, engine: &Path) -> io::Result<()> {
    for name in ["conf", "version"] {
        if whole.join(name).is_file() {
            fs::copy(whole.join(name), engine.join(name))?;
        }
    }
    Ok(())
}

/// Nothing was acknowledged that is not there, as far as the copy goes.
fn renew_witness(engine: &Path) -> io::Result<()> {
    Witness::remove(engine)?;
    Witness::create(engine)
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else if !(is_never_changed(from) && fs::hard_link(entry.path(), &target).is_ok()) {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// fjall writes a table once, and removes it.
fn is_never_changed(directory: &Path) -> bool {
    directory.file_name().is_some_and(|name| name == "tables")
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "a list of holes may have one")]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn a_gap_is_passed_over_and_noted() {
        let holes = [vec![(10, 20)], vec![(0, 1)], vec![(99, 200)], vec![(3, 4), (5, 70)]];
        for holes in holes {
            let salvage = salvage(&holes);

            let mut seen = Vec::new();
            let mut visit = |key: &[u8], _: &[u8]| {
                seen.push(u64::from_be_bytes(key[1..].try_into().expect("8 bytes")));
                ControlFlow::Continue(())
            };
            salvage.scan(b"k", b"", &mut visit).expect("read");

            let whole = |at: &u64| !holes.iter().any(|(from, to)| (*from..*to).contains(at));
            assert_eq!(seen, (0..100).filter(whole).collect::<Vec<_>>(), "{holes:?}");
            assert_eq!(salvage.gaps().len(), holes.len(), "{:?}", salvage.gaps());
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_there() {
        let salvage = salvage(&[(10, 20)]);
        assert_eq!(salvage.get(&numbered(10)).expect("read"), None);
        assert_eq!(salvage.get(&numbered(20)).expect("read"), Some(Vec::new()));
        assert_eq!(salvage.gaps(), [(numbered(10), numbered(10))]);
    }

    /// Cannot be read where it has holes.
    struct Holed {
        inner: MemoryStore,
        /// From the first to before the second.
        holes: Vec<(u64, u64)>,
    }

    impl Holed {
        fn check(&self, key: &[u8]) -> Result<(), StoreError> {
            let number = (position(key) >> 64) as u64;
            match self.holes.iter().any(|(from, to)| (*from..*to).contains(&number)) {
                true => Err(StoreError::damaged(Path::new("/data"), "a hole")),
                false => Ok(()),
            }
        }
    }

    impl Store for Holed {
        fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
            self.inner.apply(operations)
        }

        fn sync(&mut self) -> Result<(), StoreError> {
            Ok(())
        }

        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.check(key)?;
            self.inner.get(key)
        }

        fn scan(
            &self,
            prefix: &[u8],
            from: &[u8],
            visit: &mut Visitor<'_>,
        ) -> Result<(), StoreError> {
            self.check(prefix.max(from))?;
            let mut checked = Ok(());
            self.inner.scan(prefix, from, &mut |key, value| {
                checked = self.check(key);
                if checked.is_err() { ControlFlow::Break(()) } else { visit(key, value) }
            })?;
            checked
        }

        fn size_bytes(&self) -> Result<u64, StoreError> {
            self.inner.size_bytes()
        }
    }

    fn salvage(holes: &[(u64, u64)]) -> Salvage {
        let mut inner = MemoryStore::default();
        let put = |number| Operation::Put { key: numbered(number), value: Vec::new() };
        inner.apply((0..100).map(put).collect()).expect("memory");
        let directory = PathBuf::from("/nowhere/at/all");
        let store: Box<dyn Store> = Box::new(Holed { inner, holes: holes.to_vec() });
        Salvage { store: Some(store), directory, gaps: RefCell::default() }
    }

    fn numbered(number: u64) -> Vec<u8> {
        [&b"k"[..], &number.to_be_bytes()].concat()
    }
}
