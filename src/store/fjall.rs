use std::path::Path;

use fjall::{Database, FormatVersion, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::damage::{Running, contained, is_damage};
use super::keeper::{Keeper, Place, lock};
use super::layout::{LABEL_KEY, entry_key, entry_range, key_of, write_label};
use super::lock::patiently;
use super::space::occupied_bytes;
use super::{DirectoryLock, Durability, EngineOptions, Operation, Store, StoreError, Visitor};

/// The directory of this engine in the data directory, and its one keyspace.
pub(super) const NAME: &str = "fjall";

/// Written to tables when it is full, so a bound on memory and on what is read again at start.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// Journals beyond this are got rid of by writing tables.
const JOURNALS_BYTES: u64 = 192 * 1024 * 1024;

/// The store on fjall 3: one keyspace, its journal synced after each batch.
pub struct FjallStore {
    engine: Running<Engine>,
    keeper: Keeper,
}

#[derive(Clone)]
struct Engine {
    entries: Keyspace,
    db: Database,
}

impl FjallStore {
    /// Opens the store in `data_directory`, or makes a new one there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if a broker has the data directory; [`StoreError::Damaged`] if fjall
    /// fails on its files or less is in them than was acknowledged, with the directory to
    /// [set aside](super::set_aside); [`StoreError::Version`] or [`StoreError::Io`] otherwise.
    pub fn open(data_directory: &Path, options: &EngineOptions) -> Result<Self, StoreError> {
        Self::open_locked(lock(data_directory)?, data_directory, options)
    }

    /// Opens it for who has the lock of the data directory.
    pub(super) fn open_locked(
        lock: DirectoryLock,
        data_directory: &Path,
        options: &EngineOptions,
    ) -> Result<Self, StoreError> {
        let place = Place::take(lock, data_directory, NAME, |new| {
            start(new, options).map(drop).map_err(|error| explain(new, error))
        })?;
        let directory = place.directory.clone();
        let engine = contained(&directory, || {
            start(&directory, options).map_err(|error| explain(&directory, error))
        })?;
        let (label, is_empty) = contained(&directory, || {
            let label = engine.entries.get(LABEL_KEY).map_err(|e| explain(&directory, e))?;
            Ok((label, engine.entries.first_key_value().is_none()))
        })?;
        let keeper = Keeper::new(place, options, label.as_deref(), is_empty)?;
        Ok(Self { engine, keeper })
    }

    fn contained<T>(&self, call: impl FnOnce() -> fjall::Result<T>) -> Result<T, StoreError> {
        let directory = self.keeper.directory();
        contained(directory, || call().map_err(|error| explain(directory, error)))
    }
}

impl Store for FjallStore {
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
        let Self { engine, keeper } = self;
        let directory = keeper.directory().to_path_buf();
        keeper.write(operations, |changes, count, durability| {
            let mut batch = engine.db.batch().durability(Some(persist_mode(durability)));
            batch.insert(&engine.entries, LABEL_KEY, write_label(count));
            for (key, value) in changes {
                match value {
                    Some(value) => batch.insert(&engine.entries, entry_key(&key), value),
                    None => batch.remove(&engine.entries, entry_key(&key)),
                }
            }
            batch.commit().map_err(|error| explain(&directory, error))
        })
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let Self { engine, keeper } = self;
        let directory = keeper.directory().to_path_buf();
        keeper.sync(|| {
            let synced = engine.db.persist(persist_mode(Durability::Disk));
            synced.map_err(|error| explain(&directory, error))
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.contained(|| self.engine.entries.get(entry_key(key)))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        let range = entry_range(prefix, from);
        let mut entries = self.contained(|| Ok(self.engine.entries.range(range)))?;
        let mut next = || entries.next().map(fjall::Guard::into_inner).transpose();
        while let Some((key, value)) = self.contained(&mut next)? {
            if visit(key_of(&key), &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(occupied_bytes(self.keeper.directory())?)
    }
}

/// `SyncData` is enough: it covers the length of a file too where that has grown.
fn persist_mode(durability: Durability) -> PersistMode {
    match durability {
        Durability::Disk => PersistMode::SyncData,
        Durability::Os => PersistMode::Buffer,
    }
}

fn start(directory: &Path, options: &EngineOptions) -> fjall::Result<Running<Engine>> {
    let open = || {
        let builder = Database::builder(directory)
            .cache_size(options.cache_bytes())
            .max_journaling_size(JOURNALS_BYTES);
        // Each batch says itself how durable it is.
        builder.manual_journal_persist(true).open()
    };
    let db = patiently(open, |error| matches!(error, fjall::Error::Locked))?;
    let create = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
    let entries = db.keyspace(NAME, create)?;
    db.persist(PersistMode::SyncAll)?;
    Ok(Running::new(Engine { entries, db }))
}

fn explain(directory: &Path, error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error))
            if !is_damage(&error) =>
        {
            error.into()
        }
        fjall::Error::Poisoned => StoreError::failed_before(),
        fjall::Error::InvalidVersion(Some(version)) => StoreError::Version {
            directory: directory.into(),
            found: version.to_string(),
            known: u8::from(FormatVersion::V3).into(),
        },
        fjall::Error::Locked => StoreError::Locked { directory: directory.into(), pid: None },
        error => StoreError::damaged(directory, error.to_string()),
    }
}
