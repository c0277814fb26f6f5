use super::UserProperties;
use crate::types::{PacketId, ReasonCode};

/// PUBACK, PUBREC, PUBREL and PUBCOMP, sections 3.4 to 3.7: four packets of one form.
#[derive(Debug, Clone, PartialEq)]
pub struct Ack<'a> {
    /// Of the PUBLISH that this belongs to.
    pub packet_id: PacketId,
    /// Which reasons are legal depends on the packet.
    pub reason: ReasonCode,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
}
