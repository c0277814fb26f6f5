use std::fs;
use std::io;
use std::path::Path;

use super::damage::{Running, contained, is_damage};
use super::keeper::{Keeper, Place, lock};
use super::layout::{Changes, LABEL_KEY, chunk_key, entry_key, entry_range, key_of, write_label};
use super::lock::patiently;
use super::sled_files::SledFiles;
use super::space::occupied_bytes;
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
    files: SledFiles,
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
        let files = SledFiles::open(&directory)?;
        let label = contained(&directory, || read(&db, &directory, LABEL_KEY))?;
        let is_empty = contained(&directory, || Ok(db.is_empty()))?;
        let keeper = Keeper::new(place, options, label.as_deref(), is_empty)?;
        let tree = Tree { db: &db, directory: &directory };
        contained(&directory, || tree.remove_unfinished(keeper.count()))?;
        Ok(Self { db, files, keeper })
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
        let Self { db, files, keeper } = self;
        let directory = keeper.directory().to_path_buf();
        keeper.write(operations, |changes, count, durability| {
            let tree = Tree { db, directory: &directory };
            match tree.single(&changes, count)? {
                Some((key, value)) => tree.put_single(key, value, count)?,
                None => tree.apply_batch(changes, count)?,
            }
            flush(db, &directory)?;
            match durability {
                Durability::Disk => Ok(files.sync()?),
                Durability::Os => Ok(()),
            }
        })
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let Self { db, files, keeper } = self;
        let directory = keeper.directory().to_path_buf();
        keeper.sync(|| {
            flush(db, &directory)?;
            Ok(files.sync()?)
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

/// A key and its value.
type Entry<'a> = (&'a [u8], &'a [u8]);

/// What is written to sled.
struct Tree<'a> {
    db: &'a sled::Db,
    directory: &'a Path,
}

impl Tree<'_> {
    /// The one entry that a batch puts where there is none: what [`Self::put_single`] can write. It
    /// relies on a label, so the first batch is none of these.
    fn single<'a>(
        &self,
        changes: &'a Changes,
        count: u64,
    ) -> Result<Option<Entry<'a>>, StoreError> {
        let mut entries = changes.iter();
        match (entries.next(), entries.next(), count) {
            (Some((key, Some(value))), None, 2..) if value.len() <= SINGLE_BYTES_MAX => {
                let is_new = read(self.db, self.directory, &entry_key(key))?.is_none();
                Ok(is_new.then_some((key, value)))
            }
            _ => Ok(None),
        }
    }

    /// Puts an entry where there was none, and writes the label.
    ///
    /// A batch of sled's would cost two writes of its log, one for the batch itself, and each wakes
    /// all threads that sled has. But sled loses nothing of its log except the end, so the order is
    /// enough: the entry, with which the pieces begin to count, comes behind them, and the label
    /// last. A crash before the entry leaves pieces of nothing, and a note of where they are.
    fn put_single(&self, key: &[u8], value: &[u8], count: u64) -> Result<(), StoreError> {
        if value.len() > CHUNK_BYTES {
            self.note(key, value.len().div_ceil(CHUNK_BYTES) as u32, count)?;
        }
        put(key, value, &mut |key, value| self.insert(key, value))?;
        self.insert(LABEL_KEY.into(), write_label(count).into())
    }

    fn note(&self, key: &[u8], chunks: u32, count: u64) -> Result<(), StoreError> {
        let note = [&count.to_be_bytes()[..], &chunks.to_be_bytes(), key].concat();
        self.insert(NOTE_KEY.into(), note)
    }

    /// Removes the pieces of an entry that a crash kept from being put, by the batch behind `count`.
    fn remove_unfinished(&self, count: u64) -> Result<(), StoreError> {
        let Some(note) = read(self.db, self.directory, NOTE_KEY)? else { return Ok(()) };
        let (noted, chunks, key) = read_note(&note).ok_or_else(|| incomplete(self.directory))?;
        if noted <= count || read(self.db, self.directory, &entry_key(key))?.is_some() {
            return Ok(());
        }
        for number in 0..chunks {
            let removed = self.db.remove(chunk_key(key, number));
            removed.map_err(|error| explain(self.directory, error))?;
        }
        Ok(())
    }

    fn insert(&self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let inserted = self.db.insert(key, value);
        inserted.map(drop).map_err(|error| explain(self.directory, error))
    }

    fn apply_batch(&self, changes: Changes, count: u64) -> Result<(), StoreError> {
        let batch = self.batch(changes, count)?;
        self.db.apply_batch(batch).map_err(|error| explain(self.directory, error))
    }

    fn batch(&self, changes: Changes, count: u64) -> Result<sled::Batch, StoreError> {
        let mut batch = sled::Batch::default();
        batch.insert(LABEL_KEY, &write_label(count));
        for (key, value) in changes {
            let before = read(self.db, self.directory, &entry_key(&key))?;
            let chunks_before = before.map_or(Ok(0), |entry| chunks(self.directory, &entry))?;
            let chunks_now = match value {
                Some(value) => put(&key, &value, &mut |key, value| {
                    batch.insert(key, value);
                    Ok(())
                })?,
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
}

/// The longest value that is put so: as much of the log as comes of it stands in two of sled's
/// segments at most, and only there does sled look for the end of what is whole.
const SINGLE_BYTES_MAX: usize = 64 * 1024;

/// Where [`Tree::put_single`] notes what it is about to put: the number of the batch, in 8 bytes, how
/// many pieces, in 4, and the key.
const NOTE_KEY: &[u8] = &[0, 0];

fn read_note(note: &[u8]) -> Option<(u64, u32, &[u8])> {
    let (count, rest) = note.split_first_chunk()?;
    let (chunks, key) = rest.split_first_chunk()?;
    let chunks = u32::from_be_bytes(*chunks);
    let is_ours = chunks as usize <= SINGLE_BYTES_MAX.div_ceil(CHUNK_BYTES);
    is_ours.then_some((u64::from_be_bytes(*count), chunks, key))
}

/// Inserts a value, the entry last, and returns in how many pieces besides the entry.
fn put(
    key: &[u8],
    value: &[u8],
    insert: &mut impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), StoreError>,
) -> Result<u32, StoreError> {
    if value.len() <= CHUNK_BYTES {
        insert(entry_key(key), [&[WHOLE], value].concat())?;
        return Ok(0);
    }
    let mut chunks = 0_u32;
    for chunk in value.chunks(CHUNK_BYTES) {
        insert(chunk_key(key, chunks), chunk.into())?;
        chunks += 1;
    }
    insert(entry_key(key), [&[CHUNKED][..], &chunks.to_be_bytes()].concat())?;
    Ok(chunks)
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

#[cfg(test)]
#[path = "tests/sled.rs"]
mod tests;
