//! Files with secrets, and noticing that they have changed.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What makes one state of a file differ from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    mode: u32,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong, without any part of its contents.
    pub what: String,
}

/// Permissions for users who are neither the owner nor of the group.
const OTHERS_WRITE: u32 = 0o002;
const OTHERS_READ: u32 = 0o004;

impl FileError {
    /// The file at `path` is not as it must be.
    pub fn new(path: &Path, what: impl ToString) -> Self {
        Self { path: path.to_owned(), what: what.to_string() }
    }
}

impl Stamp {
    /// Of the file at `path`; `None` where there is none to be had.
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::new(&metadata))
    }

    fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            mode: metadata.mode(),
        }
    }
}

/// The bytes of the file at `path`, at most `bytes_max`. It is refused if every user of the machine
/// can change it, with `private` also if they can read it.
///
/// # Errors
///
/// [`FileError`].
pub fn read(path: &Path, bytes_max: usize, private: bool) -> Result<Vec<u8>, FileError> {
    let failed = |error: io::Error| FileError::new(path, format!("cannot be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(FileError::new(path, "every user of this machine can change it: chmod o-w"));
    }
    if private && metadata.mode() & OTHERS_READ != 0 {
        let what = "every user of this machine can read it: chmod o-r, \
                    or set auth.allow_readable_files = true";
        return Err(FileError::new(path, what));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > bytes_max {
        return Err(FileError::new(path, format!("has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_everybody_can_read_or_change_is_no_secret() {
        for (mode, private, is_read) in [
            (0o600, true, true),
            (0o640, true, true),
            (0o644, true, false),
            (0o602, true, false),
            (0o602, false, false),
            (0o644, false, true),
        ] {
            let (_directory, path) = file(b"x");
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("ours");

            assert_eq!(read(&path, 10, private).is_ok(), is_read, "{mode:o}");
        }
    }

    #[test]
    fn a_file_has_a_bounded_length() {
        let (_directory, path) = file(b"12345");

        assert_eq!(read(&path, 5, false).expect("five bytes"), b"12345");
        assert!(read(&path, 4, false).is_err());
    }

    #[test]
    fn a_change_is_seen() {
        let (directory, path) = file(b"one");
        let before = Stamp::of(&path);
        assert_eq!(Stamp::of(&path), before);

        let new = directory.path().join("new");
        std::fs::write(&new, b"two").expect("written");
        std::fs::rename(&new, &path).expect("put in place");

        assert_ne!(Stamp::of(&path), before);
        assert_eq!(Stamp::of(&new), None);
    }

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        std::fs::write(&path, bytes).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        (directory, path)
    }
}
