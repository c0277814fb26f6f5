use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// Has the files of the sources of credentials read again at each SIGHUP. From the call on SIGHUP does
/// not kill the process any more, also before the first poll. To be called within a runtime.
pub fn reload_on_hangup(reloader: Reloader) -> impl Future<Output = ()> {
    let hangup = signal(SignalKind::hangup());
    async move {
        let Ok(mut hangup) = hangup.inspect_err(|error| tracing::warn!(%error, "no SIGHUP")) else {
            return;
        };
        while hangup.recv().await.is_some() {
            tracing::info!(signal = "SIGHUP", "signal received");
            reloader.reload();
        }
    }
}
