use super::Broker;
use super::conns::Conn;
use crate::types::{ConnId, Lsn, Timestamp};

impl Broker {
    /// Nothing is read from this connection until [`Self::handle_resumed`], because the store is
    /// behind: the client's silence is ours and does not count against its keep alive.
    pub fn handle_paused(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.paused = true;
        }
    }

    /// This connection is read from again: its silence counts from here.
    pub fn handle_resumed(&mut self, id: ConnId, now: Timestamp) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.paused = false;
            conn.last_received = now;
        }
    }

    /// Nothing is read from this connection until [`Self::handle_unpaced`], because its client has
    /// published faster than it may: the silence that follows is ours.
    pub fn handle_paced(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.paced = true;
        }
    }

    /// This connection is read from again: its silence counts from here.
    pub fn handle_unpaced(&mut self, id: ConnId, now: Timestamp) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.paced = false;
            conn.last_received = now;
        }
    }
}

impl Conn {
    /// Whether the client may have sent what nobody reads: its connection is paused, its next message
    /// waits for memory, or its requests wait for answers that wait for the disk. Answers that the client does not read are its own
    /// doing.
    pub fn is_held_up(&self, durable: Lsn) -> bool {
        let waits_for_disk = self.replies.front().is_some_and(|(gate, _)| *gate > durable);
        self.paused || self.paced || self.held_back || self.has_requests && waits_for_disk
    }
}
