use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::blob::Blob;
use super::clearing;
use super::fold::put_bytes;
use super::progress::Progress;
use super::round::{Budget, Outcome, Round};
use super::window::{CHUNK_COST, Removable};
use super::writing::{Writing, Written};
use super::{CommitSettings, keys};
use crate::journal::{SessionNumber, Stored};
use crate::store::{Operation, Store, StoreError};
use crate::types::Lsn;

/// Keeps the journal short: takes its oldest groups into records, round by round, and removes what is
/// of no use any more. All in steps that take little time each.
pub struct Folder {
    settings: CommitSettings,
    progress: Progress,
    round: Option<Round>,
    /// What the groups that are not folded take up, as [`journal_cost`] counts.
    unfolded_bytes: u64,
    /// Groups that are folded.
    folded: VecDeque<Removable>,
    /// What they take up.
    folded_bytes: u64,
    /// Sessions that are over and have not been removed.
    ended: VecDeque<SessionNumber>,
    /// Nothing is to stay in the journal: what is settled there takes up room elsewhere.
    eager: bool,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// Bytes that were read, sorted, written or removed, about. [`WORK_PER_BYTE`] says what there is.
    pub work: u64,
    /// Changes that went into records.
    pub folded: u64,
    /// Changes that cancelled out first.
    pub cancelled: u64,
    /// Bytes put.
    pub written_bytes: u64,
    /// Records found damaged and set aside.
    pub quarantined: u64,
    /// At the end of a round: what the store can give from now on.
    pub stored: Option<Vec<Stored>>,
}

/// The most work that a byte of a group makes: it is read, sorted, written and removed.
pub const WORK_PER_BYTE: u64 = 4;

impl Folder {
    /// Looks at what a store has.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be read.
    pub fn open(store: &dyn Store, settings: CommitSettings) -> Result<Self, StoreError> {
        let progress = Progress::read(store)?;
        let (folded, ended) = Default::default();
        let (round, unfolded_bytes, folded_bytes) = (None, 0, 0);
        let mut folder = Self {
            settings,
            progress,
            round,
            unfolded_bytes,
            folded,
            folded_bytes,
            ended,
            eager: false,
        };
        store.scan(&[keys::JOURNAL], b"", &mut |key, value| {
            folder.note_chunk(key, value);
            ControlFlow::Continue(())
        })?;
        store.scan(&[keys::ENDED], b"", &mut |key, _| {
            folder.ended.extend(keys::session(key));
            ControlFlow::Continue(())
        })?;
        Ok(folder)
    }

    fn note_chunk(&mut self, key: &[u8], value: &[u8]) {
        let cost = (key.len() + value.len()) as u64 + CHUNK_COST;
        if keys::number(key).is_none_or(|first| first > self.progress.folded.0) {
            self.unfolded_bytes += cost;
            return;
        }
        self.folded_bytes += cost;
        let group = keys::group(Lsn(keys::number(key).unwrap_or(0)));
        match self.folded.back_mut().filter(|last| last.key == group) {
            Some(last) => (last.chunks, last.cost) = (last.chunks + 1, last.cost + cost),
            None => self.folded.push_back(Removable { key: group, chunks: 1, cost }),
        }
    }

    /// What the groups in the store take up, those that are folded and not yet removed included.
    pub fn journal_bytes(&self) -> u64 {
        self.unfolded_bytes + self.folded_bytes
    }

    /// A group was put into the store.
    pub fn count(&mut self, operations_cost: u64) {
        self.unfolded_bytes += operations_cost;
    }

    /// Whether the journal is longer than it should be, or something is under way.
    pub fn has_work(&self) -> bool {
        self.has_round() || !self.folded.is_empty() || !self.ended.is_empty() || self.is_too_long()
    }

    fn has_round(&self) -> bool {
        self.round.is_some() || self.progress.unfinished_round().is_some()
    }

    fn is_too_long(&self) -> bool {
        let bytes_max = if self.eager { 0 } else { self.settings.journal_bytes_max };
        self.unfolded_bytes > bytes_max
    }

    /// Whether all of the journal is to be folded, however short it is.
    pub fn set_eager(&mut self, eager: bool) {
        self.eager = eager;
    }

