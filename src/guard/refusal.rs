use std::fmt;

/// Why somebody was not let in, or something not taken: what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many connections as may be.
    Connections,
    /// There are as many on the listener.
    ListenerConnections,
    /// As many sockets as may be have not had a CONNECT accepted.
    Unauthenticated,
    /// As many on the listener have not.
    ListenerUnauthenticated,
    /// The address has as many connections as it may have.
    AddressConnections,
    /// The address has as many without an accepted CONNECT as it may have.
    AddressUnauthenticated,
    /// The address connects faster than it may.
    AddressRate,
    /// The user has as many clients as it may have.
    UserConnections,
    /// The address, the client or the user is banned.
    Banned,
    /// The broker has too much to do.
    Overload,
    /// There is too little memory.
    Memory,
}

/// How often each [`Refusal`] was.
pub type Refusals = [u64; Refusal::ALL.len()];

impl Refusal {
    /// Every one, in the order of [`Refusals`].
    pub const ALL: [Self; 11] = [
        Self::Connections,
        Self::ListenerConnections,
        Self::Unauthenticated,
        Self::ListenerUnauthenticated,
        Self::AddressConnections,
        Self::AddressUnauthenticated,
        Self::AddressRate,
        Self::UserConnections,
        Self::Banned,
        Self::Overload,
        Self::Memory,
    ];

    /// Where it stands in [`Refusals`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// For machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ListenerConnections => "listener_connections",
            Self::Unauthenticated => "unauthenticated",
            Self::ListenerUnauthenticated => "listener_unauthenticated",
            Self::AddressConnections => "address_connections",
            Self::AddressUnauthenticated => "address_unauthenticated",
            Self::AddressRate => "address_rate",
            Self::UserConnections => "user_connections",
            Self::Banned => "banned",
            Self::Overload => "overload",
            Self::Memory => "memory",
        }
    }

    /// For people.
    pub fn why(self) -> &'static str {
        match self {
            Self::Connections => "limits.connections_max is reached",
            Self::ListenerConnections => "connections_max of its listener is reached",
            Self::Unauthenticated => "limits.unauthenticated_max is reached",
            Self::ListenerUnauthenticated => "unauthenticated_max of its listener is reached",
            Self::AddressConnections => "connections_per_address_max is reached",
            Self::AddressUnauthenticated => "unauthenticated_per_address_max is reached",
            Self::AddressRate => "it connects faster than connects_per_minute_per_address",
            Self::UserConnections => "limits.connections_per_user_max is reached",
            Self::Banned => "it is banned",
            Self::Overload => "the broker has too much to do",
            Self::Memory => "limits.memory_bytes_max is reached",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_in_its_own_place() {
        for (place, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal.index(), place);
        }
    }
}
