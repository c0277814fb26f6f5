use super::UserProperties;
use crate::types::{PacketId, ReasonCode};

/// SUBACK, section 3.9. For 3.1.1 every error is 0x80.
#[derive(Debug, Clone, PartialEq)]
pub struct SubAck<'a> {
    /// Of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// One for each filter, in order.
    pub reasons: Vec<ReasonCode>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
}

/// UNSUBACK, section 3.11. In 3.1.1 it has no reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsubAck<'a> {
    /// Of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// One for each filter, in order.
    pub reasons: Vec<ReasonCode>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
}
