use crate::session::DropCause;

/// What the broker has counted since it started. Current sizes stand beside the totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// PUBLISH packets from clients.
    pub publishes_received: u64,
    /// Those of them that were not taken because the disk was full.
    pub turned_away: u64,
    /// Those of QoS 1 and 2 that were refused because memory was short.
    pub refused_for_memory: u64,
    /// PUBLISH packets to clients.
    pub publishes_sent: u64,
    /// Payload bytes in those from clients.
    pub publish_bytes_received: u64,
    /// Payload bytes in those to clients.
    pub publish_bytes_sent: u64,
    /// Control packets from clients.
    pub packets_received: u64,
    /// Control packets to clients.
    pub packets_sent: u64,
    /// Bytes from clients.
    pub bytes_received: u64,
    /// Bytes to clients.
    pub bytes_sent: u64,
    /// Connections that got past CONNECT.
    pub connections: u64,
    /// The most clients that were connected at a time.
    pub clients_maximum: u64,
    /// Sessions that ended because their expiry interval passed.
    pub sessions_expired: u64,
    /// Messages of queues that only the store has, at this moment.
    pub backlog_messages: u64,
    /// Times that the store was asked for some of them.
    pub backlog_loads: u64,
    /// PUBLISH packets, topic filters and wills of clients that may not publish or subscribe so.
    pub denied: u64,
    /// Deliveries that did not happen, by cause.
    pub dropped: Drops,
}

/// Deliveries that did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// The queue of the receiver was full.
    pub queue_full: u64,
    /// The message expiry interval passed before it could be sent.
    pub expired: u64,
    /// The receiver does not take packets of that size.
    pub too_large: u64,
    /// QoS 0 for a client that was not connected.
    pub offline: u64,
    /// The session ended before its queue was sent.
    pub session_ended: u64,
    /// A retained message for which there was no room.
    pub retained_full: u64,
    /// The store could not give it back.
    pub lost: u64,
    /// The receiver may not receive its topic.
    pub denied: u64,
}

impl Drops {
    /// Each cause with its name.
    pub fn by_cause(&self) -> [(&'static str, u64); 8] {
        [
            ("queue_full", self.queue_full),
            ("expired", self.expired),
            ("too_large", self.too_large),
            ("offline", self.offline),
            ("session_ended", self.session_ended),
            ("retained_full", self.retained_full),
            ("lost", self.lost),
            ("denied", self.denied),
        ]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_cause().iter().map(|(_, count)| count).sum()
    }

    pub(super) fn count(&mut self, cause: DropCause) {
        match cause {
            DropCause::Expired => self.expired += 1,
            DropCause::TooLarge => self.too_large += 1,
            DropCause::Denied => self.denied += 1,
        }
    }
}
