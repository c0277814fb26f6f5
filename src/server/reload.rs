use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use super::listeners::Bound;
use super::signals::Hangups;
use super::supervisor::Supervisor;
use crate::identity::Reloader;
use crate::net::tls::Tls;
use crate::net::{Clock, Shared};
use crate::types::Timestamp;

/// How often the files of TLS listeners are looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often certificates that are about to end are named again.
const REMINDER: Duration = Duration::from_secs(24 * 3_600);

/// Has every file read again at each hangup, and the service manager told when that begins and when it
/// is done. Files are looked at in between, for as long as this goes on.
pub async fn obey(
    mut hangups: Hangups,
    sources: Reloader,
    tls: Option<TlsReloader>,
    supervisor: Supervisor,
) {
    loop {
        hangups.next().await;
        supervisor.reloading();
        sources.reload().await;
        if let Some(tls) = &tls {
            tls.reload().await;
        }
        supervisor.ready();
    }
}

/// Has the files of TLS listeners read again: when they change, and when it is told to. A thread of
/// its own does it, because files may be slow; it ends with this.
#[derive(Debug)]
pub struct TlsReloader(SyncSender<Done>);

/// Dropped when everything has been read.
type Done = oneshot::Sender<()>;

/// The TLS of one listener.
struct Watched {
    listener: String,
    tls: Arc<Tls>,
}

impl TlsReloader {
    /// Watches the files of `listeners`, warns of certificates that are about to end, and tells `shared`
    /// when they do, for as long as that is there.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(listeners: &[Bound], shared: &Arc<Shared>) -> io::Result<Self> {
        let mut watched: Vec<Watched> = listeners.iter().filter_map(Watched::of).collect();
        // The sockets of one listener stand side by side. Two looks at once would find any change settled.
        watched.dedup_by(|one, other| Arc::ptr_eq(&one.tls, &other.tls));
        let (orders, ordered) = sync_channel(1);
        if !watched.is_empty() {
            let (clock, shared) = (shared.clock, Arc::downgrade(shared));
            let watch = move || watch(&watched, &ordered, clock, &shared);
            std::thread::Builder::new().name("fulmar-tls".into()).spawn(watch)?;
        }
        Ok(Self(orders))
    }

    /// Has every file read again, and waits until that is done.
    pub async fn reload(&self) {
        let (done, is_done) = oneshot::channel();
        // Without a listener with TLS nobody takes the order.
        if self.0.try_send(done).is_ok() {
            let _ = is_done.await;
        }
    }
}

fn watch(watched: &[Watched], ordered: &Receiver<Done>, clock: Clock, shared: &Weak<Shared>) {
    watched.iter().for_each(Watched::remind);
    let mut told = Vec::new();
    let mut reminded = clock.now();
    loop {
        let ends: Vec<_> = watched.iter().filter_map(Watched::end).collect();
        if let (Some(shared), true) = (shared.upgrade(), ends != told) {
            shared.note_certificates(&ends);
            told = ends;
        }
        let all = match ordered.recv_timeout(INTERVAL) {
            Ok(done) => Some(done),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for watched in watched.iter().filter(|watched| all.is_some() || watched.tls.has_changed()) {
            watched.reload();
        }
        if clock.now().since(reminded) >= REMINDER {
            reminded = clock.now();
            watched.iter().for_each(Watched::remind);
        }
    }
}

impl Watched {
    fn of(bound: &Bound) -> Option<Self> {
        let tls = bound.tls.clone()?;
        Some(Self { listener: bound.name().into(), tls })
    }

    /// The name of the listener, and when the first of its certificates ends.
    fn end(&self) -> Option<(String, Timestamp)> {
        let ends = self.tls.expiries().into_iter().map(|expiry| expiry.not_after);
        Some((self.listener.clone(), ends.min()?))
    }

    fn reload(&self) {
        let listener = &self.listener;
        match self.tls.reread() {
            Ok(()) => {
                tracing::info!(listener, "certificates and keys were read again");
                self.remind();
            }
            Err(problems) => {
                for problem in problems {
                    tracing::error!(listener, %problem, "the certificates and keys from before stay in use");
                }
            }
        }
    }

    fn remind(&self) {
        let now = Clock::wall();
        for expiry in self.tls.expiries() {
            if let Some(warning) = expiry.warning(now) {
                let (listener, file) = (&self.listener, expiry.path.display());
                tracing::warn!(listener, %file, name = expiry.name, "a certificate {warning}");
            }
        }
    }
}
