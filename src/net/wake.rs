use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::Waker;

use atomic_waker::AtomicWaker;

/// How the broker's side reaches the task of one connection: "there is something for you".
///
/// The task registers before it looks at the flag, the other side sets the flag before it wakes:
/// whichever comes first, a wake is never lost between the last look and the parking of the task.
#[derive(Debug, Default)]
pub struct WakeCell {
    due: AtomicBool,
    waker: AtomicWaker,
    /// Whether it is on the list of those that wait for the store to catch up, and how.
    paused: AtomicU8,
}

/// What [`WakeCell::paused`] says, in the order in which it may rise.
const NOT_PAUSED: u8 = 0;
const PAUSED_UNKNOWN: u8 = 1;
const PAUSED: u8 = 2;

impl WakeCell {
    /// Says that there is something to pull.
    pub fn wake(&self) {
        self.due.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Notes that it waits for the store, and whether as a connection that the broker knows; false if
    /// that has been noted.
    pub fn pause(&self, known: bool) -> bool {
        let paused = if known { PAUSED } else { PAUSED_UNKNOWN };
        self.paused.fetch_max(paused, Ordering::AcqRel) < paused
    }

    /// Wakes it from waiting for the store.
    pub fn resume(&self) {
        self.paused.store(NOT_PAUSED, Ordering::Release);
        self.wake();
    }

    /// Makes `waker` the one that the next [`Self::wake`] uses.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Whether it was woken since this was last asked.
    pub fn take(&self) -> bool {
        // The load spares an idle round the locked instruction.
        self.due.load(Ordering::Acquire) && self.due.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_anybody_listens_is_kept_and_found_once() {
        let cell = WakeCell::default();
        cell.wake();
        cell.register(Waker::noop());

        assert!(cell.take());
        assert!(!cell.take());
    }
}
