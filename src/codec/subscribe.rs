use super::UserProperties;
use crate::types::{PacketId, SubscriptionOptions};

/// SUBSCRIBE, section 3.8.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe<'a> {
    /// Answered in SUBACK.
    pub packet_id: PacketId,
    /// At least one. The subscription identifier of the packet stands in each filter's options.
    pub filters: Vec<SubscribeFilter<'a>>,
    /// In the client's order.
    pub user_properties: UserProperties<'a>,
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscribeFilter<'a> {
    /// As sent: whether it is a topic filter is not the codec's business.
    pub filter: &'a str,
    /// QoS and, in 5.0, the other options.
    pub options: SubscriptionOptions,
}
