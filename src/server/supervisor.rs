use std::time::Duration;

use sd_notify::NotifyState::{
    self, ExtendTimeoutUsec, Ready, Reloading, Status, Stopping, Watchdog,
};

/// The service manager that started the process: it hears how far a start is, that the server is
/// ready, that it reads its files again, that it is alive, and that it stops (sd_notify(3)). Without
/// one nobody does.
#[derive(Debug, Clone, Copy)]
pub struct Supervisor {
    listens: bool,
}

impl Supervisor {
    /// The one of this process, if it has one.
    pub fn of_process() -> Self {
        Self { listens: std::env::var_os("NOTIFY_SOCKET").is_some() }
    }

    /// None: the server is a part of a process that has its own news.
    pub fn none() -> Self {
        Self { listens: false }
    }

    /// Whether there is one.
    pub fn listens(self) -> bool {
        self.listens
    }

    /// After how long without [`Self::alive`] it takes the server for dead; `None` if it never does.
    pub fn watchdog_patience(self) -> Option<Duration> {
        let patience = sd_notify::watchdog_enabled().filter(|_| self.listens);
        patience.filter(|patience| !patience.is_zero())
    }

    /// The server is not ready yet, and will have more to tell within `at_most`.
    pub fn starting(self, status: &str, at_most: Duration) {
        self.tell(&[Status(status), extend(at_most)]);
    }

    /// Clients are served.
    pub fn ready(self) {
        self.tell(&[Ready, Status("serving")]);
    }

    /// Files are read again; [`Self::ready`] is the end of it.
    pub fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[Reloading, now, Status("reading files again")]),
            Err(error) => tracing::debug!(%error, "no clock for the service manager"),
        }
    }

    /// Clients are served still, and this is how busy it is.
    pub fn serving(self, status: &str) {
        self.tell(&[Status(status)]);
    }

    /// It goes on.
    pub fn alive(self) {
        self.tell(&[Watchdog]);
    }

    /// The server ends, within `at_most`.
    pub fn stopping(self, status: &str, at_most: Duration) {
        self.tell(&[Stopping, Status(status), extend(at_most)]);
    }

    fn tell(self, news: &[NotifyState<'_>]) {
        if !self.listens {
            return;
        }
        if let Err(error) = sd_notify::notify(news) {
            tracing::debug!(%error, "the service manager was not reached");
        }
    }
}

fn extend(time: Duration) -> NotifyState<'static> {
    ExtendTimeoutUsec(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
}
