use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::space::sync_directory;

/// What sled leaves to us of making its files durable.
///
/// Its flush writes and starts the writing back of pages (`sync_file_range`), but neither asks the
/// disk to empty its cache nor covers the length of the file: a power cut takes what was flushed.
#[derive(Debug)]
pub(super) struct SledFiles {
    directory: PathBuf,
    /// A descriptor of our own on sled's file.
    log: File,
    /// Values beyond the length of a piece never get here, but leaves of very long keys may.
    synced_blobs: BTreeSet<OsString>,
}

impl SledFiles {
    /// Opens what sled has opened, and makes durable what it wrote by that.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let mut files = Self {
            directory: directory.into(),
            log: File::options().write(true).open(directory.join("db"))?,
            synced_blobs: BTreeSet::new(),
        };
        files.sync_blobs()?;
        files.log.sync_all()?;
        // For the snapshot that sled makes of an opened log: it does not sync names.
        sync_directory(directory)?;
        Ok(files)
    }

    /// Makes everything that was flushed durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
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
