//! Group commit: batches wait in memory, one thread makes all that wait durable at once.
//!
//! While a group is on its way to the disk the next one gathers. There is no timer: a client alone
//! waits for one write, ten thousand share it. A group is one packed record ([`group`]); old groups
//! are folded ([`folder`]) into records of what is still alive of them, [`recover`] reads both. What is
//! queued for a session stays there until it is asked for ([`load`]).

mod blob;
mod bodies;
mod cancel;
mod clearing;
mod committer;
mod contents;
mod fold;
mod folder;
mod group;
mod keys;
mod load;
mod piece;
mod progress;
mod queues;
mod recover;
mod reuse;
mod room;
mod round;
mod segment;
mod sorting;
mod stats;
#[cfg(test)]
mod tests;
mod waiting;
mod window;
mod worker;
mod writing;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

pub use committer::{Committer, Packed};
pub use contents::{Content, Delivery, Entry, Filling, Problem, RecordKind, contents, describe};
pub use folder::Step as FoldStep;
pub use load::Loaded;
pub use recover::{Progress, Recovered, recover};
pub use room::RoomSettings;
pub use stats::{CommitStats, HISTOGRAM_MICROS, Histogram};

use super::{Store, StoreError};
use crate::journal::{Batch, Load, Page, Stored};
use crate::types::Lsn;
use room::Room;
use waiting::Pipeline;
use worker::Worker;

/// Takes the broker's batches to a store, as many as are waiting at a time.
///
/// Dropped, it makes durable what is waiting, as [`Self::finish`] does.
pub struct Commits {
    pipeline: Arc<Pipeline>,
    /// Taken by whoever waits for the end of the thread.
    thread: Mutex<Option<JoinHandle<()>>>,
    without_store: bool,
}

/// How commits are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitSettings {
    /// Bytes of batches that may wait before [`Commits::is_congested`] says so.
    pub waiting_bytes_max: usize,
    /// Bytes of groups in the store beyond which they are folded. More of them make recovery longer
    /// and let more cancel out.
    pub journal_bytes_max: u64,
    /// Bytes of groups that one round of folding holds in memory, at most the half of the journal.
    pub round_bytes_max: u64,
    /// Bytes that one step of folding reads and writes, about.
    pub fold_step_bytes: usize,
    /// Between two attempts to write to a store that is full.
    pub retry: Duration,
    /// The longest that what was written waits to be synced, in a store that does not sync by itself
    /// ([`Durability::Os`](super::Durability::Os)); `None` for one that does.
    pub sync_interval: Option<Duration>,
}

impl Default for CommitSettings {
    fn default() -> Self {
        Self {
            waiting_bytes_max: 16 * 1024 * 1024,
            journal_bytes_max: 16 * 1024 * 1024,
            round_bytes_max: 8 * 1024 * 1024,
            fold_step_bytes: 512 * 1024,
            retry: Duration::from_secs(1),
            sync_interval: None,
        }
    }
}

/// Whether batches become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitState {
    /// They do.
    Working,
    /// The disk is full: those that come now are for what is under way. They become durable in the
    /// room that is kept for that, and when it is used up as soon as there is more.
    Full,
    /// Not any more in this process: the store has failed, and this is how.
    Failed(String),
}

/// How the store's thread gets on. It is alive if it is idle, or has taken a turn since it was asked
/// last; a store that is full is tried again and again, and each attempt is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitPulse {
    /// Steps that it has taken.
    pub turns: u64,
    /// Nothing waits for it, and it waits for work.
    pub idle: bool,
}

/// Microseconds since any moment that stays the same.
pub type Micros = Box<dyn Fn() -> u64 + Send>;

/// Told on the store's thread what happens there, in order.
pub type OnEvent = Box<dyn FnMut(Event) + Send>;

/// What a store's thread has to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Everything up to here is durable.
    Durable(Lsn),
    /// These messages need not be held in memory any more: they can be loaded.
    Stored(Vec<Stored>),
    /// The answer to [`Commits::load`].
    Loaded(Page),
    /// Whether there is too little room for more than what is under way. Told when it changes; at
    /// first there is enough.
    Full(bool),
}

