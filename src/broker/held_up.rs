use super::Broker;
use super::conns::Conn;
use crate::types::{ConnId, Lsn, Timestamp};

/// Why nothing is read from a connection, through no fault of its client's. There may be several
/// reasons at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The store is behind.
    Store,
    /// The client has published faster than it may.
    Pace,
    /// Somebody elsewhere is asked what the client may do.
    Question,
}

/// How many reasons there are.
pub const PAUSES: usize = 3;

impl Broker {
    /// Nothing is read from this connection until [`Self::handle_resumed`] for the same reason: the
    /// client's silence is ours and does not count against its keep alive.
    pub fn handle_paused(&mut self, id: ConnId, why: Pause) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.pauses[why as usize] = true;
        }
    }

    /// One reason is over. After the last one the connection is read from again: its silence counts
    /// from here.
    pub fn handle_resumed(&mut self, id: ConnId, why: Pause, now: Timestamp) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.pauses[why as usize] = false;
            conn.last_received = now;
        }
    }
}

impl Conn {
    /// Whether the client may have sent what nobody reads: its connection is paused, its next message
    /// waits for memory, or its requests wait for answers that wait for the disk. Answers that the
    /// client does not read are its own doing.
    pub fn is_held_up(&self, durable: Lsn) -> bool {
        let waits_for_disk = self.replies.front().is_some_and(|(gate, _)| *gate > durable);
        self.pauses.contains(&true) || self.held_back || self.has_requests && waits_for_disk
    }
}
