use crate::types::ReasonCode;

/// What is wrong with a packet, and the reason code that says so to an MQTT 5 client.
///
/// `MalformedPacket` where it cannot be parsed, `ProtocolError` where it can but must not be sent,
/// or a more exact code where the standard names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct DecodeError {
    /// For DISCONNECT or CONNACK.
    pub reason: ReasonCode,
    /// For the log: what was wrong, and in which field.
    pub what: &'static str,
}

impl DecodeError {
    /// The bytes do not make up a packet.
    pub const fn malformed(what: &'static str) -> Self {
        Self { reason: ReasonCode::MalformedPacket, what }
    }

    /// The packet is well-formed but forbidden.
    pub const fn protocol(what: &'static str) -> Self {
        Self { reason: ReasonCode::ProtocolError, what }
    }
}
