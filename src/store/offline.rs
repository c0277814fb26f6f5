use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::damage::move_aside;
use super::keeper::left_by_a_swap;
use super::space::{occupied_bytes, remove_all, sync_all_below, sync_directory};
use super::{DirectoryLock, EngineOptions, FjallStore, Salvage, SledStore, Store, StoreError};

/// An engine that keeps its files in a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// [`SledStore`].
    Sled,
    /// [`FjallStore`].
    Fjall,
}

impl EngineKind {
    /// What its directory in the data directory is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sled => super::sled::NAME,
            Self::Fjall => super::fjall::NAME,
        }
    }

    /// Whether it has files in a data directory.
    pub fn is_in(self, data_directory: &Path) -> bool {
        let path = data_directory.join(self.name());
        path.exists() || left_by_a_swap(&path).exists()
    }

    pub(super) fn open(
        self,
        lock: DirectoryLock,
        data_directory: &Path,
        options: &EngineOptions,
    ) -> Result<Box<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sled => Box::new(SledStore::open_locked(lock, data_directory, options)?),
            Self::Fjall => Box::new(FjallStore::open_locked(lock, data_directory, options)?),
        })
    }
}

/// A data directory without a broker: nobody else uses it as long as this lives.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    lock: DirectoryLock,
}

/// Where an engine is made that is to take the place of another.
const WORKSHOP: &str = "store.new";

impl DataDirectory {
    /// Takes a directory that is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if somebody uses it, [`StoreError::Io`].
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { path: path.into(), lock: DirectoryLock::acquire(path)? })
    }

    /// Where the engine keeps its files.
    pub fn engine_path(&self, engine: EngineKind) -> PathBuf {
        self.path.join(engine.name())
    }

    /// Whether the engine has files here.
    pub fn has(&self, engine: EngineKind) -> bool {
        engine.is_in(&self.path)
    }

    /// Bytes of disk that the engine takes up.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if its directory cannot be read.
    pub fn occupied_bytes(&self, engine: EngineKind) -> io::Result<u64> {
        occupied_bytes(&self.engine_path(engine))
    }

    /// Opens the engine.
    ///
    /// # Errors
    ///
    /// As [`SledStore::open`].
    pub fn open(
        &self,
        engine: EngineKind,
        options: &EngineOptions,
    ) -> Result<Box<dyn Store>, StoreError> {
        engine.open(self.lock.clone(), &self.path, options)
    }

    /// What can be read of the engine if it is damaged. `made` is a new one of the same kind.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if that is nothing, [`StoreError`] if it cannot be copied.
    pub fn salvage(
        &self,
        engine: EngineKind,
        made: &Prepared,
        options: &EngineOptions,
    ) -> Result<Salvage, StoreError> {
        Salvage::open(engine, &self.path, &made.workshop.join(engine.name()), options)
    }

    /// Makes a new engine that is not in its place yet. What an earlier attempt left is removed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be made.
    pub fn prepare(
        &self,
        engine: EngineKind,
        options: &EngineOptions,
    ) -> Result<Prepared, StoreError> {
        let workshop = self.path.join(WORKSHOP);
        remove_all(&workshop)?;
        let target = self.engine_path(engine);
        let left = left_by_a_swap(&target);
        if target.exists() {
            remove_all(&left)?;
        } else if left.exists() {
            fs::rename(&left, &target)?;
        }
        fs::create_dir(&workshop)?;
        let lock = DirectoryLock::acquire(&workshop)?;
        let store = Some(engine.open(lock, &workshop, options)?);
        Ok(Prepared { workshop, target, store })
    }
}

/// A new engine beside the one whose place it is to take. Dropped before that, it is gone.
pub struct Prepared {
    workshop: PathBuf,
    target: PathBuf,
    store: Option<Box<dyn Store>>,
}

impl Prepared {
    /// The new engine.
    pub fn store(&mut self) -> &mut dyn Store {
        self.store.as_deref_mut().expect("closed only by taking its place")
    }