impl Commits {
    /// Commits to `store`, whose last batch was `last` ([`Recovered::last`]; the next one submitted
    /// follows it), on a thread of its own.
    ///
    /// `on_event` may take the broker's lock: nothing of this is locked while it runs.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read or the thread cannot be started.
    pub fn start(
        store: Box<dyn Store>,
        last: Lsn,
        settings: CommitSettings,
        clock: Micros,
        on_event: OnEvent,
    ) -> Result<Self, StoreError> {
        Self::start_within(Room::unbounded(), store, last, settings, clock, on_event)
    }

    /// The same for a store on a file system, whose room is watched: [`Event::Full`].
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_on_disk(
        room: RoomSettings,
        store: Box<dyn Store>,
        last: Lsn,
        settings: CommitSettings,
        clock: Micros,
        on_event: OnEvent,
    ) -> Result<Self, StoreError> {
        Self::start_within(Room::watched(room), store, last, settings, clock, on_event)
    }

    fn start_within(
        room: Room,
        store: Box<dyn Store>,
        last: Lsn,
        settings: CommitSettings,
        clock: Micros,
        on_event: OnEvent,
    ) -> Result<Self, StoreError> {
        let pipeline = Arc::new(Pipeline::new(last, settings));
        let committer = Committer::open(store, settings)?;
        let worker = Worker::new(Arc::clone(&pipeline), committer, room, clock, on_event);
        let thread = thread::Builder::new().name("store".into()).spawn(|| worker.run())?;
        Ok(Self { pipeline, thread: Mutex::new(Some(thread)), without_store: false })
    }

    /// For a broker that records nothing: there is no store, and a batch would be refused.
    pub fn none() -> Self {
        let pipeline = Arc::new(Pipeline::new(Lsn::NONE, CommitSettings::default()));
        pipeline.close("there is none");
        Self { pipeline, thread: Mutex::new(None), without_store: true }
    }

    /// Whether there is no store, and never was.
    pub fn is_none(&self) -> bool {
        self.without_store
    }

    /// Has the batch made durable and returns the number up to which everything is so now.
    ///
    /// Never waits for the disk. Called with the broker locked, so that batches come in the order of
    /// their numbers.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store has failed before: nothing that waits for the batch may be sent.
    pub fn submit(&self, batch: Batch) -> Result<Lsn, StoreError> {
        self.pipeline.push(batch).map_err(|reason| io::Error::other(reason).into())
    }

    /// Asks for messages of a backlog: [`Event::Loaded`] answers. Never waits for the disk.
    pub fn load(&self, load: Load) {
        self.pipeline.ask(load);
    }

    /// Whether so much is waiting that no more should be asked of the broker.
    ///
    /// A batch is taken all the same: the broker has decided already. Whoever reads from clients looks
    /// at this before it reads, and if it says yes reads on only once it says no. That is to be
    /// looked at after each call of `on_event`, and from time to time: what waits may cancel out, or
    /// be taken for a write that does not come back, and neither is told.
    pub fn is_congested(&self) -> bool {
        self.pipeline.is_congested()
    }

    /// The number up to which everything is durable.
    pub fn durable(&self) -> Lsn {
        Lsn(self.pipeline.durable.load(Ordering::Acquire))
    }

    /// Whether batches become durable.
    pub fn state(&self) -> CommitState {
        self.pipeline.state()
    }

    /// How the store's thread gets on. Without one nothing is ever waiting.
    pub fn pulse(&self) -> CommitPulse {
        self.pipeline.pulse()
    }

    /// What commits have cost so far.
    pub fn stats(&self) -> CommitStats {
        *self.pipeline.stats.lock()
    }

    /// Makes durable what is waiting and ends the thread; a store that is full is tried once more.
    /// Must not be called with a lock that `on_event` takes.
    pub fn finish(&self) {
        self.pipeline.stop();
        let Some(thread) = self.thread.lock().take() else { return };
        // The last owner may be `on_event` itself, which its own thread cannot wait for.
        if thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        }
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Whether it may be tried again, later.
fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Full { .. })
}

/// Whether the file system had no room for what an engine wrote: that engine is of no use any more.
fn is_out_of_space(error: &StoreError) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error, StoreError::Io(error) if matches!(error.kind(), StorageFull | QuotaExceeded))
}

/// What a record that this version must not touch comes to.
fn refuse_format(format: u8) -> StoreError {
    io::Error::new(io::ErrorKind::InvalidData, blob::BlobError::Format(format)).into()
}
