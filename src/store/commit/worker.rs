use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::committer::{Committer, Packed};
use super::folder::{Step, WORK_PER_BYTE};
use super::load::Loaded;
use super::room::Room;
use super::waiting::{Pipeline, Wait, Work};
use super::{Event, Micros, OnEvent, is_full, is_out_of_space};
use crate::journal::Batch;
use crate::store::StoreError;

/// The one thread that touches the store.
pub struct Worker {
    pipeline: Arc<Pipeline>,
    committer: Committer,
    room: Room,
    /// What was told last.
    told_full: bool,
    /// By the clock, when the size of the store is looked at next.
    size_due: u64,
    clock: Micros,
    on_event: OnEvent,
    /// Folding that commits have made due, as [`Step::work`] counts.
    due: u64,
    /// The disk had no room for folding: not before the next attempt is due.
    fold_blocked: bool,
    /// By the clock, where the store has to be told to sync.
    unsynced_since: Option<u64>,
}

/// The thread is not to go on.
struct Over;

/// Between two looks at what the store takes up on disk, which walks through its files.
const SIZE_INTERVAL_MICROS: u64 = 10_000_000;
/// While the journal is too long, folding takes off so many times what a group added.
const FOLD_RATIO: u64 = 2;
/// Beyond so many times its length a commit is paid for before the next one, however many wait.
const JOURNAL_RATIO_MAX: u64 = 2;
/// A step of folding looks for no more to do after so long, in microseconds.
const STEP_MICROS: u64 = 2_000;
/// While batches wait, folding and loading make room for them after so long, in microseconds each.
const TURN_MICROS: u64 = 5_000;

impl Worker {
    pub fn new(
        pipeline: Arc<Pipeline>,
        committer: Committer,
        room: Room,
        clock: Micros,
        on_event: OnEvent,
    ) -> Self {
        Self {
            pipeline,
            committer,
            room,
            told_full: false,
            size_due: 0,
            clock,
            on_event,
            due: 0,
            fold_blocked: false,
            unsynced_since: None,
        }
    }

    /// Works until the pipeline is stopped or the store fails.
    pub fn run(mut self) {
        let _closed = CloseAtEnd(Arc::clone(&self.pipeline));
        self.look_around();
        while self.turn().is_ok() {
            self.look_around();
        }
    }

    /// Sees how much room there is. Asking the file system costs a microsecond, a commit hundreds.
    fn look_around(&mut self) {
        let now = (self.clock)();
        let free_bytes = self.room.look(self.committer.store(), now);
        self.pipeline.stats.lock().free_bytes = free_bytes;
        self.tell_room();
        if now >= self.size_due {
            self.size_due = now + SIZE_INTERVAL_MICROS;
            let size_bytes = self.committer.store().size_bytes();
            self.pipeline.stats.lock().size_bytes = size_bytes.unwrap_or(0);
        }
    }

    fn tell_room(&mut self) {
        let full = self.room.is_full();
        if full == std::mem::replace(&mut self.told_full, full) {
            return;
        }
        self.pipeline.set_full(full);
        self.committer.set_eager(full);
        match full {
            true => {
                self.pipeline.stats.lock().full += 1;
                tracing::error!("the disk is full: messages that would need it are refused");
            }
            false => tracing::info!("the disk has room again"),
        }
        (self.on_event)(Event::Full(full));
    }

    fn turn(&mut self) -> Result<(), Over> {
        match self.pipeline.next(self.patience().at_most(self.room.interval())) {
            Work::Commit(batches) => {
                let bytes = self.commit(batches)?;
                self.answer_loads()?;
                self.keep_journal_short(bytes)?;
                self.sync_if_due()
            }
            Work::Idle => {
                // There is something to load, to fold, to try again or to sync.
                self.answer_loads()?;
                self.fold_blocked = false;
                self.keep_journal_short(0)?;
                self.sync_if_due()
            }
            Work::Stop => self.sync().and(Err(Over)),
        }
    }

    fn patience(&self) -> Wait {
        let settings = &self.pipeline.settings;
        match (self.committer.wants_to_fold(), self.unsynced_since, settings.sync_interval) {
            (true, ..) if !self.fold_blocked => Wait::No,
            (_, Some(_), Some(interval)) => Wait::AtMost(interval.min(settings.retry)),
            (true, ..) => Wait::AtMost(settings.retry),
            _ => Wait::ForWork,
        }
    }

    fn sync_if_due(&mut self) -> Result<(), Over> {
        let (Some(since), Some(interval)) =
            (self.unsynced_since, self.pipeline.settings.sync_interval)
        else {
            return Ok(());
        };
        let waited = (self.clock)().saturating_sub(since);
        if u128::from(waited) < interval.as_micros() { Ok(()) } else { self.sync() }
    }

    fn sync(&mut self) -> Result<(), Over> {
        if self.unsynced_since.take().is_none() {
            return Ok(());
        }
        self.committer.sync().map_err(|error| self.fail(&error))
    }

    /// Something was written, which the store may have to be told to sync.
    fn note_write(&mut self) {
        if self.pipeline.settings.sync_interval.is_some() && self.unsynced_since.is_none() {
            self.unsynced_since = Some((self.clock)());
        }
    }

