use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::committer::{Committer, Packed};
use super::waiting::{Pipeline, Wait, Work};
use super::{Micros, OnDurable, is_full};
use crate::journal::Batch;
use crate::store::StoreError;

/// The one thread that touches the store.
pub struct Worker {
    pipeline: Arc<Pipeline>,
    committer: Committer,
    clock: Micros,
    on_durable: OnDurable,
    /// The disk had no room for folding: not before the next attempt is due.
    fold_blocked: bool,
}

/// The thread is not to go on.
struct Over;

/// While the journal is too long, folding takes off so many times what a group added.
const FOLD_RATIO: u64 = 2;

impl Worker {
    pub fn new(
        pipeline: Arc<Pipeline>,
        committer: Committer,
        clock: Micros,
        on_durable: OnDurable,
    ) -> Self {
        Self { pipeline, committer, clock, on_durable, fold_blocked: false }
    }

    /// Works until the pipeline is stopped or the store fails.
    pub fn run(mut self) {
        let _closed = CloseAtEnd(Arc::clone(&self.pipeline));
        while self.turn().is_ok() {}
    }

    fn turn(&mut self) -> Result<(), Over> {
        let wait = match (self.committer.wants_to_fold(), self.fold_blocked) {
            (true, false) => Wait::No,
            (true, true) => Wait::ForRetry,
            (false, _) => Wait::ForWork,
        };
        match self.pipeline.next(wait) {
            Work::Commit(batches) => {
                let bytes = self.commit(batches)?;
                self.keep_journal_short(bytes)
            }
            Work::Idle => {
                // There is folding to do, or to try again.
                self.fold_blocked = false;
                self.keep_journal_short(0)
            }
            Work::Stop => Err(Over),
        }
    }

    /// Makes batches durable and says so; returns how many bytes that took.
    fn commit(&mut self, batches: Vec<Batch>) -> Result<u64, Over> {
        let packed = Packed::new(batches);
        let (bytes, micros) = self.write(&packed)?;
        self.note_commit(&packed, bytes, micros);
        self.pipeline.durable.store(packed.last().0, Ordering::Release);
        (self.on_durable)(packed.last());
        Ok(bytes)
    }

    /// Writes a group, however long the disk is full.
    fn write(&mut self, packed: &Packed) -> Result<(u64, u64), Over> {
        let mut full = false;
        let mut last_try = false;
        loop {
            let started = (self.clock)();
            let error = match self.committer.commit(packed) {
                Ok(bytes) => {
                    if full {
                        tracing::info!("the store has room again");
                        self.pipeline.recover();
                    }
                    return Ok((bytes, (self.clock)().saturating_sub(started)));
                }
                Err(error) => error,
            };
            if !is_full(&error) || last_try {
                return Err(self.fail(&error));
            }
            if !std::mem::replace(&mut full, true) {
                tracing::error!(%error, "nothing is acknowledged until there is room");
                self.pipeline.stats.lock().full += 1;
            }
            last_try = self.pipeline.wait_for_room();
        }
    }

    /// Folds while the journal is too long, enough to keep up with what a commit of so many bytes
    /// added and no more than that takes: others are waiting.
    fn keep_journal_short(&mut self, bytes: u64) -> Result<(), Over> {
        let mut due = bytes * FOLD_RATIO;
        while self.committer.wants_to_fold() && !self.fold_blocked {
            let started = (self.clock)();
            let step = match self.committer.fold() {
                Ok(step) => step,
                Err(error) if !is_full(&error) => return Err(self.fail(&error)),
                Err(_) => {
                    self.fold_blocked = true;
                    return Ok(());
                }
            };
            let micros = (self.clock)().saturating_sub(started);
            let mut stats = self.pipeline.stats.lock();
            stats.fold_steps += 1;
            stats.folded += step.folded;
            stats.fold_cancelled += step.cancelled;
            stats.fold_bytes += step.written_bytes;
            stats.quarantined += step.quarantined;
            stats.fold_time.count(micros);
            stats.journal_bytes = self.committer.journal_bytes();
            if due <= step.journal_bytes {
                break;
            }
            due -= step.journal_bytes;
        }
        Ok(())
    }

    fn note_commit(&self, packed: &Packed, bytes: u64, micros: u64) {
        let mut stats = self.pipeline.stats.lock();
        stats.commits += 1;
        stats.operations += packed.operations;
        stats.cancelled += packed.cancelled();
        stats.messages += packed.messages;
        stats.bytes += bytes;
        stats.journal_bytes = self.committer.journal_bytes();
        match packed.is_empty() {
            true => stats.empty_commits += 1,
            false => stats.sync_time.count(micros),
        }
    }

    fn fail(&self, error: &StoreError) -> Over {
        tracing::error!(%error, "the store has failed: nothing is acknowledged any more");
        self.pipeline.fail(error.to_string());
        Over
    }
}

/// Without its thread a pipeline would take batches for ever.
struct CloseAtEnd(Arc<Pipeline>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        self.0.close(match std::thread::panicking() {
            true => "the store's thread has panicked",
            false => "the store is closed",
        });
    }
}
