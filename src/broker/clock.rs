//! Moments that an earlier process noted, on the clock of this one.
//!
//! Two clocks can be compared if both were set, or neither was, as on a device without a battery for
//! its clock. Where they cannot, nothing is over at once and nothing lasts for ever.

use crate::types::{Message, MessageHead, Timestamp};

/// 2020: a clock that is behind it has not been set.
const CLOCK_IS_SET: Timestamp = Timestamp(1_577_836_800_000);

/// What is left to a message whose expiry was noted on a clock that cannot be compared.
const EXPIRY_UNKNOWN_SECS: u64 = 24 * 60 * 60;

/// When what began at `noted` began on the clock of this process. Where the clocks cannot be
/// compared, or the moment lies ahead, it is `now`: what was running starts over.
pub(super) fn counted_from(noted: Timestamp, now: Timestamp) -> Timestamp {
    if is_comparable(noted, now) { noted.min(now) } else { now }
}

/// The message as it expires on the clock of this process: at the moment that was noted, or in a day
/// where the clocks cannot be compared. How long its interval was is not known any more.
pub(super) fn expiring_here(message: Message, now: Timestamp) -> Message {
    match message.expires_at() {
        Some(noted) if !is_comparable(noted, now) => {
            let expires_at = Some(now.plus_secs(EXPIRY_UNKNOWN_SECS));
            let head = MessageHead { expires_at, ..message.head() };
            message.with_head(head)
        }
        _ => message,
    }
}

fn is_comparable(noted: Timestamp, now: Timestamp) -> bool {
    (noted < CLOCK_IS_SET) == (now < CLOCK_IS_SET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumped_makes_what_was_running_start_over() {
        assert_eq!(counted_from(set(1), set(5)), set(1));
        assert_eq!(counted_from(set(9), set(5)), set(5), "set back");
        assert_eq!(counted_from(set(1), Timestamp(0)), Timestamp(0), "not set any more");
        assert_eq!(counted_from(Timestamp(7), set(5)), set(5), "set at last");
        assert_eq!(counted_from(Timestamp(7), Timestamp(9)), Timestamp(7), "never set");
    }

    #[test]
    fn a_message_expires_in_a_day_where_its_moment_means_nothing() {
        let day = Timestamp::plus_secs;
        let cases = [
            (set(5), set(9), set(5)),
            (set(5), set(1), set(5)),
            (set(5), Timestamp(1), day(Timestamp(1), 86_400)),
            (Timestamp(5), set(1), day(set(1), 86_400)),
            (Timestamp(5), Timestamp(9), Timestamp(5)),
        ];
        for (noted, now, expected) in cases {
            let head = MessageHead { expires_at: Some(noted), ..MessageHead::default() };
            let message = expiring_here(Message::new(head, "t", &[], b""), now);
            assert_eq!(message.expires_at(), Some(expected), "{noted:?} at {now:?}");
        }
    }

    #[test]
    fn a_message_without_an_expiry_interval_stays_so() {
        let message = Message::new(MessageHead::default(), "t", &[], b"");
        assert_eq!(expiring_here(message, set(1)).expires_at(), None);
    }

    fn set(secs: u64) -> Timestamp {
        CLOCK_IS_SET.plus_secs(secs)
    }
}
