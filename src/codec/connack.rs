use super::UserProperties;
use crate::types::{QoS, ReasonCode};

/// CONNACK, section 3.2. For 3.1.1 the reason is turned into one of its six return codes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConnAck<'a> {
    /// The server has state of this client.
    pub session_present: bool,
    /// Success or why not.
    pub reason: ReasonCode,
    /// Seconds, if other than asked for.
    pub session_expiry_secs: Option<u32>,
    /// If other than 65,535.
    pub receive_maximum: Option<u16>,
    /// If not QoS 2.
    pub maximum_qos: Option<QoS>,
    /// `None` is yes.
    pub retain_available: Option<bool>,
    /// In bytes; `None` is no limit.
    pub maximum_packet_size: Option<u32>,
    /// If the client sent none.
    pub assigned_client_id: Option<&'a str>,
    /// `None` is 0.
    pub topic_alias_maximum: Option<u16>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
    /// `None` is yes.
    pub wildcard_subscription_available: Option<bool>,
    /// `None` is yes.
    pub subscription_identifiers_available: Option<bool>,
    /// `None` is yes.
    pub shared_subscription_available: Option<bool>,
    /// Seconds, if other than asked for.
    pub server_keep_alive_secs: Option<u16>,
    /// If it was asked for.
    pub response_information: Option<&'a str>,
    /// Where else to go.
    pub server_reference: Option<&'a str>,
    /// As in CONNECT.
    pub authentication_method: Option<&'a str>,
    /// Only with a method.
    pub authentication_data: Option<&'a [u8]>,
}
