use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::cancel::{Before, cancel};
use super::fold::cost_of;
use super::{CommitPulse, CommitSettings, CommitState, CommitStats};
use crate::journal::{Batch, Change, Load};
use crate::types::Lsn;

/// Between those who hand in batches and the one thread that writes them.
pub struct Pipeline {
    /// Held for a push or a swap, never during a write: whoever pushes holds the broker's lock.
    waiting: Mutex<Waiting>,
    /// Something is waiting, or the end is near.
    work: Condvar,
    /// Something came that does not wait for room: a load, or the end.
    urgent: Condvar,
    /// Bytes that are waiting, to be read without the lock.
    waiting_bytes: AtomicUsize,
    /// Everything up to it is.
    pub durable: AtomicU64,
    /// Steps that the thread has taken.
    turns: AtomicU64,
    /// Locked for a moment, by the thread after each write and by readers.
    pub stats: Mutex<CommitStats>,
    pub settings: CommitSettings,
}

struct Waiting {
    batches: Vec<Batch>,
    /// At most one for each session: its broker waits for the answer.
    loads: VecDeque<Load>,
    state: CommitState,
    stopping: bool,
    /// The thread waits for work.
    resting: bool,
}

/// How long the thread waits for work.
pub enum Wait {
    /// Not at all: it has something else to do.
    No,
    /// So long, then it has something else to do.
    AtMost(Duration),
    /// Until there is some.
    ForWork,
}

impl Wait {
    /// The same, but never longer than `limit`.
    pub fn at_most(self, limit: Option<Duration>) -> Self {
        match (self, limit) {
            (Self::AtMost(time), Some(limit)) => Self::AtMost(time.min(limit)),
            (Self::ForWork, Some(limit)) => Self::AtMost(limit),
            (wait, _) => wait,
        }
    }
}

/// What the thread has to do.
pub enum Work {
    /// Make these durable.
    Commit(Vec<Batch>),
    /// Nothing waits.
    Idle,
    /// Nothing waits and nothing will.
    Stop,
}

impl Pipeline {
    pub fn new(last: Lsn, settings: CommitSettings) -> Self {
        let state = CommitState::Working;
        Self {
            waiting: Mutex::new(Waiting {
                batches: Vec::new(),
                loads: VecDeque::new(),
                state,
                stopping: false,
                resting: true,
            }),
            work: Condvar::new(),
            urgent: Condvar::new(),
            waiting_bytes: AtomicUsize::new(0),
            durable: AtomicU64::new(last.0),
            turns: AtomicU64::new(0),
            stats: Mutex::new(CommitStats::default()),
            settings,
        }
    }

    /// Takes a batch, unless the store has failed, and how is the error.
    pub fn push(&self, batch: Batch) -> Result<Lsn, String> {
        let bytes = bytes_of(&batch.changes);
        let mut waiting = self.waiting.lock();
        if let CommitState::Failed(reason) = &waiting.state {
            return Err(reason.clone());
        }
        waiting.batches.push(batch);
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        drop(waiting);
        self.work.notify_one();
        Ok(Lsn(self.durable.load(Ordering::Acquire)))
    }

    /// Takes a load.
    pub fn ask(&self, load: Load) {
        self.waiting.lock().loads.push_back(load);
        self.work.notify_one();
        self.urgent.notify_one();
    }

    /// The load that has waited longest.
    pub fn next_load(&self) -> Option<Load> {
        self.note_turn();
        self.waiting.lock().loads.pop_front()
    }

    /// Whether batches wait.
    pub fn has_batches(&self) -> bool {
        !self.waiting.lock().batches.is_empty()
    }

    pub fn is_congested(&self) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) > self.settings.waiting_bytes_max
    }

    pub fn state(&self) -> CommitState {
        self.waiting.lock().state.clone()
    }

    pub fn stop(&self) {
        self.waiting.lock().stopping = true;
        self.work.notify_one();
        self.urgent.notify_one();
    }

    /// All that is waiting, or comes while the thread has the patience.
    pub fn next(&self, wait: Wait) -> Work {
        let mut waiting = self.waiting.lock();
        self.note_turn();
        waiting.resting = true;
        if waiting.batches.is_empty() && waiting.loads.is_empty() && !waiting.stopping {
            match wait {
                Wait::No => {}
                Wait::AtMost(time) => _ = self.work.wait_for(&mut waiting, time),
                Wait::ForWork => self.work.wait(&mut waiting),
            }
        }
        waiting.resting = false;
        match (waiting.batches.is_empty(), waiting.stopping) {
            (false, _) => Work::Commit(self.take(&mut waiting)),
            (true, false) => Work::Idle,
            (true, true) => Work::Stop,
        }
    }

    /// The thread has taken a step: it is not held up for good.
    pub fn note_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How the thread gets on.
    pub fn pulse(&self) -> CommitPulse {
        let waiting = self.waiting.lock();
        let idle = waiting.resting && waiting.batches.is_empty() && waiting.loads.is_empty();
        CommitPulse { turns: self.turns.load(Ordering::Relaxed), idle }
    }

    /// Waits until the store may be tried again. Returns whether the end is near.
    pub fn wait_for_room(&self) -> bool {
        self.note_turn();
        let mut waiting = self.waiting.lock();
        if !waiting.stopping && waiting.loads.is_empty() {
            self.urgent.wait_for(&mut waiting, self.settings.retry);
        }
        let stopping = waiting.stopping;
        if self.is_congested() {
            self.compact(waiting);
        }
        stopping
    }

    /// Lets what is waiting cancel out: where enough does, clients are read from though the disk is
    /// still full.
    fn compact(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let batches = self.take(&mut waiting);
        let Some(lsn) = batches.last().map(|batch| batch.lsn) else { return };
        let changes = batches.into_iter().flat_map(|batch| batch.changes);
        let changes = cancel(changes, Before::Unknown);
        self.waiting_bytes.store(bytes_of(&changes), Ordering::Relaxed);
        waiting.batches.push(Batch { lsn, changes });
    }

    fn take(&self, waiting: &mut Waiting) -> Vec<Batch> {
        self.waiting_bytes.store(0, Ordering::Relaxed);
        std::mem::take(&mut waiting.batches)
    }

    /// Notes whether there is too little room.
    pub fn set_full(&self, full: bool) {
        self.waiting.lock().state = if full { CommitState::Full } else { CommitState::Working };
    }

    /// Nobody writes any more.
    pub fn close(&self, reason: &str) {
        if !matches!(self.state(), CommitState::Failed(_)) {
            self.fail(reason.into());
        }
    }

    /// Nothing becomes durable any more; what is waiting never will.
    pub fn fail(&self, reason: String) {
        let mut waiting = self.waiting.lock();
        self.take(&mut waiting);
        waiting.state = CommitState::Failed(reason);
    }
}

/// What these changes take up, about. A message for many is one.
fn bytes_of(changes: &[Change]) -> usize {
    let mut last = std::ptr::null();
    let mut bytes = 0;
    for change in changes {
        bytes += cost_of(change);
        if let Change::Queued { message, .. } = change {
            let address = message.as_bytes().as_ptr();
            bytes -= if address == last { message.len() } else { 0 };
            last = address;
        }
    }
    bytes
}
