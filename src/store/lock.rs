use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::StoreError;

const FILE_NAME: &str = "fulmar.lock";

/// How often a lock that somebody has is tried again.
const TRIES: usize = 50;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// The right to use a data directory: one process at a time has it, until it drops it or dies.
/// Clones share it: it is free when the last of them is dropped.
#[derive(Debug, Clone)]
pub struct DirectoryLock {
    /// The kernel's lock goes with this descriptor, so a crash leaves no stale lock.
    _file: Arc<File>,
}

impl DirectoryLock {
    /// Takes the lock of an existing directory.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if another process, or another part of this one, has it;
    /// [`StoreError::Io`] if the file in the directory cannot be opened or locked.
    pub fn acquire(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE_NAME);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match patiently(|| file.try_lock(), |error| matches!(error, TryLockError::WouldBlock)) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    directory: directory.into(),
                    pid: pid(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // The number is for the message of whoever comes second; the lock itself needs no content.
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: Arc::new(file) })
    }
}

/// Takes a lock, and waits a second for it: the child of a fork has the locks of its parent until it
/// becomes another program, and an engine may let go of its own a moment after it is closed.
#[expect(clippy::disallowed_methods, reason = "whoever opens a store serves nobody yet")]
pub(super) fn patiently<T, E>(
    mut take: impl FnMut() -> Result<T, E>,
    is_taken: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 1..TRIES {
        match take() {
            Err(error) if is_taken(&error) => thread::sleep(PAUSE),
            taken => return taken,
        }
    }
    take()
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a holder that takes its time")]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_has_it() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let _first = DirectoryLock::acquire(dir.path()).expect("nobody has it");

        let error = DirectoryLock::acquire(dir.path()).expect_err("it is taken");

        let expected = format!(
            "the data directory {} is in use by the broker with process id {}",
            dir.path().display(),
            std::process::id()
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_lock_that_is_given_back_in_a_moment_is_waited_for() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let first = DirectoryLock::acquire(dir.path()).expect("nobody has it");
        let holder = thread::spawn(move || {
            thread::sleep(PAUSE * 3);
            drop(first);
        });

        assert!(DirectoryLock::acquire(dir.path()).is_ok());
        holder.join().expect("it only waits");
    }

    #[test]
    fn without_a_number_the_message_still_names_the_directory() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let _first = DirectoryLock::acquire(dir.path()).expect("nobody has it");
        std::fs::write(dir.path().join(FILE_NAME), "?").expect("written");

        let error = DirectoryLock::acquire(dir.path()).expect_err("it is taken");

        assert!(matches!(&error, StoreError::Locked { pid: None, .. }));
        assert!(error.to_string().ends_with("is in use by another broker"), "{error}");
    }

    #[test]
    fn a_dropped_lock_is_free() {
        let dir = tempfile::tempdir().expect("temporary directory");
        drop(DirectoryLock::acquire(dir.path()).expect("nobody has it"));
        DirectoryLock::acquire(dir.path()).expect("nobody has it any more");
    }
}
