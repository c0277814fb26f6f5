use super::Broker;
use super::sys::Values;

/// How the lock around the broker was held and waited for, for whoever looks after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LockReport {
    /// Each time from getting it to giving it back.
    pub held: LockTimes,
    /// Each time that somebody had to wait for it because somebody else had it.
    pub waited: LockTimes,
}

/// Times of one kind, in nanoseconds since the start unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LockTimes {
    /// How many.
    pub count: u64,
    /// All together.
    pub total: u64,
    /// The longest.
    pub longest: u64,
    /// The longest since the last report.
    pub longest_recently: u64,
    /// How many were longer than a millisecond.
    pub over_1ms: u64,
}

impl LockReport {
    /// What is recent begins now.
    pub fn forget_recent(&mut self) {
        self.held.longest_recently = 0;
        self.waited.longest_recently = 0;
    }

    /// The newer report of two, if nothing was published between them.
    fn following(mut self, before: &Self) -> Self {
        for (now, before) in [(&mut self.held, before.held), (&mut self.waited, before.waited)] {
            now.longest_recently = now.longest_recently.max(before.longest_recently);
        }
        self
    }
}

impl LockTimes {
    /// One more.
    pub fn add(&mut self, nanos: u64) {
        self.count += 1;
        self.total += nanos;
        self.longest = self.longest.max(nanos);
        self.longest_recently = self.longest_recently.max(nanos);
        self.over_1ms += u64::from(nanos > 1_000_000);
    }
}

impl Broker {
    /// Takes note of what `$SYS/broker/lock` is to say from now on.
    pub fn handle_lock_report(&mut self, report: LockReport) {
        self.sys.lock = Some(match &self.sys.lock {
            Some(before) => report.following(before),
            None => report,
        });
    }
}

/// The values below `$SYS/broker/lock/`, with their topics below `$SYS/broker/`.
pub(super) fn values(report: &LockReport) -> Values {
    [("held", report.held), ("waited", report.waited)].into_iter().flat_map(times).collect()
}

fn times((kind, times): (&str, LockTimes)) -> [(String, String); 5] {
    [
        ("count", times.count),
        ("total_us", times.total / 1000),
        ("max_us", times.longest / 1000),
        ("recent_max_us", times.longest_recently / 1000),
        ("over_1ms", times.over_1ms),
    ]
    .map(|(name, value)| (format!("lock/{kind}/{name}"), value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_longer_than_a_millisecond_counts_as_that() {
        let mut times = LockTimes::default();

        times.add(1_000_000);
        assert_eq!(times.over_1ms, 0);
        times.add(1_000_001);

        let both = LockTimes {
            count: 2,
            total: 2_000_001,
            longest: 1_000_001,
            longest_recently: 1_000_001,
            over_1ms: 1,
        };
        assert_eq!(times, both);
    }
}
