use crate::types::{QoS, topic};

/// What the server announces to its clients and holds them to, connection by connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest packet taken from a client, in bytes. From [`PACKET_BYTES_MAX`] on there is no
    /// limit but that of the protocol.
    pub maximum_packet_size: u32,
    /// How many topic aliases a client may set (`[MQTT-3.2.2-17]`).
    pub topic_alias_maximum: u16,
    /// How many topic aliases the server sets for a client that allows more. Never more than
    /// [`ALIASES_OUT_MAX`].
    pub topic_alias_maximum_out: u16,
    /// How many QoS > 0 PUBLISH packets a client may have unfinished.
    pub receive_maximum: u16,
    /// The highest QoS that a client may publish with (`[MQTT-3.2.2-9]`).
    pub maximum_qos: QoS,
    /// Whether clients may publish with RETAIN (`[MQTT-3.2.2-14]`).
    pub retain_available: bool,
    /// Whether topic filters may have wildcards.
    pub wildcard_subscriptions: bool,
    /// Whether `$share/…` may be subscribed to.
    pub shared_subscriptions: bool,
    /// Whether SUBSCRIBE may carry a subscription identifier.
    pub subscription_identifiers: bool,
    /// Whether a payload that claims to be UTF-8 is looked at.
    pub check_payload_format: bool,
    /// Whether a client may leave its identifier to the server (`[MQTT-3.1.3-6]`).
    pub allow_zero_length_client_id: bool,
    /// How many levels a topic name or a topic filter may have.
    pub topic_levels_max: usize,
    /// How many bytes a topic name or a topic filter may have.
    pub topic_bytes_max: usize,
    /// The largest CONNECT, and the largest AUTH before CONNACK, in bytes; at most
    /// [`CONNECT_BYTES_MAX`].
    pub connect_bytes_max: usize,
    /// The longest client identifier, in bytes.
    pub client_id_bytes_max: usize,
    /// Whether the client's messages are acknowledged as soon as they are taken, and not when they are
    /// durable.
    pub acknowledged_at_once: bool,
    /// What an acknowledgement promises, told to MQTT 5 clients as the user property
    /// [`DURABILITY_PROPERTY`].
    pub durability: Option<&'static str>,
    /// Told to clients that request response information.
    pub response_information: Option<String>,
}

/// The most that a remaining length can count, in bytes (section 2.1.4).
pub const PACKET_BYTES_MAX: u32 = 268_435_455;

/// The name of the user property of CONNACK that tells what an acknowledgement promises.
pub const DURABILITY_PROPERTY: &str = "durability";

/// The name of the user property of CONNACK that tells a client that there was no room for after how
/// many seconds it may try again.
pub const RETRY_AFTER_PROPERTY: &str = "retry-after-secs";

/// The largest CONNECT, in bytes: what may be sent by somebody nobody knows yet.
pub const CONNECT_BYTES_MAX: usize = 1 << 20;

/// The most topic aliases set for one client: each PUBLISH looks through all of them.
pub const ALIASES_OUT_MAX: u16 = 64;

/// As many levels as topics have at Mosquitto: 200 slashes.
const TOPIC_LEVELS_USUAL: usize = 201;

impl Default for Limits {
    fn default() -> Self {
        Self {
            maximum_packet_size: PACKET_BYTES_MAX,
            topic_alias_maximum: 10,
            topic_alias_maximum_out: 10,
            receive_maximum: 20,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscriptions: true,
            shared_subscriptions: true,
            subscription_identifiers: true,
            check_payload_format: false,
            allow_zero_length_client_id: true,
            topic_levels_max: TOPIC_LEVELS_USUAL,
            topic_bytes_max: usize::from(u16::MAX),
            connect_bytes_max: CONNECT_BYTES_MAX,
            client_id_bytes_max: 65_535,
            acknowledged_at_once: false,
            durability: None,
            response_information: None,
        }
    }
}

impl Limits {
    /// The limit to announce in CONNACK, where there is one.
    pub(super) fn announced_packet_size(&self) -> Option<u32> {
        (self.maximum_packet_size < PACKET_BYTES_MAX).then_some(self.maximum_packet_size)
    }

    /// The largest packet taken from a connected client, header included, in bytes.
    pub(super) fn packet_bytes_max(&self) -> usize {
        self.announced_packet_size().map_or(usize::MAX, |bytes| bytes as usize)
    }

    /// The largest packet taken before the client is known, in bytes.
    pub(super) fn connect_bytes_max(&self) -> usize {
        self.packet_bytes_max().min(self.connect_bytes_max)
    }

    /// Whether `text`, a topic name or filter, has more levels or bytes than allowed: it is refused.
    pub(super) fn is_too_long(&self, text: &str) -> bool {
        text.len() > self.topic_bytes_max || has_more_levels(text, self.topic_levels_max)
    }

    /// Whether `text` has more levels than allowed here and anywhere else. Nobody comes to that by
    /// honest work: the connection is closed, as clients know it from Mosquitto.
    pub(super) fn has_absurdly_many_levels(&self, text: &str) -> bool {
        has_more_levels(text, self.topic_levels_max.max(TOPIC_LEVELS_USUAL))
    }
}

fn has_more_levels(text: &str, max: usize) -> bool {
    // Nearly every text is shorter than the fewest bytes that so many levels take.
    text.len() >= max && topic::levels(text).count() > max
}
