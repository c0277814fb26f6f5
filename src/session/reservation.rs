use crate::types::Lsn;

/// How far a connection may send: only queue numbers that are durably reserved. So a restart knows
/// every number that may have been sent, whatever has become of its message.
#[derive(Debug, Clone, Copy)]
pub struct Reservation {
    /// Numbers below this one are reserved.
    before: u64,
    /// Numbers below this one are, too, as soon as `gate` is durable.
    raised: u64,
    gate: Lsn,
}

impl Reservation {
    /// Nothing is reserved.
    pub const NONE: Self = Self { before: 0, raised: 0, gate: Lsn::NONE };
    /// For sessions that no restart brings back.
    pub const UNLIMITED: Self = Self { before: u64::MAX, raised: u64::MAX, gate: Lsn::NONE };

    /// Numbers below this one may be sent.
    pub fn before(&self, durable: Lsn) -> u64 {
        if self.gate <= durable { self.raised } else { self.before }
    }

    /// Whether all that was asked for is durable.
    pub fn is_settled(&self, durable: Lsn) -> bool {
        self.gate <= durable
    }

    /// Numbers below `before` are reserved when `gate` is durable, as everything asked for earlier is.
    pub fn raise(&mut self, before: u64, gate: Lsn) {
        *self = Self { before: self.raised, raised: before, gate };
    }
}

impl Default for Reservation {
    fn default() -> Self {
        Self::UNLIMITED
    }
}
