/// What commits have cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitStats {
    /// Groups that became durable, those that came to nothing included.
    pub commits: u64,
    /// Groups that came to nothing, and so cost no write.
    pub empty_commits: u64,
    /// Changes that came in.
    pub operations: u64,
    /// Changes that cancelled out before they were written.
    pub cancelled: u64,
    /// Messages that came in: queued for a session or retained, each time counted.
    pub messages: u64,
    /// Bytes put into the store for groups, keys included.
    pub bytes: u64,
    /// How long the store took to make groups durable.
    pub sync_time: Histogram,
    /// Rounds of folding that are over.
    pub rounds: u64,
    /// Steps of folding.
    pub fold_steps: u64,
    /// Changes that were folded into records of their own.
    pub folded: u64,
    /// Changes that cancelled out before they were folded.
    pub fold_cancelled: u64,
    /// Bytes put into the store by folding.
    pub fold_bytes: u64,
    /// How long steps of folding took.
    pub fold_time: Histogram,
    /// Bytes of groups that are not folded yet.
    pub journal_bytes: u64,
    /// Pages of backlogs that were loaded.
    pub loads: u64,
    /// Messages in those.
    pub loaded: u64,
    /// How long loading a page took.
    pub load_time: Histogram,
    /// Messages of backlogs that were found damaged or missing.
    pub lost: u64,
    /// Records found damaged while folding or loading, and set aside.
    pub quarantined: u64,
    /// Times that there was too little room.
    pub full: u64,
    /// What the store takes up where it keeps its data; looked at now and then.
    pub size_bytes: u64,
    /// What its file system has left, if it is on one.
    pub free_bytes: Option<u64>,
}

impl CommitStats {
    /// Bytes put into the store for each message, folding included.
    pub fn bytes_per_message(&self) -> f64 {
        (self.bytes + self.fold_bytes) as f64 / self.messages.max(1) as f64
    }
}

/// Counts durations by how long they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Histogram {
    /// How many were at most as long as the bound at the same place of [`HISTOGRAM_MICROS`] and
    /// longer than the one before; the last place has those that were longer than any bound.
    pub counts: [u64; HISTOGRAM_MICROS.len() + 1],
    /// All of them together, in microseconds.
    pub sum_micros: u64,
    /// The longest, in microseconds.
    pub max_micros: u64,
}

/// The bounds of a [`Histogram`], in microseconds.
pub const HISTOGRAM_MICROS: [u64; 14] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000,
];

impl Histogram {
    /// Counts a duration in microseconds.
    pub fn count(&mut self, micros: u64) {
        self.counts[HISTOGRAM_MICROS.partition_point(|bound| *bound < micros)] += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
        self.max_micros = self.max_micros.max(micros);
    }

    /// A duration in microseconds that `share` of all (0 to 1) do not pass: the bound of the place
    /// where that many are reached, or the longest where that is less. 0 if none was counted.
    pub fn quantile_micros(&self, share: f64) -> u64 {
        let wanted = (self.total() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let bound = place.and_then(|place| HISTOGRAM_MICROS.get(place)).copied();
        bound.unwrap_or(self.max_micros).min(self.max_micros)
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_where_its_bound_is() {
        let mut histogram = Histogram::default();
        [0, 50, 51, 1_000_000, 1_000_001].iter().for_each(|micros| histogram.count(*micros));

        assert_eq!(histogram.counts[0], 2);
        assert_eq!(histogram.counts[1], 1);
        assert_eq!(histogram.counts[HISTOGRAM_MICROS.len() - 1], 1);
        assert_eq!(histogram.counts[HISTOGRAM_MICROS.len()], 1);
        assert_eq!((histogram.total(), histogram.max_micros), (5, 1_000_001));
    }

    #[test]
    fn a_quantile_is_the_bound_that_so_many_do_not_pass() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_micros(0.5), 0);
        (0..99).for_each(|_| histogram.count(90));
        assert_eq!(histogram.quantile_micros(0.5), 90, "no longer than the longest");

        histogram.count(2_000_000);
        assert_eq!(histogram.quantile_micros(0.5), 100);
        assert_eq!(histogram.quantile_micros(0.99), 100);
        assert_eq!(histogram.quantile_micros(0.991), 2_000_000);
    }
}
