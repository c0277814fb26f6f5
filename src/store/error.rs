use std::io;
use std::path::{Path, PathBuf};

/// The engine could not do what it was asked.
///
/// After [`StoreError::Full`] nothing has happened and the same may be tried again. After any other
/// error of a write the store takes no more writes until it is opened anew.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system or the engine refused.
    #[error("store: {0}")]
    Io(#[from] io::Error),
    /// The operations would leave less room on the disk than is kept free.
    #[error("store: the disk is full: {free_bytes} bytes free, {kept_bytes} are to stay free")]
    Full {
        /// What the file system has left for this user.
        free_bytes: u64,
        /// What must be left after a write.
        kept_bytes: u64,
    },
    /// What was written is not there or cannot be understood.
    #[error("store: {} is damaged: {what}", directory.display())]
    Damaged {
        /// What [`set_aside`](super::set_aside) moves away.
        directory: PathBuf,
        /// For the operator.
        what: String,
    },
    /// Another process has the data directory open.
    #[error("the data directory {} is in use by {}", directory.display(), holder(*pid))]
    Locked {
        /// The data directory.
        directory: PathBuf,
        /// Whose it is, if that can be known.
        pid: Option<u32>,
    },
    /// Written in a format that this version does not read.
    #[error("store: {} has format {found}, this version reads format {known}", directory.display())]
    Version {
        /// The engine's directory.
        directory: PathBuf,
        /// What was found.
        found: String,
        /// What can be read.
        known: u32,
    },
}

impl StoreError {
    pub(super) fn damaged(directory: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { directory: directory.into(), what: what.into() }
    }

    /// What a caller gets that goes on writing after a write has failed.
    pub(super) fn failed_before() -> Self {
        io::Error::other("an earlier write failed; the store must be opened anew").into()
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another broker".into(), |pid| format!("the broker with process id {pid}"))
}
