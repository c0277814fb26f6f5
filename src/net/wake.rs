use std::sync::atomic::{AtomicBool, Ordering};
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
    /// On the list of those that wait for the store to catch up.
    paused: AtomicBool,
}

impl WakeCell {
    /// Says that there is something to pull.
    pub fn wake(&self) {
        self.due.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Notes that it waits for the store; false if that is known.
    pub fn pause(&self) -> bool {
        !self.paused.swap(true, Ordering::AcqRel)
    }

    /// Wakes it from waiting for the store.
    pub fn resume(&self) {
        self.paused.store(false, Ordering::Release);
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
