use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::guard::{GuardReport, Refusal};

/// What has happened so far. Counted without a lock: nobody reads two of them together.
#[derive(Debug, Default)]
pub(super) struct Counters {
    refusals: [AtomicU64; Refusal::ALL.len()],
    pub bans_made: AtomicU64,
    pub failed_logins: AtomicU64,
    pub pauses: AtomicU64,
    pub too_large_for_rate: AtomicU64,
    pub memory_bytes: AtomicU64,
    late_micros: AtomicU64,
    late_micros_max: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn refuse(&self, refusal: Refusal) {
        Self::add(&self.refusals[refusal.index()]);
    }

    pub fn note_late(&self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.late_micros.store(micros, Ordering::Relaxed);
        self.late_micros_max.fetch_max(micros, Ordering::Relaxed);
    }

    pub fn report(&self) -> GuardReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        GuardReport {
            refusals: Refusal::ALL.map(|refusal| count(&self.refusals[refusal.index()])),
            bans_made: count(&self.bans_made),
            failed_logins: count(&self.failed_logins),
            pauses: count(&self.pauses),
            too_large_for_rate: count(&self.too_large_for_rate),
            late_micros: count(&self.late_micros),
            late_micros_max: count(&self.late_micros_max),
            memory_bytes: count(&self.memory_bytes),
            ..GuardReport::default()
        }
    }
}
