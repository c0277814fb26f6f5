use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Parts;
use crate::net::{FileError, Stamp};

/// Has the files of the sources read again: when asked to, and when they have changed.
///
/// A thread of its own looks after them, because a large file takes its time.
#[derive(Debug, Clone)]
pub struct Reloader(SyncSender<Done>);

/// Dropped when everything has been read.
type Done = oneshot::Sender<()>;

/// A file, or several that are read together, and how they were when they were read last.
struct Watched {
    paths: Vec<PathBuf>,
    stamp: Stamp,
    reload: fn(&Parts) -> Result<usize, FileError>,
    what: &'static str,
}

impl Reloader {
    /// Looks every `interval` whether a file of `parts` has changed, for as long as there are any.
    ///
    /// # Errors
    ///
    /// Those of the system, which has no more threads.
    pub fn start(parts: &Arc<Parts>, interval: Duration) -> io::Result<Self> {
        // One that waits is enough: it reads everything.
        let (ask, asked) = mpsc::sync_channel(1);
        let mut watched = watched(parts);
        let parts = Arc::downgrade(parts);
        std::thread::Builder::new().name("fulmar-identity".into()).spawn(move || {
            loop {
                let wanted: Option<Done> = match asked.recv_timeout(interval) {
                    Ok(done) => Some(done),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                let Some(parts) = Weak::upgrade(&parts) else { return };
                watched.iter_mut().for_each(|files| files.look(&parts, wanted.is_some()));
                if let (true, Some(callout)) = (wanted.is_some(), &parts.callout) {
                    callout.forget();
                    tracing::info!("what was learned by HTTP is asked again");
                }
            }
        })?;
        Ok(Self(ask))
    }

    /// Has every file read again, and waits until that is done.
    pub async fn reload(&self) {
        let (done, is_done) = oneshot::channel();
        // Where one reload waits already, it will see what this one would.
        if self.0.try_send(done).is_ok() {
            let _ = is_done.await;
        }
    }
}

impl Watched {
    fn new(
        what: &'static str,
        paths: Vec<PathBuf>,
        reload: fn(&Parts) -> Result<usize, FileError>,
    ) -> Self {
        let stamp = Stamp::of(&paths);
        Self { paths, stamp, reload, what }
    }

    /// Reads the files if that is `wanted` or if they have changed.
    fn look(&mut self, parts: &Parts, wanted: bool) {
        let now = Stamp::of(&self.paths);
        if !wanted && now == self.stamp {
            return;
        }
        // A file that is broken now is read again when it changes, not each time.
        self.stamp = now;
        match (self.reload)(parts) {
            Ok(entries) => tracing::info!(entries, "{} read again", self.what),
            Err(error) => {
                tracing::error!(%error, "{} not read: the old ones stay in use", self.what);
            }
        }
    }
}

fn watched(parts: &Parts) -> Vec<Watched> {
    let mut watched = Vec::new();
    if let Some(passwords) = &parts.passwords {
        let paths = vec![passwords.path().clone()];
        watched.push(Watched::new("passwords", paths, |parts| {
            parts.passwords.as_ref().map_or(Ok(0), |passwords| passwords.reload())
        }));
    }
    if let Some(tokens) = &parts.tokens {
        let paths = tokens.paths().cloned().collect();
        watched.push(Watched::new("keys of tokens", paths, |parts| {
            parts.tokens.as_ref().map_or(Ok(0), |tokens| tokens.reload())
        }));
    }
    if let Some(path) = parts.rules.path() {
        let paths = vec![path.clone()];
        watched.push(Watched::new("rules about topics", paths, |parts| parts.rules.reload()));
    }
    watched
}
