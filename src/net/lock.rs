use std::ops::{Deref, DerefMut};

use parking_lot::{Mutex, MutexGuard};

use super::Clock;
use crate::broker::LockReport;
use crate::types::Timestamp;

/// What all connections share, and one of them has at a time. It knows how long it was held and
/// waited for.
pub(super) struct Lock<T> {
    clock: Clock,
    inside: Mutex<Inside<T>>,
}

struct Inside<T> {
    value: T,
    /// Here, because whoever counts has the lock anyway.
    times: LockReport,
}

/// The lock, held.
pub(super) struct Hold<'a, T> {
    guard: MutexGuard<'a, Inside<T>>,
    clock: &'a Clock,
    /// In nanoseconds of the clock.
    since: u64,
    /// A panic was under way before, that has nothing to do with what is inside.
    unwinding: bool,
}

impl<T> Lock<T> {
    pub fn new(value: T, clock: Clock) -> Self {
        Self { clock, inside: Mutex::new(Inside { value, times: LockReport::default() }) }
    }

    /// Waits until nobody else has it.
    pub fn hold(&self) -> Hold<'_, T> {
        let (guard, since) = match self.inside.try_lock() {
            Some(guard) => (guard, self.clock.nanos()),
            None => self.wait(),
        };
        Hold { guard, clock: &self.clock, since, unwinding: std::thread::panicking() }
    }

    #[cold]
    fn wait(&self) -> (MutexGuard<'_, Inside<T>>, u64) {
        let from = self.clock.nanos();
        let mut guard = self.inside.lock();
        let now = self.clock.nanos();
        guard.times.waited.add(now.saturating_sub(from));
        (guard, now)
    }

    /// How it was held and waited for until now. What is recent begins anew, and to ask does not
    /// count.
    pub fn take_report(&self) -> LockReport {
        let mut inside = self.inside.lock();
        let report = inside.times;
        inside.times.forget_recent();
        report
    }
}

impl<T> Hold<'_, T> {
    /// When it began. Read under the lock: from one hold to the next time never runs backwards.
    pub fn now(&self) -> Timestamp {
        self.clock.at(self.since)
    }

    /// Ends it and begins another, behind those who wait for the lock.
    pub fn give_way(&mut self) {
        let until = self.end();
        let ended = self.guard.times.held.count;
        MutexGuard::bump(&mut self.guard);
        self.since = self.clock.nanos();
        if self.guard.times.held.count != ended {
            self.guard.times.waited.add(self.since.saturating_sub(until));
        }
    }

    /// Counts it and says until when it was.
    fn end(&mut self) -> u64 {
        let until = self.clock.nanos();
        self.guard.times.held.add(until.saturating_sub(self.since));
        until
    }
}

impl<T> Deref for Hold<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard.value
    }
}

impl<T> DerefMut for Hold<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard.value
    }
}

impl<T> Drop for Hold<'_, T> {
    /// A panic inside leaves the broker half-way through a decision. To go on would acknowledge
    /// what was never recorded, so the process ends, and recovers from what is on disk.
    fn drop(&mut self) {
        if std::thread::panicking() && !self.unwinding {
            std::process::abort();
        }
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const WHILE: Duration = Duration::from_millis(100);

    #[test]
    fn a_hold_that_nobody_waits_for_is_no_wait() {
        let lock = Lock::new(0, Clock::start());

        *lock.hold() += 1;
        *lock.hold() += 1;

        let report = lock.take_report();
        assert_eq!((report.held.count, report.waited.count), (2, 0));
        assert_eq!(*lock.hold(), 2);
    }

    #[test]
    fn whoever_finds_it_held_waits_and_is_counted_as_long_as_that_takes() {
        let lock = Lock::new(0, Clock::start());

        contend(&lock, |_| ());

        let report = lock.take_report();
        assert_eq!((report.held.count, report.waited.count), (2, 1));
        let least = WHILE.as_nanos() as u64;
        assert!(report.held.total >= report.held.longest && report.held.longest >= least);
        assert!(report.waited.total > 0 && report.waited.longest == report.waited.total);
        assert!(report.held.over_1ms > 0);
    }

    #[test]
    fn whoever_gives_way_waits_for_those_before_it_and_for_nobody_else() {
        let lock = Lock::new(0, Clock::start());

        let mut hold = lock.hold();
        hold.give_way();
        drop(hold);
        let report = lock.take_report();
        assert_eq!((report.held.count, report.waited.count), (2, 0));

        contend(&lock, |hold| {
            hold.give_way();
            assert_eq!(**hold, 1, "the other one was let in");
        });
        let report = lock.take_report();
        assert_eq!((report.held.count, report.waited.count), (2 + 3, 2));
    }

    #[test]
    fn what_was_reported_is_not_recent_any_more() {
        let lock = Lock::new(0, Clock::start());
        contend(&lock, |_| ());

        let first = lock.take_report();
        let second = lock.take_report();

        assert!(first.held.longest > 0);
        assert_eq!(first.held.longest_recently, first.held.longest);
        let mut forgotten = first;
        forgotten.forget_recent();
        assert_eq!(second, forgotten);
        assert_eq!((second.held.longest_recently, second.waited.longest_recently), (0, 0));
    }

    /// Somebody holds it, and does this a while after somebody else has come, who adds one.
    fn contend(lock: &Lock<i32>, then: impl FnOnce(&mut Hold<'_, i32>) + Send) {
        let (held, is_held) = mpsc::channel();
        let (come, has_come) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut hold = lock.hold();
                held.send(()).expect("waited for");
                has_come.recv().expect("comes");
                pass(WHILE);
                then(&mut hold);
            });
            is_held.recv().expect("held");
            come.send(()).expect("waited for");
            *lock.hold() += 1;
        });
    }

    #[expect(clippy::disallowed_methods, reason = "no runtime is here that it could stall")]
    fn pass(time: Duration) {
        thread::sleep(time);
    }
}
