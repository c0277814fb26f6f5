use super::UserProperties;
use crate::types::PacketId;

/// UNSUBSCRIBE, section 3.10.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsubscribe<'a> {
    /// Answered in UNSUBACK.
    pub packet_id: PacketId,
    /// At least one, as sent.
    pub filters: Vec<&'a str>,
    /// In the client's order.
    pub user_properties: UserProperties<'a>,
}
