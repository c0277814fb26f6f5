//! At most so many log lines of a second.

use std::num::NonZeroU64;

use crate::types::Timestamp;

/// Lets at most so many events of a second through and counts the rest.
///
/// Meant for log lines that peers can cause: [`Throttle::admit`] says whether one may be written,
/// [`Throttle::take_suppressed`] how many were not.
#[derive(Debug)]
pub struct Throttle {
    per_second: u32,
    began: Timestamp,
    admitted: u32,
    suppressed: u64,
}

const SECOND_MS: u64 = 1_000;

impl Throttle {
    /// `per_second` 0 admits nothing and counts everything.
    pub const fn new(per_second: u32) -> Self {
        Self { per_second, began: Timestamp(0), admitted: 0, suppressed: 0 }
    }

    /// Whether an event at `now` is among the first of its second; one that is not is counted.
    pub fn admit(&mut self, now: Timestamp) -> bool {
        if self.second_is_over(now) {
            self.began = now;
            self.admitted = 0;
        }
        let admitted = self.admitted < self.per_second;
        self.admitted += u32::from(admitted);
        self.suppressed += u64::from(!admitted);
        admitted
    }

    /// How many events were not admitted, once their second is over. Each is told once: ask
    /// before [`Throttle::admit`], and now and then while nothing happens.
    pub fn take_suppressed(&mut self, now: Timestamp) -> Option<NonZeroU64> {
        let told = if self.second_is_over(now) { std::mem::take(&mut self.suppressed) } else { 0 };
        NonZeroU64::new(told)
    }

    fn second_is_over(&self, now: Timestamp) -> bool {
        now.since(self.began).as_millis() >= u128::from(SECOND_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 50_000;

    #[test]
    fn a_second_lets_its_first_events_through() {
        let mut throttle = Throttle::new(2);

        let admitted = [0, 10, 20, 999].map(|ms| throttle.admit(Timestamp(START + ms)));

        assert_eq!(admitted, [true, true, false, false]);
    }

    #[test]
    fn the_next_second_begins_anew() {
        let mut throttle = Throttle::new(1);
        throttle.admit(Timestamp(START));

        assert!(!throttle.admit(Timestamp(START + 999)));
        assert!(throttle.admit(Timestamp(START + 1_000)));
        assert!(!throttle.admit(Timestamp(START + 1_001)));
    }

    #[test]
    fn the_suppressed_are_told_once_when_their_second_is_over() {
        let mut throttle = Throttle::new(1);
        for ms in [0, 1, 2, 3] {
            throttle.admit(Timestamp(START + ms));
        }

        assert_eq!(throttle.take_suppressed(Timestamp(START + 999)), None);
        assert_eq!(throttle.take_suppressed(Timestamp(START + 1_000)), NonZeroU64::new(3));
        assert_eq!(throttle.take_suppressed(Timestamp(START + 1_001)), None);
    }

    #[test]
    fn nothing_is_told_where_nothing_was_suppressed() {
        let mut throttle = Throttle::new(1);
        throttle.admit(Timestamp(START));

        assert_eq!(throttle.take_suppressed(Timestamp(START + 5_000)), None);
    }

    #[test]
    fn a_limit_of_zero_only_counts() {
        let mut throttle = Throttle::new(0);

        assert!(!throttle.admit(Timestamp(START)));
        assert_eq!(throttle.take_suppressed(Timestamp(START + 1_000)), NonZeroU64::new(1));
    }

    #[test]
    fn the_first_second_of_the_clock_counts_too() {
        let mut throttle = Throttle::new(1);

        assert!(throttle.admit(Timestamp(0)));
        assert!(!throttle.admit(Timestamp(1)));
    }
}
