use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::types::Timestamp;

/// The broker's clock: milliseconds since the Unix epoch as they were when the process started,
/// counted on from there by a clock that nobody can set. So it never runs backwards, and what a
/// store keeps still means something after a restart.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_at: Timestamp,
}

impl Clock {
    /// Reads the wall clock, this once.
    pub fn start() -> Self {
        Self::start_at(Self::wall())
    }

    /// Goes on from `started_at`.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads clocks")]
    pub(super) fn start_at(started_at: Timestamp) -> Self {
        Self { started: Instant::now(), started_at }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.at(self.nanos())
    }

    /// What time it was so many nanoseconds after the start.
    pub fn at(&self, nanos: u64) -> Timestamp {
        self.started_at + Duration::from_nanos(nanos)
    }

    /// What the wall clock shows as it is set now: for comparison with times that others have written
    /// down. Before 1970 counts as 1970.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads clocks")]
    pub fn wall() -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(0) + since_epoch
    }

    /// The same in whole seconds since the Unix epoch.
    pub fn wall_secs() -> u64 {
        Self::wall().0 / 1_000
    }

    /// Microseconds since it was started.
    pub fn micros(&self) -> u64 {
        self.nanos() / 1000
    }

    /// Nanoseconds since it was started.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads clocks")]
    pub fn nanos(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_begins_in_this_century_and_never_runs_back() {
        let clock = Clock::start();
        let first = clock.now();
        let second = clock.now();

        assert!(first > Timestamp(1_577_836_800_000), "not before 2020");
        assert!(second >= first);
    }
}
