use std::fmt;

use crate::codec::DecodeError;
use crate::types::ReasonCode;

/// A rule that the client broke, for which its connection is closed (section 4.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What an MQTT 5 client is told.
    pub reason: ReasonCode,
    /// What was wrong, for people.
    pub what: &'static str,
}

/// Who ended a connection, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client, with DISCONNECT.
    ByClient {
        /// Its reason; anything but Success leaves the will standing.
        reason: ReasonCode,
    },
    /// The server, because the client broke a rule.
    Fault(Fault),
    /// The server: it did not take the CONNECT, or no longer believes who the client is.
    Refused {
        /// Why, also where the client was told less.
        reason: ReasonCode,
        /// The same for people, in more detail than any client is told.
        why: &'static str,
    },
    /// The server, for a reason of its own.
    ByServer {
        /// What an MQTT 5 client is told.
        reason: ReasonCode,
        /// The same for people.
        why: &'static str,
    },
}

impl Fault {
    pub(super) const fn new(reason: ReasonCode, what: &'static str) -> Self {
        Self { reason, what }
    }

    pub(super) const fn malformed(what: &'static str) -> Self {
        Self::new(ReasonCode::MalformedPacket, what)
    }

    pub(super) const fn protocol(what: &'static str) -> Self {
        Self::new(ReasonCode::ProtocolError, what)
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::new(error.reason, error.what)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02X})", self.what, self.reason.byte())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByClient { reason: ReasonCode::Success } => f.write_str("client disconnected"),
            Self::ByClient { reason } => write!(f, "client disconnected: {reason:?}"),
            Self::Fault(fault) => write!(f, "client broke the protocol: {fault}"),
            Self::Refused { reason, why } => write!(f, "client refused: {why} ({reason:?})"),
            Self::ByServer { reason, why } => write!(f, "closed: {why} ({reason:?})"),
        }
    }
}
