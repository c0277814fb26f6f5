use std::time::Duration;

use super::supervisor::Supervisor;
use crate::net::Clock;
use crate::store::Progress;

/// Says how far a recovery is, to the log and to the service manager: at once, and then as often as
/// [`INTERVAL_MICROS`].
pub struct Recovery {
    clock: Clock,
    supervisor: Supervisor,
    started_micros: u64,
    /// When there is something to say next.
    due_micros: u64,
}

/// Between two lines.
const INTERVAL_MICROS: u64 = 2_000_000;
/// An engine that opens its files says nothing until it is done. A second for each million records
/// is usual.
const OPENING_TIME_MAX: Duration = Duration::from_secs(600);
/// In which the next line comes, however slow the disk.
const PATIENCE: Duration = Duration::from_secs(60);

impl Recovery {
    /// A recovery that begins now with the opening of the engine.
    pub fn begin(clock: Clock, supervisor: Supervisor) -> Self {
        supervisor.starting("opening the store", OPENING_TIME_MAX);
        let now = clock.micros();
        Self { clock, supervisor, started_micros: now, due_micros: now }
    }

    /// The engine is open.
    pub fn note_opened(&mut self) {
        self.started_micros = self.clock.micros();
        self.due_micros = self.started_micros;
    }

    /// To be called as it goes on.
    pub fn note(&mut self, progress: Progress) {
        let Some(secs) = self.news(self.clock.micros()) else { return };
        // Backlogs are counted and not read, so what is on disk does not tell how much is to come.
        let Progress { records, bytes } = progress;
        let read_mib = bytes >> 20;
        if secs > 0 {
            tracing::info!(records, read_mib, secs, "recovering");
        }
        let status = format!("recovering: {records} records, {read_mib} MiB read in {secs} s");
        self.supervisor.starting(&status, PATIENCE);
    }

    /// For how many seconds it has gone on, if it is time to say so.
    fn news(&mut self, now: u64) -> Option<u64> {
        if now < self.due_micros {
            return None;
        }
        self.due_micros = now + INTERVAL_MICROS;
        Some(now.saturating_sub(self.started_micros) / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn there_are_news_at_once_and_then_every_two_seconds() {
        let (clock, supervisor) = (Clock::start(), Supervisor::none());
        let mut recovery = Recovery { clock, supervisor, started_micros: SECOND, due_micros: 0 };

        assert_eq!(recovery.news(SECOND), Some(0));
        assert_eq!(recovery.news(3 * SECOND - 1), None);
        assert_eq!(recovery.news(3 * SECOND), Some(2));
        assert_eq!(recovery.news(5 * SECOND - 1), None);
        assert_eq!(recovery.news(9 * SECOND), Some(8));
    }
}
