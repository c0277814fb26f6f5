use super::{Bucket, Rate};
use crate::types::Timestamp;

/// How fast a client, or all clients of a user, may publish. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaceLimits {
    /// PUBLISH packets.
    pub messages: Option<Rate>,
    /// Bytes of their topics, properties and payloads.
    pub bytes: Option<Rate>,
}

/// What has been published of late. Exists only for those whom a limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    messages: Bucket,
    bytes: Bucket,
}

impl PaceLimits {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a message of so many bytes is more than a full bucket: no waiting makes it fit.
    pub fn is_too_large(&self, bytes: u64) -> bool {
        self.bytes.is_some_and(|rate| bytes > rate.burst())
    }
}

impl Pace {
    /// So much was published. Returns until when no more is to be taken.
    pub fn spend(
        &mut self,
        limits: &PaceLimits,
        messages: u64,
        bytes: u64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let messages = limits.messages.and_then(|rate| self.messages.spend(messages, &rate, now));
        messages.max(limits.bytes.and_then(|rate| self.bytes.spend(bytes, &rate, now)))
    }

    /// The first moment at which it is as good as a new one, if nothing more is published.
    pub fn full_at(&self) -> Timestamp {
        self.messages.full_at().max(self.bytes.full_at())
    }

    /// Until when no more is to be taken; `None` if it may be.
    pub fn owes_until(&self, limits: &PaceLimits, now: Timestamp) -> Option<Timestamp> {
        let messages = limits.messages.and_then(|rate| self.messages.owes_until(&rate, now));
        messages.max(limits.bytes.and_then(|rate| self.bytes.owes_until(&rate, now)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn a_burst_is_taken_and_one_message_more_makes_wait() {
        let (limits, mut pace) = (limits(), Pace::default());

        assert_eq!(pace.spend(&limits, 20, 20, NOW), None);
        let until = pace.spend(&limits, 1, 1, NOW);

        assert_eq!(until, Some(Timestamp(NOW.0 + 100)));
        assert_eq!(pace.owes_until(&limits, NOW), until);
        assert_eq!(pace.owes_until(&limits, Timestamp(NOW.0 + 100)), None);
    }

    #[test]
    fn the_longer_of_two_debts_counts() {
        let (limits, mut pace) = (limits(), Pace::default());

        let until = pace.spend(&limits, 21, 3_000, NOW);

        assert_eq!(until, Some(NOW.plus_secs(1)), "a thousand bytes too many");
    }

    #[test]
    fn a_message_larger_than_a_burst_never_fits() {
        assert!(!limits().is_too_large(2_000));
        assert!(limits().is_too_large(2_001));
        assert!(!PaceLimits::default().is_too_large(u64::MAX));
    }

    #[test]
    fn without_limits_nobody_waits() {
        let (limits, mut pace) = (PaceLimits::default(), Pace::default());

        assert!(limits.is_none());
        assert_eq!(pace.spend(&limits, u64::MAX, u64::MAX, NOW), None);
        assert_eq!(pace.owes_until(&limits, NOW), None);
    }

    /// Ten messages and a thousand bytes in a second, and twice as much at once.
    fn limits() -> PaceLimits {
        let second = Duration::from_secs(1);
        let (messages, bytes) = (Rate::new(10, second, 20), Rate::new(1_000, second, 2_000));
        PaceLimits { messages: Some(messages), bytes: Some(bytes) }
    }
}
