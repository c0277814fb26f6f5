use std::time::Duration;

use crate::types::Timestamp;

/// How fast a [`Bucket`] fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    units: u64,
    interval_nanos: u64,
    burst: u64,
}

/// A token bucket in eight bytes: of what was taken it knows only when all of it will be back.
///
/// The default is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    /// In nanoseconds of the broker's clock.
    full_at: u64,
}

const NANOS_PER_MILLI: u64 = 1_000_000;

impl Rate {
    /// `units` come back in each `interval`, and at most `burst` are there at once. Both are at least
    /// one.
    pub fn new(units: u64, interval: Duration, burst: u64) -> Self {
        let interval_nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        Self { units: units.max(1), interval_nanos, burst: burst.max(1) }
    }

    /// The most that can be taken at once.
    pub fn burst(&self) -> u64 {
        self.burst
    }

    /// In how many nanoseconds so many units come back.
    fn nanos_for(&self, units: u64) -> u64 {
        let nanos = u128::from(units) * u128::from(self.interval_nanos) / u128::from(self.units);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

impl Bucket {
    /// Takes one unit, if one is there.
    pub fn take(&mut self, rate: &Rate, now: Timestamp) -> bool {
        let now = nanos(now);
        let full_at = self.full_at.max(now).saturating_add(rate.nanos_for(1));
        let enough = full_at - now <= rate.nanos_for(rate.burst);
        if enough {
            self.full_at = full_at;
        }
        enough
    }

    /// Takes `units`, whether they are there or not. Returns until when it owes some.
    pub fn spend(&mut self, units: u64, rate: &Rate, now: Timestamp) -> Option<Timestamp> {
        self.full_at = self.full_at.max(nanos(now)).saturating_add(rate.nanos_for(units));
        self.owes_until(rate, now)
    }

    /// Until when more was taken than there was; `None` if it owes nothing.
    pub fn owes_until(&self, rate: &Rate, now: Timestamp) -> Option<Timestamp> {
        let paid_at = self.full_at.saturating_sub(rate.nanos_for(rate.burst));
        (paid_at > nanos(now)).then(|| Timestamp(paid_at.div_ceil(NANOS_PER_MILLI)))
    }

    /// The first moment at which everything is there that it holds, if nothing more is taken.
    pub fn full_at(&self) -> Timestamp {
        Timestamp(self.full_at.div_ceil(NANOS_PER_MILLI))
    }

    /// Whether everything is there that it holds: then it is as good as a new one.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full_at() <= now
    }
}

fn nanos(time: Timestamp) -> u64 {
    time.0.saturating_mul(NANOS_PER_MILLI)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn a_burst_is_there_at_once_and_one_more_is_not() {
        let (rate, mut bucket) = (per_second(2, 3), Bucket::default());

        let taken = [(); 4].map(|()| bucket.take(&rate, NOW));

        assert_eq!(taken, [true, true, true, false]);
    }

    #[test]
    fn what_was_taken_comes_back_at_the_rate() {
        let (rate, mut bucket) = (per_second(2, 3), Bucket::default());
        while bucket.take(&rate, NOW) {}

        assert!(!bucket.take(&rate, after(499)));
        assert!(bucket.take(&rate, after(500)));
        assert!(!bucket.take(&rate, after(999)));
    }

    #[test]
    fn a_long_pause_gives_no_more_than_a_burst() {
        let (rate, mut bucket) = (per_second(2, 3), Bucket::default());
        while bucket.take(&rate, NOW) {}
        assert_eq!(bucket.full_at(), after(1_500));
        assert!(!bucket.is_full(after(1_499)));
        assert!(bucket.is_full(after(1_500)));

        let taken = [(); 4].map(|()| bucket.take(&rate, after(3_600_000)));

        assert_eq!(taken, [true, true, true, false]);
    }

    #[test]
    fn a_debt_is_paid_at_the_rate() {
        let (rate, mut bucket) = (per_second(10, 5), Bucket::default());

        assert_eq!(bucket.spend(5, &rate, NOW), None, "all that was there");
        assert_eq!(bucket.spend(10, &rate, NOW), Some(after(1_000)));
        assert_eq!(bucket.owes_until(&rate, after(999)), Some(after(1_000)));
        assert_eq!(bucket.owes_until(&rate, after(1_000)), None);
    }

    #[test]
    fn many_small_units_are_counted_as_exactly_as_few_large_ones() {
        let rate = per_second(3_000_000_000, 1);
        let mut bucket = Bucket::default();

        let owes = bucket.spend(6_000_000_001, &rate, NOW);

        assert_eq!(owes, Some(after(2_000)));
    }

    #[test]
    fn an_absurd_amount_is_owed_for_ever_and_breaks_nothing() {
        let (rate, mut bucket) = (per_second(1, 1), Bucket::default());

        assert!(bucket.spend(u64::MAX, &rate, NOW).is_some());
        assert!(!bucket.take(&rate, NOW));
        assert!(bucket.spend(u64::MAX, &rate, Timestamp::NEVER).is_none());
    }

    #[test]
    fn a_rate_may_be_slower_than_one_in_a_second() {
        let rate = Rate::new(6, Duration::from_secs(60), 1);
        let mut bucket = Bucket::default();
        assert!(bucket.take(&rate, NOW));

        assert!(!bucket.take(&rate, after(9_999)));
        assert!(bucket.take(&rate, after(10_000)));
    }

    fn per_second(units: u64, burst: u64) -> Rate {
        Rate::new(units, Duration::from_secs(1), burst)
    }

    fn after(millis: u64) -> Timestamp {
        Timestamp(NOW.0 + millis)
    }
}
