use std::time::Duration;

use sd_notify::NotifyState::{self, ExtendTimeoutUsec, Ready, Status, Stopping};

/// The service manager that started the process: it hears how far a start is, that the server is
/// ready, and that it stops (sd_notify(3)). Without one nobody does.
#[derive(Debug, Clone, Copy)]
pub struct Supervisor {
    listens: bool,
}

impl Supervisor {
    /// The one of this process, if it has one.
    pub fn of_process() -> Self {
        Self { listens: true }
    }

    /// None: the server is a part of a process that has its own news.
    pub fn none() -> Self {
        Self { listens: false }
    }

    /// The server is not ready yet, and will have more to tell within `at_most`.
    pub fn starting(self, status: &str, at_most: Duration) {
        self.tell(&[Status(status), extend(at_most)]);
    }

    /// Clients are served.
    pub fn ready(self) {
        self.tell(&[Ready, Status("serving")]);
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
