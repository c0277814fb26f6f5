use std::any::Any;
use std::io;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::StoreError;
use super::space::{sync_directory, with_suffix};

/// How long an engine may take to stop its threads. A thread of it that met damage never stops.
const CLOSE_WAIT: Duration = Duration::from_secs(10);
/// Damaged directories that may stand beside each other.
const ASIDE_MAX: u32 = 1_000;

/// What becomes of an engine's directory that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// It stays as it is, and nothing is started.
    Stop,
    /// It is [set aside](set_aside), and there is a new one.
    StartEmpty,
}

/// Has `open` open a store, and once more if what it found is damaged and to be set aside.
///
/// # Errors
///
/// As `open`, of which a format that is not known is no damage; [`StoreError::Io`] if the directory
/// cannot be set aside.
pub fn withstand<T>(
    on_damage: OnDamage,
    mut open: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match (open(), on_damage) {
        (Err(StoreError::Damaged { directory, what }), OnDamage::StartEmpty) => {
            let aside = set_aside(&directory)?;
            let (directory, aside) = (directory.display(), aside.display());
            tracing::error!(
                "{directory} is damaged ({what}): it was set aside as {aside}, the store is empty"
            );
            open()
        }
        (other, _) => other,
    }
}

/// Moves a damaged directory out of the way and returns where it is now, so that a store can be
/// opened empty and nothing is destroyed. Nobody may have it open.
///
/// # Errors
///
/// [`io::Error`] if it cannot be renamed, or if a thousand stand aside already.
pub fn set_aside(directory: &Path) -> io::Result<PathBuf> {
    move_aside(directory, directory)
}

/// The same with what stands at `directory` now, under the name that `original` would get.
pub(super) fn move_aside(directory: &Path, original: &Path) -> io::Result<PathBuf> {
    let target = (1..=ASIDE_MAX).map(|number| aside(original, number)).find(|path| !path.exists());
    let target = target.ok_or_else(|| {
        io::Error::other(format!("{} was set aside too often", original.display()))
    })?;
    std::fs::rename(directory, &target)?;
    if let Some(parent) = directory.parent() {
        sync_directory(parent)?;
    }
    Ok(target)
}

fn aside(directory: &Path, number: u32) -> PathBuf {
    with_suffix(directory, &format!(".damaged-{number}"))
}

/// Runs a call into an engine that panics where it finds what it cannot have written.
pub(super) fn contained<T>(
    directory: &Path,
    call: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(StoreError::damaged(directory, text(panic.as_ref()))))
}

/// Whether an engine's files are not what they should be, rather than out of reach: one that another
/// names is not there, or is shorter than another says.
pub(super) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | NotFound | InvalidInput | InvalidData)
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the engine gave up: {}", text.unwrap_or("it does not say why"))
}

/// An engine that is dropped without waiting for ever for its threads.
#[derive(Debug)]
pub(super) struct Running<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Running<T> {
    pub(super) fn new(engine: T) -> Self {
        Self(Some(engine))
    }
}

impl<T: Send + 'static> Deref for Running<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only dropping takes it")
    }
}

impl<T: Send + 'static> Drop for Running<T> {
    fn drop(&mut self) {
        if let Some(engine) = self.0.take() {
            close(engine);
        }
    }
}

fn close<T: Send + 'static>(engine: T) {
    let (done, closed) = mpsc::channel();
    let closing = move || {
        drop(catch_unwind(AssertUnwindSafe(|| drop(engine))));
        drop(done);
    };
    if thread::Builder::new().name("store-close".into()).spawn(closing).is_ok() {
        // Either way it ends: by the sender that is dropped or by the time that is over.
        let _: Result<(), _> = closed.recv_timeout(CLOSE_WAIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_damage_and_says_what_the_engine_said() {
        let result: Result<(), _> = contained(Path::new("/data/sled"), || panic!("page {}", 7));
        let error = result.expect_err("it panicked");
        assert_eq!(error.to_string(), "store: /data/sled is damaged: the engine gave up: page 7");
    }

    #[test]
    fn damage_is_set_aside_only_where_that_is_wanted() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let engine = dir.path().join("sled");
        std::fs::create_dir(&engine).expect("made");
        let open = || match engine.exists() {
            true => Err(StoreError::damaged(&engine, "flipped")),
            false => Ok(()),
        };

        withstand(OnDamage::Stop, open).expect_err("damaged");
        assert!(engine.exists());
        withstand(OnDamage::StartEmpty, open).expect("empty");
        assert!(dir.path().join("sled.damaged-1").exists());
    }

    #[test]
    fn another_format_is_never_set_aside() {
        let directory = Path::new("/data/sled");
        let open = || -> Result<(), _> {
            Err(StoreError::Version { directory: directory.into(), found: "9".into(), known: 1 })
        };
        let error = withstand(OnDamage::StartEmpty, open).expect_err("another format");
        assert!(matches!(error, StoreError::Version { .. }), "{error}");
    }

    #[test]
    fn a_directory_is_set_aside_under_a_name_that_is_free() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let engine = dir.path().join("sled");

        for number in 1..=2 {
            std::fs::create_dir(&engine).expect("made");
            let moved = set_aside(&engine).expect("moved");
            assert_eq!(moved, dir.path().join(format!("sled.damaged-{number}")));
            assert!(moved.exists() && !engine.exists());
        }
        set_aside(&engine).expect_err("there is none");
    }
}
