use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// SIGHUP, which no longer kills the process once this exists.
pub struct Hangups(Option<Signal>);

impl Hangups {
    /// Those from this call on, also the ones before the first look. To be called within a runtime.
    pub fn hear() -> Self {
        let hangup = signal(SignalKind::hangup());
        Self(hangup.inspect_err(|error| tracing::warn!(%error, "no SIGHUP")).ok())
    }

    /// Waits for the next: for ever, if the system gives none.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Some(hangup) => _ = hangup.recv().await,
            None => std::future::pending().await,
        }
        tracing::info!(signal = "SIGHUP", "signal received");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn a_hangup_counts_from_the_call_and_does_not_end_the_process() {
        let mut hangups = Hangups::hear();
        kill_process(getpid(), Signal::HUP).expect("it is ours");

        let next = tokio::time::timeout(Duration::from_secs(30), hangups.next());

        next.await.expect("heard");
    }
}
