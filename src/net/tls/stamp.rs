use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Tls;

/// By what files are told from what they were: not their content, but whatever an ordinary change
/// of it changes too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<FileStamp>>);

/// Inode, length, and the times of the last changes of content and of inode in nanoseconds.
type FileStamp = (u64, u64, i128, i128);

impl Stamp {
    /// Of all files of `tls`, as they are now.
    pub fn of(tls: &Tls) -> Self {
        Self(files(tls).map(|path| file_stamp(path)).collect())
    }
}

fn files(tls: &Tls) -> impl Iterator<Item = &PathBuf> {
    tls.cert.iter().chain(&tls.key).chain(&tls.ca).chain(&tls.crl)
}

/// `None` if it cannot be had.
fn file_stamp(path: &Path) -> Option<FileStamp> {
    let nanos = |secs: i64, nanos: i64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
    fs::metadata(path).ok().map(|file| {
        let changed = nanos(file.ctime(), file.ctime_nsec());
        (file.ino(), file.len(), nanos(file.mtime(), file.mtime_nsec()), changed)
    })
}
