use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::reload::TlsReloader;
use super::supervisor::Supervisor;
use crate::identity::Reloader;

/// SIGTERM and SIGINT, which no longer kill the process once this exists.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// To be called within a runtime.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of either.
    pub async fn next(&mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "signal received");
    }
}

/// Has files read again at each SIGHUP, and the service manager told when that begins and when it is
/// done. From the call on SIGHUP does not kill the process any more, also before the first poll. To be
/// called within a runtime.
pub fn reload_on_hangup(
    sources: Reloader,
    tls: Option<TlsReloader>,
    supervisor: Supervisor,
) -> impl Future<Output = ()> {
    let hangup = signal(SignalKind::hangup());
    async move {
        match hangup {
            Ok(mut hangup) => {
                while hangup.recv().await.is_some() {
                    tracing::info!(signal = "SIGHUP", "signal received");
                    supervisor.reloading();
                    sources.reload().await;
                    if let Some(tls) = &tls {
                        tls.reload().await;
                    }
                    supervisor.ready();
                }
            }
            Err(error) => tracing::warn!(%error, "no SIGHUP"),
        }
        // Files are looked at without it, too, for as long as the reloaders are there.
        std::future::pending::<()>().await;
    }
}
