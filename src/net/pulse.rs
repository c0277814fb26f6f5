use std::sync::atomic::Ordering;

use super::Shared;
use crate::store::CommitPulse;

/// Signs of life, taken without the broker's lock: whoever holds that may be what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Times that what was due in the broker has been done.
    pub turns: u64,
    /// How the store's thread gets on.
    pub commits: CommitPulse,
}

/// How busy a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Connected at this moment.
    pub clients: usize,
    /// PUBLISH packets from clients since the start.
    pub received: u64,
    /// PUBLISH packets to clients since the start.
    pub sent: u64,
}

impl Shared {
    /// Whether things go on, for those who ask twice.
    pub fn pulse(&self) -> Pulse {
        Pulse { turns: self.turns.load(Ordering::Relaxed), commits: self.commits.pulse() }
    }

    /// How busy it is.
    pub fn activity(&self) -> Activity {
        let clients = self.clients.taken();
        self.act(|core, _, _| {
            let stats = core.broker.stats();
            Activity { clients, received: stats.publishes_received, sent: stats.publishes_sent }
        })
    }
}
