//! What everybody is told of the store's state.

use super::Shared;
use crate::journal::{Durations, StoreFigures, StoreReport, StoreState};
use crate::store::{CommitState, CommitStats, Histogram};

impl Shared {
    /// What the store is doing, for those who look after the broker.
    pub(super) fn store_report(&self) -> StoreReport {
        let durability = self.durability;
        if self.commits.is_none() {
            return StoreReport { durability, state: StoreState::Working, figures: None };
        }
        let state = match self.commits.state() {
            CommitState::Working => StoreState::Working,
            CommitState::Full => StoreState::Full,
            CommitState::Failed(_) => StoreState::Failed,
        };
        StoreReport { durability, state, figures: Some(figures(&self.commits.stats())) }
    }

    /// Waits until the store has failed, and says how. Never over while it works.
    pub async fn store_failure(&self) -> String {
        self.failure.notified().await;
        match self.commits.state() {
            CommitState::Failed(reason) => reason,
            CommitState::Working | CommitState::Full => unreachable!("a store fails for good"),
        }
    }
}

fn figures(stats: &CommitStats) -> StoreFigures {
    StoreFigures {
        commits: stats.commits,
        operations: stats.operations,
        cancelled: stats.cancelled,
        bytes: stats.bytes,
        bytes_per_message: stats.bytes_per_message(),
        sync_time: durations(&stats.sync_time),
        fold_steps: stats.fold_steps,
        fold_bytes: stats.fold_bytes,
        fold_time: durations(&stats.fold_time),
        journal_bytes: stats.journal_bytes,
        quarantined: stats.quarantined,
        size_bytes: stats.size_bytes,
        free_bytes: stats.free_bytes,
    }
}

fn durations(histogram: &Histogram) -> Durations {
    Durations {
        p50: histogram.quantile_micros(0.5),
        p99: histogram.quantile_micros(0.99),
        max: histogram.max_micros,
    }
}