    /// Makes batches durable and says so; returns how many bytes that took.
    fn commit(&mut self, batches: Vec<Batch>) -> Result<u64, Over> {
        let packed = Packed::new(batches);
        let (bytes, micros) = self.write(&packed)?;
        if bytes > 0 {
            self.note_write();
        }
        self.note_commit(&packed, bytes, micros);
        self.pipeline.durable.store(packed.last().0, Ordering::Release);
        (self.on_event)(Event::Durable(packed.last()));
        Ok(bytes)
    }

    /// Writes a group, however long the disk is full.
    fn write(&mut self, packed: &Packed) -> Result<(u64, u64), Over> {
        let mut stalled = false;
        let mut last_try = false;
        loop {
            let started = (self.clock)();
            let error = match self.committer.commit(packed) {
                Ok(bytes) => {
                    let micros = (self.clock)().saturating_sub(started);
                    if stalled {
                        self.resume();
                    }
                    return Ok((bytes, micros));
                }
                Err(error) => error,
            };
            if !is_full(&error) || last_try {
                return Err(self.fail(&error));
            }
            if !std::mem::replace(&mut stalled, true) {
                tracing::error!(%error, "nothing is acknowledged until there is room");
            }
            self.answer_loads()?;
            let made_room = self.room.stall();
            self.tell_room();
            last_try = !made_room && self.pipeline.wait_for_room();
            self.look_around();
        }
    }

    fn resume(&mut self) {
        tracing::info!("the store takes commits again");
        self.room.resume();
        self.room.look(self.committer.store(), (self.clock)());
        self.tell_room();
    }

    /// Answers who waits for messages, for as long as nobody waits longer for a commit than is fair.
    fn answer_loads(&mut self) -> Result<(), Over> {
        let turn = (self.clock)();
        while let Some(load) = self.pipeline.next_load() {
            let started = (self.clock)();
            let loaded = self.committer.load(&load).map_err(|error| self.fail(&error))?;
            let now = (self.clock)();
            self.note_load(&loaded, now.saturating_sub(started));
            (self.on_event)(Event::Loaded(loaded.page));
            if now.saturating_sub(turn) >= TURN_MICROS && self.pipeline.has_batches() {
                break;
            }
        }
        Ok(())
    }

    /// Folds while the journal is too long, enough to keep up with what a commit of so many bytes
    /// added. What takes too long for those who wait stays due; where the journal is far too long, only
    /// what earlier commits added does.
    fn keep_journal_short(&mut self, bytes: u64) -> Result<(), Over> {
        let due_max = self.journal_bytes_bound().saturating_mul(WORK_PER_BYTE);
        let owed = bytes * FOLD_RATIO * WORK_PER_BYTE;
        self.due = (self.due + owed).min(due_max);
        let (turn, mut paid) = ((self.clock)(), 0);
        while self.committer.wants_to_fold() && !self.fold_blocked {
            let started = (self.clock)();
            let clock = &self.clock;
            let mut is_late = || clock().saturating_sub(started) >= STEP_MICROS;
            let step = match self.committer.fold(&mut is_late) {
                Ok(step) => step,
                Err(error) if !is_full(&error) => return Err(self.fail(&error)),
                Err(_) => {
                    self.fold_blocked = true;
                    return Ok(());
                }
            };
            self.note_write();
            let now = (self.clock)();
            self.note_step(&step, now.saturating_sub(started));
            self.due = self.due.saturating_sub(step.work);
            paid += step.work;
            if let Some(stored) = step.stored.filter(|stored| !stored.is_empty()) {
                (self.on_event)(Event::Stored(stored));
            }
            let may_owe = self.committer.journal_bytes() <= self.journal_bytes_bound();
            let others_wait = now.saturating_sub(turn) >= TURN_MICROS
                && (may_owe || paid >= owed)
                && self.pipeline.has_batches();
            if self.due == 0 || others_wait {
                return Ok(());
            }
        }
        self.due = 0;
        Ok(())
    }

    fn journal_bytes_bound(&self) -> u64 {
        self.pipeline.settings.journal_bytes_max.saturating_mul(JOURNAL_RATIO_MAX)
    }

    fn note_step(&self, step: &Step, micros: u64) {
        self.pipeline.note_turn();
        let mut stats = self.pipeline.stats.lock();
        stats.fold_steps += 1;
        stats.rounds += u64::from(step.stored.is_some());
        stats.folded += step.folded;
        stats.fold_cancelled += step.cancelled;
        stats.fold_bytes += step.written_bytes;
        stats.quarantined += step.quarantined;
        stats.fold_time.count(micros);
        stats.journal_bytes = self.committer.journal_bytes();
    }

    fn note_load(&self, loaded: &Loaded, micros: u64) {
        let mut stats = self.pipeline.stats.lock();
        stats.loads += 1;
        stats.loaded += loaded.page.messages.len() as u64;
        stats.load_time.count(micros);
        stats.lost += loaded.lost;
        stats.quarantined += loaded.quarantined;
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
        if is_out_of_space(error) {
            // For whoever opens the store next.
            self.room.give_up_ballast();
        }
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
