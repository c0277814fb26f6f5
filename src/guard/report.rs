use super::Refusals;

/// How those who protect the broker are doing, for whoever looks after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GuardReport {
    /// How often each limit was reached, since the start.
    pub refusals: Refusals,
    /// Sockets whose CONNECT has not been accepted yet.
    pub unauthenticated: u64,
    /// Addresses, clients and users that are banned now.
    pub bans: u64,
    /// How often somebody was banned, since the start.
    pub bans_made: u64,
    /// Logins that failed, since the start.
    pub failed_logins: u64,
    /// How often reading from a client paused because it published faster than it may.
    pub pauses: u64,
    /// Messages that were larger than a publish rate can ever let through.
    pub too_large_for_rate: u64,
    /// How late the broker was at the last look, in microseconds.
    pub late_micros: u64,
    /// The latest that it was since the start.
    pub late_micros_max: u64,
    /// Resident memory in bytes; 0 where that is not known.
    pub memory_bytes: u64,
    /// From how many bytes on nothing new is begun; 0 for none.
    pub memory_bytes_max: u64,
    /// Whether that is reached.
    pub is_memory_short: bool,
}
