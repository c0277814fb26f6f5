use std::collections::BTreeSet;

use crate::types::{ConnId, SessionKey, Timestamp};

/// What is to happen at some moment, earliest first.
#[derive(Debug, Default)]
pub struct Timers {
    due: BTreeSet<(Timestamp, Timer)>,
}

/// Something that happens because time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Look whether the client has been silent too long. Not moved when something arrives: it is
    /// set again when it finds that the client was not silent.
    KeepAlive(ConnId),
    /// The will delay is over.
    Will(SessionKey),
    /// The session expiry interval is over.
    SessionEnd(SessionKey),
}

impl Timers {
    /// Does nothing for a moment that never comes.
    pub fn set(&mut self, at: Timestamp, timer: Timer) {
        if at != Timestamp::NEVER {
            self.due.insert((at, timer));
        }
    }

    pub fn cancel(&mut self, at: Timestamp, timer: Timer) {
        self.due.remove(&(at, timer));
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The earliest timer, if its moment has come.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, _) = self.due.first()?;
        if *at > now {
            return None;
        }
        self.due.pop_first().map(|(_, timer)| timer)
    }
}
