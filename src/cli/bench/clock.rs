use std::time::{Duration, Instant};

/// Nanoseconds since the generator began: what the stamps carry.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn nanos(self) -> u64 {
        nanos(self.0.elapsed())
    }
}

/// A duration in nanoseconds; more than 584 years are that.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
