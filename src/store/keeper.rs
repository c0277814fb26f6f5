use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::damage::contained;
use super::layout::{Changes, changes, read_label};
use super::space::{Watermark, remove_all, sync_all_below, sync_directory, with_suffix};
use super::witness::Witness;
use super::{DirectoryLock, Durability, EngineOptions, Operation, StoreError};

/// How often an engine writes a byte of a large batch. What a small one costs beyond that, whole
/// blocks for a few bytes, comes out of what is kept free.
const WRITTEN_PER_BYTE: u64 = 10;

/// What every engine on disk owes, whatever its format: it is alone in the data directory, leaves
/// room on the disk, notices what was lost, and writes nothing more once a write has failed.
#[derive(Debug)]
pub(super) struct Keeper {
    directory: PathBuf,
    durability: Durability,
    watermark: Watermark,
    witness: Witness,
    /// The number of the last batch.
    count: u64,
    failed: bool,
    /// Dropped last of all: who gets the lock next finds nobody at work.
    _lock: DirectoryLock,
}

/// An engine's place in a data directory, before the engine is opened.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    lock: DirectoryLock,
}

impl Place {
    /// Finds the engine `name` in a data directory, or has `create` make a new one.
    pub(super) fn take(
        lock: DirectoryLock,
        data_directory: &Path,
        name: &str,
        create: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let directory = data_directory.join(name);
        if !directory.exists() {
            match fs::rename(left_by_a_swap(&directory), &directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    create_whole(data_directory, name, create)?;
                }
                other => other?,
            }
        }
        Ok(Self { directory, lock })
    }
}

/// Makes sure that there is a data directory, and locks it.
pub(super) fn lock(data_directory: &Path) -> Result<DirectoryLock, StoreError> {
    fs::create_dir_all(data_directory)?;
    DirectoryLock::acquire(data_directory)
}

/// Where an engine is that another takes the place of: if that has not happened, it goes on.
pub(super) fn left_by_a_swap(directory: &Path) -> PathBuf {
    with_suffix(directory, ".old")
}

/// Makes an engine under another name first: neither engine can open what a power cut leaves of one
/// that was being made, and under its own name that would look like damage.
fn create_whole(
    data_directory: &Path,
    name: &str,
    create: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let unfinished = data_directory.join(format!("{name}.new"));
    remove_all(&unfinished)?;
    fs::create_dir(&unfinished)?;
    contained(&unfinished, || create(&unfinished))?;
    Witness::create(&unfinished)?;
    // sled leaves its settings and all names to the kernel, fjall the names of its keyspaces.
    sync_all_below(&unfinished)?;
    fs::rename(&unfinished, data_directory.join(name))?;
    for changed in data_directory.ancestors().take(2).filter(|path| path.is_dir()) {
        sync_directory(changed)?;
    }
    Ok(())
}

