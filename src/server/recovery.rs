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

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
struct News {
    percent: u64,
    records: u64,
    /// If it goes on as it has begun; `None` as long as that is anybody's guess.
    secs_left: Option<u64>,
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
        let now = self.clock.micros();
        let Some(News { percent, records, secs_left }) = self.news(progress, now) else { return };
        let mut status = format!("recovering: {percent} %, {records} records");
        if let Some(secs_left) = secs_left {
            tracing::info!(percent, records, secs_left, "recovering");
            status.push_str(&format!(", about {secs_left} s left"));
        }
        self.supervisor.starting(&status, PATIENCE);
    }

    fn news(&mut self, progress: Progress, now: u64) -> Option<News> {
        if now < self.due_micros {
            return None;
        }
        self.due_micros = now + INTERVAL_MICROS;
        let Progress { records, bytes, bytes_total } = progress;
        // What a store takes up on disk is not all to be read, or is read more than once.
        let percent = (bytes.saturating_mul(100) / bytes_total.max(1)).min(99);
        let elapsed = now.saturating_sub(self.started_micros);
        let secs_left = (elapsed >= INTERVAL_MICROS).then(|| {
            let left = bytes_total.saturating_sub(bytes) as f64 / bytes.max(1) as f64;
            (elapsed as f64 / 1e6 * left).ceil() as u64
        });
        Some(News { percent, records, secs_left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn there_are_news_at_once_and_then_every_two_seconds() {
        let mut recovery = recovery();
        let mut at = |micros| recovery.news(progress(1), micros).is_some();

        assert!(at(0));
        assert!(!at(2 * SECOND - 1));
        assert!(at(2 * SECOND));
        assert!(!at(4 * SECOND - 1));
        assert!(at(9 * SECOND));
    }

    #[test]
    fn what_is_left_takes_as_long_as_what_is_done() {
        let news = recovery().news(progress(200), 3 * SECOND);
        assert_eq!(news, Some(News { percent: 20, records: 200, secs_left: Some(12) }));
    }

    #[test]
    fn the_first_moments_tell_nothing_of_the_last() {
        let news = recovery().news(progress(200), 2 * SECOND - 1);
        assert_eq!(news, Some(News { percent: 20, records: 200, secs_left: None }));
    }

    #[test]
    fn more_than_expected_is_not_more_than_all() {
        let news = recovery().news(progress(2000), 3 * SECOND);
        assert_eq!(news, Some(News { percent: 99, records: 2000, secs_left: Some(0) }));
    }

    /// So many of 1000.
    fn progress(bytes: u64) -> Progress {
        Progress { records: bytes, bytes, bytes_total: 1000 }
    }

    fn recovery() -> Recovery {
        let (clock, supervisor) = (Clock::start(), Supervisor::none());
        Recovery { clock, supervisor, started_micros: 0, due_micros: 0 }
    }
}
