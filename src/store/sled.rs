use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::damage::{Running, contained, is_damage};
use super::keeper::{Keeper, Place, lock};
use super::layout::{Changes, LABEL_KEY, chunk_key, entry_key, entry_range, key_of, write_label};
use super::lock::patiently;
use super::space::{occupied_bytes, sync_directory};
use super::{DirectoryLock, Durability, EngineOptions, Operation, Store, StoreError, Visitor};

/// The directory of this engine in the data directory.
pub(super) const NAME: &str = "sled";

/// The longest value that stands in one piece, and the length of the pieces of a longer one.
///
/// sled writes what takes more than 128 KiB to a file of its own, which it never syncs. What counts
/// is not a value but a whole leaf, and a leaf is divided by the number of its entries only, from
/// the seventeenth on: so seventeen pieces, and what a merge may add, have to stay below that.
const CHUNK_BYTES: usize = 4 * 1024;

/// In front of a value in one piece.
const WHOLE: u8 = 0;
/// In front of the number of pieces, four bytes, big-endian.
const CHUNKED: u8 = 1;

/// How often sled's own thread writes and reclaims, in milliseconds. Space is reclaimed nowhere
/// else, so it is never switched off.
const FLUSH_EVERY_MS: u64 = 500;

/// The store on sled 0.34: one tree, so that one batch is atomic over everything in it.
///
/// sled draws no number here (`generate_id` is not used): it would write on its own account.
#[derive(Debug)]
pub struct SledStore {
    db: Running<sled::Db>,
    disk: Disk,
    keeper: Keeper,
}

impl SledStore {
    /// Opens the store in `data_directory`, or makes a new one there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if a broker has the data directory; [`StoreError::Damaged`] if sled
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
        let place = Place::take(lock, data_directory, NAME, |new| start(new, options).map(drop))?;
        let directory = place.directory.clone();
        // One whose writing a crash cut off blocks every later opening, and nothing needs it.
        remove_snapshots(&directory, ".generating")?;
        let db = contained(&directory, || start(&directory, options))?;
        let disk = Disk::open(&directory)?;
        let label = contained(&directory, || read(&db, &directory, LABEL_KEY))?;
        let is_empty = contained(&directory, || Ok(db.is_empty()))?;
        let keeper = Keeper::new(place, options, label.as_deref(), is_empty)?;
        Ok(Self { db, disk, keeper })
    }

    fn directory(&self) -> &Path {
        self.keeper.directory()
    }

    fn read(&self, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        contained(self.directory(), || read(&self.db, self.directory(), key))
    }

    /// Looks at an entry once more, for the sake of memory.
    ///
    /// sled decides only once in 64 looks at the pages of a group which of them it still needs, and
    /// there are 256 groups. A scan looks once at a page however many entries it has: 16,384 pages of
    /// up to 64 KiB would stay, whatever the cache may have. A look at each entry makes that a tenth.
    fn touch(&self, stored_key: &[u8]) -> Result<(), StoreError> {
        contained(self.directory(), || read(&self.db, self.directory(), stored_key)).map(drop)
    }

    /// The value of an entry, from the piece that stands under its key.
    fn value(&self, key: &[u8], entry: &[u8]) -> Result<Vec<u8>, StoreError> {
        let chunks = chunks(self.directory(), entry)?;
        if chunks == 0 {
            return Ok(entry[1..].into());
        }
        let mut value = Vec::with_capacity(chunks as usize * CHUNK_BYTES);
        for number in 0..chunks {
            let chunk = self.read(&chunk_key(key, number))?;
            value.extend_from_slice(&chunk.ok_or_else(|| incomplete(self.directory()))?);
        }
        Ok(value)
    }
}

