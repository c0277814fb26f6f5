//! Files that a running broker reads again: noticing that they have changed, and what is wrong with one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// By what files are told from what they were: not their content, but whatever an ordinary change
/// of it changes too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<FileStamp>>);

/// Device, inode, length, and the times of the last changes of content and of inode in nanoseconds.
type FileStamp = (u64, u64, u64, i128, i128);

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it, without any part of its contents.
    pub what: String,
}

impl Stamp {
    /// Of the files at `paths`, as they are now.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| file_stamp(path)).collect())
    }
}

impl FileError {
    /// `what` about the file at `path`.
    pub fn new(path: &Path, what: impl ToString) -> Self {
        Self { path: path.into(), what: what.to_string() }
    }
}

/// `None` if it cannot be had.
fn file_stamp(path: &Path) -> Option<FileStamp> {
    let nanos = |secs: i64, nanos: i64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
    fs::metadata(path).ok().map(|file| {
        let modified = nanos(file.mtime(), file.mtime_nsec());
        (file.dev(), file.ino(), file.len(), modified, nanos(file.ctime(), file.ctime_nsec()))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_change_is_seen() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, new) = (directory.path().join("file"), directory.path().join("new"));
        fs::write(&path, b"one").expect("written");
        let before = Stamp::of([&path]);
        assert_eq!(Stamp::of([&path]), before);

        fs::write(&new, b"two").expect("written");
        fs::rename(&new, &path).expect("put in place");

        let after = Stamp::of([&path]);
        assert_ne!(after, before);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        assert_ne!(Stamp::of([&path]), after, "who may read it is a change, too");
        assert_eq!(Stamp::of([&new]), Stamp(vec![None]));
    }
}