    /// Takes one step, whether the journal is too long or not; does nothing if nothing is left to do.
    /// It stops looking for more when `is_late` says so.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; after [`StoreError::Full`] it goes on with the next step, at the beginning of
    /// the round.
    pub fn step(
        &mut self,
        store: &mut dyn Store,
        is_late: &mut dyn FnMut() -> bool,
    ) -> Result<Step, StoreError> {
        let mut budget = Budget { bytes_max: self.settings.fold_step_bytes, is_late };
        if self.has_round() {
            self.go_on(store, &mut budget)
        } else if !self.folded.is_empty() {
            self.remove_groups(store, &mut budget)
        } else if !self.is_too_long() && !self.ended.is_empty() {
            self.clear_session(store, &mut budget)
        } else if self.unfolded_bytes > 0 {
            self.go_on(store, &mut budget)
        } else {
            Ok(Step::default())
        }
    }

    /// Goes on with the round under way, or begins one.
    fn go_on(
        &mut self,
        store: &mut dyn Store,
        budget: &mut Budget<'_>,
    ) -> Result<Step, StoreError> {
        let round = match self.round.take() {
            Some(round) => round,
            None => Round::new(self.progress, self.window_bytes()),
        };
        match round.step(store, self.progress, budget)? {
            Outcome::Prepared(round, work) => {
                self.round = Some(round);
                Ok(Step { work, ..Step::default() })
            }
            Outcome::Written(writing, written) => self.write(store, writing, written),
        }
    }

    /// Rounds are no longer than what memory is to hold, and leave changes time to cancel out.
    fn window_bytes(&self) -> u64 {
        self.settings.round_bytes_max.min(self.settings.journal_bytes_max / 2)
    }

    fn write(
        &mut self,
        store: &mut dyn Store,
        writing: Box<Writing>,
        written: Written,
    ) -> Result<Step, StoreError> {
        let Written { folded, changes, is_last } = written;
        let summary = &writing.summary;
        let mut progress = Progress { round_to: summary.to, ..self.progress };
        if is_last {
            progress.folded = summary.to;
            progress.next_body = writing.next_body();
            progress.last_session = progress.last_session.max(summary.last_session);
        }
        let mut operations = folded.operations;
        if progress != self.progress {
            progress.put(&mut operations);
        }
        let written_bytes = put_bytes(&operations);
        store.apply(operations)?;
        self.progress = progress;
        self.ended.extend(folded.ended);
        let mut step = Step {
            work: summary.bytes * changes / summary.left.max(1),
            folded: changes,
            written_bytes,
            quarantined: folded.quarantined,
            ..Step::default()
        };
        match is_last {
            true => self.end(*writing, &mut step),
            false => self.round = Some(Round::Writing(writing)),
        }
        Ok(step)
    }

    fn end(&mut self, writing: Writing, step: &mut Step) {
        let summary = writing.summary;
        step.cancelled = summary.read - summary.left;
        step.stored = Some(summary.stored());
        // A round over nothing says that there is nothing.
        let left = self.unfolded_bytes.saturating_sub(summary.bytes);
        self.unfolded_bytes = if summary.bytes == 0 { 0 } else { left };
        self.folded_bytes += summary.groups.iter().map(|group| group.cost).sum::<u64>();
        self.folded.extend(summary.groups);
    }

    fn remove_groups(
        &mut self,
        store: &mut dyn Store,
        budget: &mut Budget<'_>,
    ) -> Result<Step, StoreError> {
        let (mut operations, mut work, mut groups) = (Vec::new(), 0, 0);
        for group in &self.folded {
            Blob::delete_unread(&group.key, group.chunks, &mut operations);
            (work, groups) = (work + group.cost, groups + 1);
            if budget.is_spent(work as usize) {
                break;
            }
        }
        store.apply(operations)?;
        self.folded.drain(..groups);
        self.folded_bytes = self.folded_bytes.saturating_sub(work);
        Ok(Step { work, ..Step::default() })
    }

    fn clear_session(
        &mut self,
        store: &mut dyn Store,
        budget: &mut Budget<'_>,
    ) -> Result<Step, StoreError> {
        let Some(session) = self.ended.front() else { return Ok(Step::default()) };
        let cleared = clearing::clear(store, *session, budget)?;
        let written_bytes = put_bytes(&cleared.operations);
        store.apply(cleared.operations)?;
        if cleared.is_gone {
            self.ended.pop_front();
        }
        Ok(Step { work: cleared.cost, written_bytes, ..Step::default() })
    }
}

/// What these puts add to the journal.
pub fn journal_cost(operations: &[Operation]) -> u64 {
    put_bytes(operations) + operations.len() as u64 * CHUNK_COST
}
