use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// A bounded number of places, each held by a [`Seat`].
#[derive(Debug)]
pub struct Seats {
    max: usize,
    taken: AtomicUsize,
    emptied: Notify,
}

/// One place, free again when this is dropped.
#[derive(Debug)]
pub struct Seat(Arc<Seats>);

impl Seats {
    /// `max` places, all free.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self::of(max))
    }

    /// The same, for whoever counts without [`Seat`]s.
    pub fn of(max: usize) -> Self {
        Self { max, taken: AtomicUsize::new(0), emptied: Notify::new() }
    }

    /// A place, unless all are taken.
    pub fn take(self: &Arc<Self>) -> Option<Seat> {
        self.enter().then(|| Seat(Arc::clone(self)))
    }

    /// Takes a place without a [`Seat`]: whoever gets one owes a [`Self::leave`].
    pub fn enter(&self) -> bool {
        let more = |taken| (taken < self.max).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// Gives back what [`Self::enter`] took.
    pub fn leave(&self) {
        if self.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.emptied.notify_waiters();
        }
    }

    /// How many places are taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Waits until no place is taken.
    pub async fn wait_until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.taken() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_is_given_and_one_more_is_not() {
        let seats = Seats::new(2);
        let first = seats.take();
        let second = seats.take();
        assert!(first.is_some() && second.is_some());
        assert!(seats.take().is_none());

        drop(first);

        assert!(seats.take().is_some());
    }

    #[tokio::test]
    async fn whoever_waits_hears_that_the_last_one_left() {
        let seats = Seats::new(1);
        let seat = seats.take();
        let waiting = tokio::spawn({
            let seats = Arc::clone(&seats);
            async move { seats.wait_until_empty().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());

        drop(seat);

        waiting.await.expect("the wait ends");
    }
}
