use super::UserProperties;
use crate::types::{Protocol, QoS};

/// CONNECT, section 3.1.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect<'a> {
    /// From protocol name and level.
    pub protocol: Protocol,
    /// May be empty.
    pub client_id: &'a str,
    /// Clean Session or Clean Start.
    pub clean_start: bool,
    /// Seconds; 0 turns it off.
    pub keep_alive_secs: u16,
    /// Seconds; `None` is 0.
    pub session_expiry_secs: Option<u32>,
    /// 1 to 65,535.
    pub receive_maximum: Option<u16>,
    /// 1 to 4,294,967,295 bytes.
    pub maximum_packet_size: Option<u32>,
    /// How many aliases the client takes.
    pub topic_alias_maximum: Option<u16>,
    /// `None` is no.
    pub request_response_information: Option<bool>,
    /// `None` is yes.
    pub request_problem_information: Option<bool>,
    /// Extended authentication.
    pub authentication_method: Option<&'a str>,
    /// Only with a method.
    pub authentication_data: Option<&'a [u8]>,
    /// In the client's order.
    pub user_properties: UserProperties<'a>,
    /// The will, if its flag is set.
    pub will: Option<LastWill<'a>>,
    /// User name.
    pub username: Option<&'a str>,
    /// Password: any bytes.
    pub password: Option<&'a [u8]>,
}

/// The will in a CONNECT.
#[derive(Debug, Clone, PartialEq)]
pub struct LastWill<'a> {
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// A valid topic name.
    pub topic: &'a str,
    /// Any bytes.
    pub payload: &'a [u8],
    /// Seconds; `None` is 0.
    pub delay_secs: Option<u32>,
    /// Message expiry interval in seconds.
    pub message_expiry_secs: Option<u32>,
    /// Payload format indicator, content type, response topic, correlation data and user
    /// properties, encoded, in the client's order: what is passed on unaltered.
    pub passed_on: std::borrow::Cow<'a, [u8]>,
}
