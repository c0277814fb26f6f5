/// Where a session stands in the broker's table. Valid as long as the session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u32);

/// A shared subscription: one share name with one topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(pub u32);

/// One network connection that got past CONNECT.
///
/// `slot` is reused after the connection is gone, `generation` never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// Index into tables that run beside the broker's.
    pub slot: u32,
    /// Tells apart the connections that used the same slot.
    pub generation: u32,
}

/// Log sequence number of a batch of durable changes. Zero is before the first batch:
/// what depends on it never waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Depends on nothing.
    pub const NONE: Self = Self(0);
}