impl Store for SledStore {
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
        let Self { db, disk, keeper } = self;
        let directory = keeper.directory().to_path_buf();
        keeper.write(operations, |changes, count, durability| {
            let batch = batch(db, &directory, changes, count)?;
            db.apply_batch(batch).map_err(|error| explain(&directory, error))?;
            flush(db, &directory)?;
            match durability {
                Durability::Disk => Ok(disk.sync()?),
                Durability::Os => Ok(()),
            }
        })
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let Self { db, disk, keeper } = self;
        let directory = keeper.directory().to_path_buf();
        keeper.sync(|| {
            flush(db, &directory)?;
            Ok(disk.sync()?)
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let entry = self.read(&entry_key(key))?;
        entry.map(|entry| self.value(key, &entry)).transpose()
    }

    fn scan(&self, prefix: &[u8], from: &[u8], visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        let mut entries = self.db.range(entry_range(prefix, from));
        let mut next = || {
            let entry = entries.next().transpose();
            entry.map_err(|error| explain(self.directory(), error))
        };
        while let Some((key, entry)) = contained(self.directory(), &mut next)? {
            self.touch(&key)?;
            if visit(key_of(&key), &self.value(key_of(&key), &entry)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(occupied_bytes(self.directory())?)
    }

    /// Its one file gets shorter only where the very end of it is free.
    fn keeps_freed_room(&self) -> bool {
        true
    }
}

/// What sled leaves to us of making its files durable.
///
/// Its flush writes and starts the writing back of pages (`sync_file_range`), but neither asks the
/// disk to empty its cache nor covers the length of the file: a power cut takes what was flushed.
#[derive(Debug)]
struct Disk {
    directory: PathBuf,
    /// A descriptor of our own on sled's file.
    log: File,
    /// Values beyond [`CHUNK_BYTES`] never get here, but leaves of very long keys may.
    synced_blobs: BTreeSet<OsString>,
}

impl Disk {
    /// Opens what sled has opened, and makes durable what it wrote by that.
    fn open(directory: &Path) -> io::Result<Self> {
        let mut disk = Self {
            directory: directory.into(),
            log: File::options().write(true).open(directory.join("db"))?,
            synced_blobs: BTreeSet::new(),
        };
        disk.sync_blobs()?;
        disk.log.sync_all()?;
        // For the snapshot that sled makes of an opened log: it does not sync names.
        sync_directory(directory)?;
        Ok(disk)
    }

    /// Makes everything that was flushed durable.
    fn sync(&mut self) -> io::Result<()> {
        self.sync_blobs()?;
        self.log.sync_data()
    }

    /// Before the log, which refers to them.
    fn sync_blobs(&mut self) -> io::Result<()> {
        let blobs = self.directory.join("blobs");
        let names: io::Result<BTreeSet<_>> =
            fs::read_dir(&blobs)?.map(|entry| Ok(entry?.file_name())).collect();
        let names = names?;
        let mut is_changed = false;
        for name in names.difference(&self.synced_blobs) {
            is_changed = true;
            match File::open(blobs.join(name)) {
                Ok(file) => file.sync_all()?,
                // Out of use again and removed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if is_changed {
            sync_directory(&blobs)?;
        }
        self.synced_blobs = names;
        Ok(())
    }
}

/// Removes the snapshots whose names end so.
pub(super) fn remove_snapshots(directory: &Path, end: &str) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(end) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn start(directory: &Path, options: &EngineOptions) -> Result<Running<sled::Db>, StoreError> {
    let config = sled::Config::new().path(directory).cache_capacity(options.cache_bytes());
    let config = config.flush_every_ms(Some(FLUSH_EVERY_MS));
    let opened = patiently(|| config.open(), is_lock_taken);
    Ok(Running::new(opened.map_err(|error| explain(directory, error))?))
}

/// Whether a sled that was closed a moment ago has not let go of its file yet: no other process can
/// have it, for want of the lock of the data directory.
fn is_lock_taken(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn batch(
    db: &sled::Db,
    directory: &Path,
    changes: Changes,
    count: u64,
) -> Result<sled::Batch, StoreError> {
    let mut batch = sled::Batch::default();
    batch.insert(LABEL_KEY, &write_label(count));
    for (key, value) in changes {
        let before = read(db, directory, &entry_key(&key))?;
        let chunks_before = before.map_or(Ok(0), |entry| chunks(directory, &entry))?;
        let chunks_now = match value {
            Some(value) => put(&mut batch, &key, &value),
            None => {
                batch.remove(entry_key(&key));
                0
            }
        };
        for number in chunks_now..chunks_before {
            batch.remove(chunk_key(&key, number));
        }
    }
    Ok(batch)
}

/// Adds a value to a batch and returns in how many pieces besides the entry.
fn put(batch: &mut sled::Batch, key: &[u8], value: &[u8]) -> u32 {
    if value.len() <= CHUNK_BYTES {
        batch.insert(entry_key(key), [&[WHOLE], value].concat());
        return 0;
    }
    let mut chunks = 0_u32;
    for chunk in value.chunks(CHUNK_BYTES) {
        batch.insert(chunk_key(key, chunks), chunk);
        chunks += 1;
    }
    batch.insert(entry_key(key), [&[CHUNKED][..], &chunks.to_be_bytes()].concat());
    chunks
}

/// In how many pieces the value of an entry stands besides the entry.
fn chunks(directory: &Path, entry: &[u8]) -> Result<u32, StoreError> {
    match entry {
        [WHOLE, ..] => Ok(0),
        [CHUNKED, a, b, c, d] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(incomplete(directory)),
    }
}

fn read(db: &sled::Db, directory: &Path, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
    db.get(key).map_err(|error| explain(directory, error))
}

fn flush(db: &sled::Db, directory: &Path) -> Result<(), StoreError> {
    db.flush().map(drop).map_err(|error| explain(directory, error))
}

fn explain(directory: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) if !is_damage(&error) => error.into(),
        error => StoreError::damaged(directory, error.to_string()),
    }
}

fn incomplete(directory: &Path) -> StoreError {
    StoreError::damaged(directory, "a part of a value is missing")
}
