use std::ops::{Deref, DerefMut};

use parking_lot::{Mutex, MutexGuard};

/// What all connections share, and one of them has at a time.
pub(super) struct Lock<T>(Mutex<T>);

/// The lock, held.
pub(super) struct Hold<'a, T> {
    guard: MutexGuard<'a, T>,
    /// A panic was under way before, that has nothing to do with what is inside.
    unwinding: bool,
}

impl<T> Lock<T> {
    pub fn new(inside: T) -> Self {
        Self(Mutex::new(inside))
    }

    /// Waits until nobody else has it.
    pub fn hold(&self) -> Hold<'_, T> {
        Hold { guard: self.0.lock(), unwinding: std::thread::panicking() }
    }
}

impl<T> Deref for Hold<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Hold<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T> Drop for Hold<'_, T> {
    /// A panic inside leaves the broker half-way through a decision. To go on would acknowledge
    /// what was never recorded, so the process ends, and recovers from what is on disk.
    fn drop(&mut self) {
        if std::thread::panicking() && !self.unwinding {
            std::process::abort();
        }
    }
}
