use std::cell::Cell;

use crate::connection::{Inputs, Output};
use crate::net::Visit;

/// Bytes taken from a socket by one read.
pub const READ_BYTES: usize = 64 * 1024;

/// How much room, in entries, a thread keeps for the next burst; a rare larger one gives it back.
const ENTRIES_KEPT: usize = 4 * 1024;
/// The same for encoded bytes.
const BYTES_KEPT: usize = 256 * 1024;

/// The buffers that a connection needs only while its task runs: one set for each thread, lent to
/// one connection after the other, so that an idle connection has none.
pub struct Scratch {
    /// Where the socket is read into.
    pub read: Box<[u8]>,
    /// What the connection made of it.
    pub inputs: Inputs,
    /// What goes to the broker and comes from it.
    pub visit: Visit,
    /// Room to encode into, empty.
    pub output: Output,
}

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// This thread's set. After a panic that lost it, a new one.
    pub fn borrow() -> Box<Self> {
        SPARE.take().unwrap_or_else(|| Box::new(Self::new()))
    }

    /// Leaves the set for the next connection on this thread.
    pub fn give_back(mut self: Box<Self>) {
        self.inputs.shrink_to(ENTRIES_KEPT);
        self.visit.requests.shrink_to(ENTRIES_KEPT);
        self.visit.outgoing.shrink_to(ENTRIES_KEPT);
        self.output.bytes.shrink_to(BYTES_KEPT);
        SPARE.set(Some(self));
    }

    fn new() -> Self {
        Self {
            read: vec![0; READ_BYTES].into(),
            inputs: Inputs::default(),
            visit: Visit::default(),
            output: Output::default(),
        }
    }
}
