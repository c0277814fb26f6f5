use hdrhistogram::Histogram;

use super::error::Error;
use super::plan::Plan;
use super::seen::{Arrival, Seen};
use super::stamp::Stamp;

/// What came, held against what was sent.
pub struct Tally {
    receivers: Vec<Receiver>,
    seen: Seen,
    /// The number behind the highest, for each receiver and each publisher that it hears.
    next: Vec<u64>,
    ordered: bool,
    pub counts: Counts,
    pub latency: Histogram<u64>,
}

struct Receiver {
    first_stream: u32,
    streams: u32,
    /// The first of its rows in `seen`, which members of a group share.
    seen_at: usize,
    /// The first of its numbers in `next`.
    next_at: usize,
}

/// Messages by what became of them; a message that goes to three counts three times once it is out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent by publishers, each once.
    pub published: u64,
    /// Acknowledged with a refusal.
    pub refused: u64,
    /// Copies that have to arrive.
    pub expected: u64,
    /// Copies that did, each once.
    pub delivered: u64,
    /// Copies that had arrived before.
    pub duplicated: u64,
    /// Behind a later message of their publisher, at the same receiver.
    pub reordered: u64,
    /// Not from this run.
    pub foreign: u64,
}

impl Counts {
    /// Copies that have not arrived.
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.delivered)
    }
}

/// What the notes of who has got what may take.
const SEEN_BYTES_MAX: usize = 1 << 30;
/// Latencies are kept with three digits from a nanosecond to ten minutes.
const LATENCY_NANOS_MAX: u64 = 600_000_000_000;

impl Tally {
    /// `under_way` messages of a publisher may arrive late or twice and be told from each other.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] if the clients are too many to be told apart.
    pub fn new(plan: &Plan, under_way: usize, ordered: bool) -> Result<Self, Error> {
        let groups = plan.subscribers.iter().filter_map(|it| it.group).max().map_or(0, |n| n + 1);
        let group_rows = plan.subscribers.first().map_or(0, |it| it.hears.len());
        let (mut rows, mut next_len) = (groups as usize * group_rows, 0);
        let mut receivers = Vec::new();
        for listener in &plan.subscribers {
            let streams = listener.hears.len();
            let seen_at = match listener.group {
                Some(group) => group as usize * group_rows,
                None => rows,
            };
            receivers.push(Receiver {
                first_stream: listener.hears.start,
                streams: streams as u32,
                seen_at,
                next_at: next_len,
            });
            next_len += streams;
            rows += if listener.group.is_none() { streams } else { 0 };
        }
        if Seen::bytes(rows, under_way).saturating_add(next_len * 8) > SEEN_BYTES_MAX {
            let what = "too many clients or messages under way to be told apart in 1 GiB";
            return Err(Error::Options(what.into()));
        }
        Ok(Self {
            receivers,
            seen: Seen::new(rows, under_way),
            next: vec![0; next_len],
            ordered,
            counts: Counts::default(),
            latency: histogram(),
        })
    }

    /// A message has come to `receiver` at `now_nanos`: whether it is one that was waited for.
    pub fn deliver(&mut self, receiver: usize, stamp: Stamp, now_nanos: u64) -> bool {
        let Receiver { first_stream, streams, seen_at, next_at } = self.receivers[receiver];
        let at = stamp.stream.wrapping_sub(first_stream);
        if at >= streams {
            self.counts.foreign += 1;
            return false;
        }
        if self.seen.note(seen_at + at as usize, stamp.number) == Arrival::Duplicate {
            self.counts.duplicated += 1;
            return false;
        }
        let next = &mut self.next[next_at + at as usize];
        self.counts.reordered += u64::from(self.ordered && stamp.number < *next);
        *next = (stamp.number + 1).max(*next);
        self.counts.delivered += 1;
        self.latency.saturating_record(now_nanos.saturating_sub(stamp.sent_nanos));
        true
    }
}

/// An empty histogram of nanoseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NANOS_MAX, 3).expect("the bounds are in order")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::plan;

    #[test]
    fn a_message_counts_once_at_each_receiver() {
        let mut tally = tally(&plan::fan_out("p", 2));
        for receiver in [0, 1, 1] {
            tally.deliver(receiver, stamp(0, 0), 0);
        }
        assert_eq!((tally.counts.delivered, tally.counts.duplicated), (2, 1));
    }

    #[test]
    fn order_counts_for_each_publisher_apart() {
        let mut tally = tally(&plan::fan_in("p", 2));
        for (stream, number) in [(0, 1), (1, 0), (0, 0), (0, 2)] {
            assert!(tally.deliver(0, stamp(stream, number), 0));
        }
        assert_eq!((tally.counts.delivered, tally.counts.reordered), (4, 1));
    }

    #[test]
    fn members_of_a_group_get_one_copy_in_all_and_each_in_order() {
        let mut tally = tally(&plan::shared("p", 2, 1, 1));
        for (receiver, number) in [(0, 1), (1, 0), (1, 2), (0, 2)] {
            tally.deliver(receiver, stamp(0, number), 0);
        }
        assert_eq!((tally.counts.delivered, tally.counts.duplicated), (3, 1));
        assert_eq!(tally.counts.reordered, 0, "the other member had it");
        tally.deliver(0, stamp(0, 5), 0);
        tally.deliver(0, stamp(0, 4), 0);
        assert_eq!(tally.counts.reordered, 1);
    }

    #[test]
    fn what_nobody_was_to_hear_is_foreign() {
        let mut tally = tally(&plan::pairs("p", 2));
        assert!(!tally.deliver(0, stamp(1, 0), 0));
        assert!(!tally.deliver(1, stamp(9, 0), 0));
        assert_eq!(tally.counts.foreign, 2);
    }

    #[test]
    fn more_than_can_be_told_apart_is_refused() {
        let plan = plan::fan_out("p", 100_000);
        assert!(Tally::new(&plan, 32_768, true).is_ok());
        assert!(Tally::new(&plan, 131_072, true).is_err());
    }

    fn tally(plan: &Plan) -> Tally {
        Tally::new(plan, 64, true).expect("few")
    }

    fn stamp(stream: u32, number: u64) -> Stamp {
        Stamp { stream, number, sent_nanos: 0 }
    }
}