impl Keeper {
    /// Watches over an engine that was opened in `place` and has `label` under its label's key.
    pub(super) fn new(
        place: Place,
        options: &EngineOptions,
        label: Option<&[u8]>,
        is_empty: bool,
    ) -> Result<Self, StoreError> {
        let Place { directory, lock } = place;
        if label.is_none() && !is_empty {
            return Err(StoreError::damaged(&directory, "its label is missing"));
        }
        let count = read_label(&directory, label)?;
        let witness = Witness::open(&directory, count)?;
        let watermark = Watermark::new(&directory, options.free_bytes_min);
        let durability = options.durability;
        let failed = false;
        Ok(Self { directory, durability, watermark, witness, count, failed, _lock: lock })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The number of the last batch.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Has `write` apply a batch under its number, as durably as it is told.
    pub(super) fn write(
        &mut self,
        operations: Vec<Operation>,
        write: impl FnOnce(Changes, u64, Durability) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let changes = changes(operations)?;
        if changes.is_empty() {
            return Ok(());
        }
        self.admit(&changes)?;
        let (count, durability) = (self.count + 1, self.durability);
        self.attempt(|| write(changes, count, durability))?;
        self.count = count;
        match durability {
            Durability::Disk => self.bear_witness(),
            Durability::Os => Ok(()),
        }
    }

    /// Has `sync` make all batches durable.
    pub(super) fn sync(
        &mut self,
        sync: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.attempt(sync)?;
        self.bear_witness()
    }

    fn admit(&self, changes: &Changes) -> Result<(), StoreError> {
        let puts = || changes.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let bytes: usize = puts().map(|(key, value)| key.len() + value.len()).sum();
        let writes_bytes = (bytes as u64).saturating_mul(WRITTEN_PER_BYTE);
        self.watermark.admit(writes_bytes, puts().next().is_none())
    }

    /// Runs a write; if it fails, it was the last: what an engine has in memory after that may not
    /// be what it has on disk.
    fn attempt(
        &mut self,
        write: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::failed_before());
        }
        self.failed = true;
        contained(&self.directory, write)?;
        self.failed = false;
        Ok(())
    }

    fn bear_witness(&mut self) -> Result<(), StoreError> {
        self.witness.record(self.count).inspect_err(|_| self.failed = true)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::write_label;
    use super::*;

    #[test]
    fn after_a_write_that_failed_there_is_none() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut keeper = keeper(dir.path(), EngineOptions::default());

        keeper.write(batch(), |_, _, _| Ok(())).expect("written");
        keeper.write(batch(), |_, _, _| Err(io::Error::other("disk gone").into())).expect_err("no");
        let error = keeper.write(batch(), |_, _, _| unreachable!()).expect_err("no more");
        keeper.sync(|| unreachable!()).expect_err("no more");

        assert!(error.to_string().contains("must be opened anew"), "{error}");
    }

    #[test]
    fn a_full_disk_is_no_failed_write() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let options = EngineOptions { free_bytes_min: u64::MAX, ..Default::default() };
        let mut keeper = keeper(dir.path(), options);

        let error = keeper.write(batch(), |_, _, _| unreachable!()).expect_err("no room");
        keeper.sync(|| Ok(())).expect("nothing has failed");

        assert!(matches!(error, StoreError::Full { .. }), "{error}");
    }

    #[test]
    fn at_the_level_of_the_kernel_only_a_sync_is_witnessed() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let os = EngineOptions { durability: Durability::Os, ..Default::default() };
        let opens_with = |count: u64| {
            let place = place(dir.path());
            let label = write_label(count);
            Keeper::new(place, &os, Some(&label), false).is_ok()
        };
        let mut first = keeper(dir.path(), os.clone());
        first.write(batch(), |_, _, _| Ok(())).expect("written");
        drop(first);
        assert!(opens_with(0), "a power cut may have taken it");

        let place = place(dir.path());
        let mut second = Keeper::new(place, &os, None, true).expect("opened");
        second.write(batch(), |_, _, _| Ok(())).expect("written");
        second.sync(|| Ok(())).expect("synced");
        drop(second);
        assert!(!opens_with(0));
    }

    #[test]
    fn an_engine_that_was_being_made_when_the_power_went_is_made_anew() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let half = |path: &Path| Ok(fs::write(path.join("half"), "")?);
        let fails = |path: &Path| half(path).and(Err(io::Error::other("no power").into()));
        let free = lock(dir.path()).expect("free");
        Place::take(free, dir.path(), "engine", fails).expect_err("fails");

        let place = place(dir.path());

        assert!(!place.directory.join("half").exists());
        assert!(!dir.path().join("engine.new").exists());
    }

    #[test]
    fn entries_without_a_label_are_not_ours() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let place = place(dir.path());
        let error = Keeper::new(place, &EngineOptions::default(), None, false).expect_err("no");
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }

    fn keeper(directory: &Path, options: EngineOptions) -> Keeper {
        let place = place(directory);
        Keeper::new(place, &options, None, true).expect("opened")
    }

    fn place(directory: &Path) -> Place {
        let lock = lock(directory).expect("free");
        Place::take(lock, directory, "engine", |_| Ok(())).expect("made")
    }

    fn batch() -> Vec<Operation> {
        vec![Operation::Put { key: b"k".into(), value: b"v".into() }]
    }
}
