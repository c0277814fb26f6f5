use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::StoreError;

const BALLAST_NAME: &str = "ballast";
const BALLAST_BLOCK_BYTES: usize = 64 * 1024;

/// Keeps a part of the file system free, because an engine that once meets a full disk is of no
/// use any more, not even to delete.
#[derive(Debug, Clone)]
pub(super) struct Watermark {
    directory: PathBuf,
    kept_bytes: u64,
}

impl Watermark {
    pub(super) fn new(directory: &Path, kept_bytes: u64) -> Self {
        Self { directory: directory.into(), kept_bytes }
    }

    /// Refuses what would leave less than is kept. What only deletes may use half of what is kept:
    /// without that nothing would ever get free.
    pub(super) fn admit(&self, writes_bytes: u64, deletes_only: bool) -> Result<(), StoreError> {
        if self.kept_bytes == 0 {
            return Ok(());
        }
        let free_bytes = free_bytes(&self.directory)?;
        let kept_bytes = if deletes_only { self.kept_bytes / 2 } else { self.kept_bytes };
        if free_bytes < kept_bytes.saturating_add(writes_bytes) {
            return Err(StoreError::Full { free_bytes, kept_bytes });
        }
        Ok(())
    }
}

/// A file of no use but its size: given up when the disk is full, it makes the room in which the
/// store can be opened, folded, drained or repaired.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
}

impl Ballast {
    /// The ballast of `directory`, whether there is any or not.
    pub fn of(directory: &Path) -> Self {
        Self { path: directory.join(BALLAST_NAME) }
    }

    /// Makes sure that there are `bytes` of it. What is there is kept.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if there is no room for it: then no part of it remains.
    pub fn lay(&self, bytes: u64) -> io::Result<()> {
        if self.bytes()? != bytes {
            fill(&self.path, bytes).inspect_err(|_| drop(fs::remove_file(&self.path)))?;
        }
        Ok(())
    }

    /// Gives the room back, and says how much it was; 0 if it was given back before.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the file cannot be removed.
    pub fn release(&self) -> io::Result<u64> {
        let bytes = self.bytes()?;
        if bytes > 0 {
            fs::remove_file(&self.path)?;
        }
        Ok(bytes)
    }

    /// How much there is.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the file system does not say.
    pub fn bytes(&self) -> io::Result<u64> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Bytes that an unprivileged process may still write to the file system of `path`.
///
/// # Errors
///
/// [`io::Error`] if the file system does not say.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(path)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Bytes of disk that the files below `directory` take up: blocks, not lengths, because engines
/// make files longer than what is in them.
pub(super) fn occupied_bytes(directory: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // A file that the engine has removed since counts nothing.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += metadata.blocks() * 512;
        if metadata.is_dir() {
            bytes += occupied_bytes(&entry.path())?;
        }
    }
    Ok(bytes)
}

/// Makes the entries of a directory as durable as the files that they name.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes all files below a directory durable, and all names.
pub(super) fn sync_all_below(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all_below(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_directory(directory)
}

/// Removes a directory, if it is there.
pub(super) fn remove_all(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The same path with more to its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Makes a file that takes up so much room: a hole takes none.
///
/// Asked for the room as such a file system gives it at once, which spares a slow disk the writing.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::create(path)?;
    if bytes == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => file.sync_all(),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_noise(file, bytes),
        Err(error) => Err(error.into()),
    }
}

/// For file systems that cannot be asked. Not zeros: one that compresses gives no room to those.
fn write_noise(mut file: File, bytes: u64) -> io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut left = bytes;
    while left > 0 {
        let block = noise(&mut state);
        let length = left.min(block.len() as u64);
        file.write_all(&block[..length as usize])?;
        left -= length;
    }
    file.sync_all()
}

fn noise(state: &mut u64) -> Vec<u8> {
    let mut block = Vec::with_capacity(BALLAST_BLOCK_BYTES);
    while block.len() < BALLAST_BLOCK_BYTES {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        block.extend_from_slice(&state.to_le_bytes());
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_free() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let free = free_bytes(dir.path()).expect("known");

        let roomy = Watermark::new(dir.path(), free / 2);
        assert!(roomy.admit(0, false).is_ok());
        assert!(matches!(roomy.admit(free, false), Err(StoreError::Full { .. })));

        let tight = Watermark::new(dir.path(), free + free / 2);
        assert!(matches!(tight.admit(0, false), Err(StoreError::Full { .. })));
        assert!(tight.admit(0, true).is_ok(), "deleting is what makes room");
        assert!(Watermark::new(dir.path(), u64::MAX).admit(0, true).is_err());
    }

    #[test]
    fn ballast_takes_room_once_and_gives_it_back_once() {
        const BYTES: u64 = 1_000_001;
        let dir = tempfile::tempdir().expect("temporary directory");

        let ballast = Ballast::of(dir.path());
        ballast.lay(BYTES).expect("laid");
        ballast.lay(BYTES).expect("there already");
        assert!(occupied_bytes(dir.path()).expect("counted") >= BYTES);

        assert_eq!(ballast.release().expect("released"), BYTES);
        assert_eq!(ballast.release().expect("released"), 0);
        assert_eq!(occupied_bytes(dir.path()).expect("counted"), 0);
    }

    #[test]
    fn ballast_of_another_size_is_laid_anew() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let ballast = Ballast::of(dir.path());
        ballast.lay(10).expect("laid");
        ballast.lay(20).expect("laid");
        assert_eq!(ballast.release().expect("released"), 20);
    }

    #[test]
    fn ballast_is_written_where_a_file_system_gives_no_room_on_demand() {
        const BYTES: u64 = BALLAST_BLOCK_BYTES as u64 + 1;
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join(BALLAST_NAME);

        write_noise(File::create(&path).expect("created"), BYTES).expect("written");

        assert_eq!(Ballast::of(dir.path()).bytes().expect("counted"), BYTES);
        assert!(occupied_bytes(dir.path()).expect("counted") >= BYTES);
    }
}