    /// Closes the new engine, makes it durable and puts it into its place at one stroke. Whoever was
    /// there must be closed; it is returned as the directory that it is in now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if that cannot be done: then the old one is in its place, now or as soon as it
    /// is opened again.
    pub fn take_place(mut self) -> Result<Option<Replaced>, StoreError> {
        drop(self.store.take());
        let name = self.target.file_name().expect("an engine has a name");
        let made = self.workshop.join(name);
        sync_all_below(&made)?;
        let old = swap(&made, &self.target)?;
        sync_directory(self.target.parent().expect("in a data directory"))?;
        Ok(old.map(|path| Replaced { path, original: self.target.clone() }))
    }
}

/// An engine whose place another one has taken.
#[derive(Debug)]
pub struct Replaced {
    path: PathBuf,
    original: PathBuf,
}

impl Replaced {
    /// Removes it.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if it cannot be removed; the next one that is replaced takes it along.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(self.path)
    }

    /// Keeps it as [`set_aside`](super::set_aside) does, and says where.
    ///
    /// # Errors
    ///
    /// As `set_aside`.
    pub fn set_aside(self) -> io::Result<PathBuf> {
        move_aside(&self.path, &self.original)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        drop(self.store.take());
        // What remains is removed by the next one.
        let _ = fs::remove_dir_all(&self.workshop);
    }
}

/// Puts `made` where `target` is and `target` under the name that [`left_by_a_swap`] gives.
fn swap(made: &Path, target: &Path) -> io::Result<Option<PathBuf>> {
    if !target.exists() {
        fs::rename(made, target)?;
        return Ok(None);
    }
    let left = left_by_a_swap(target);
    match renameat_with(CWD, made, CWD, target, RenameFlags::EXCHANGE) {
        Ok(()) => fs::rename(made, &left)?,
        // Not every file system can. Who opens the engine in between finds the old one.
        Err(_) => {
            fs::rename(target, &left)?;
            fs::rename(made, target)?;
        }
    }
    Ok(Some(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Operation;
    use crate::store::space::with_suffix;

    #[test]
    fn a_new_engine_takes_the_place_of_the_old_one() {
        for engine in [EngineKind::Sled, EngineKind::Fjall] {
            let dir = tempfile::tempdir().expect("temporary directory");
            let directory = DataDirectory::take(dir.path()).expect("free");
            put(&mut *open(&directory, engine), b"old");

            let mut prepared =
                directory.prepare(engine, &EngineOptions::default()).expect("prepared");
            put(prepared.store(), b"new");
            let old = prepared.take_place().expect("swapped");

            let store = open(&directory, engine);
            assert!(store.get(b"new").expect("read").is_some());
            assert!(store.get(b"old").expect("read").is_none());
            let aside = old.expect("there was one").set_aside().expect("moved");
            assert_eq!(aside, with_suffix(&directory.engine_path(engine), ".damaged-1"));
            assert!(!dir.path().join(WORKSHOP).exists());
        }
    }

    #[test]
    fn an_engine_that_is_dropped_before_that_leaves_the_old_one() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let directory = DataDirectory::take(dir.path()).expect("free");
        put(&mut *open(&directory, EngineKind::Fjall), b"old");

        let prepared = directory.prepare(EngineKind::Fjall, &EngineOptions::default());
        drop(prepared.expect("prepared"));

        assert!(open(&directory, EngineKind::Fjall).get(b"old").expect("read").is_some());
        assert!(!dir.path().join(WORKSHOP).exists());
    }

    #[test]
    fn a_swap_that_was_cut_off_between_its_two_steps_is_undone() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let directory = DataDirectory::take(dir.path()).expect("free");
        put(&mut *open(&directory, EngineKind::Fjall), b"old");
        let path = directory.engine_path(EngineKind::Fjall);
        fs::rename(&path, left_by_a_swap(&path)).expect("renamed");

        assert!(directory.has(EngineKind::Fjall));
        assert!(open(&directory, EngineKind::Fjall).get(b"old").expect("read").is_some());
    }

    fn open(directory: &DataDirectory, engine: EngineKind) -> Box<dyn Store> {
        directory.open(engine, &EngineOptions::default()).expect("opened")
    }

    fn put(store: &mut dyn Store, key: &[u8]) {
        let operation = Operation::Put { key: key.into(), value: b"v".into() };
        store.apply(vec![operation]).expect("applied");
    }
}
