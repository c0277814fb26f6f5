use std::num::NonZeroU16;

/// A packet identifier as it stands on the wire: never zero (`[MQTT-2.2.1-3]`).
pub type PacketId = NonZeroU16;

/// A packet identifier that the client chose: its PUBLISH, SUBSCRIBE and UNSUBSCRIBE.
///
/// Not interchangeable with [`OutboundId`]: both sides may use the same number at the same time
/// for unrelated exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundId(pub PacketId);

/// A packet identifier that the broker chose for a PUBLISH to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboundId(pub PacketId);
