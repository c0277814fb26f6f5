use super::UserProperties;
use crate::types::ReasonCode;

/// DISCONNECT, section 3.14. In 3.1.1 only a client sends it, and it is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Disconnect<'a> {
    /// Why.
    pub reason: ReasonCode,
    /// Seconds; from a client only.
    pub session_expiry_secs: Option<u32>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
    /// From a server only.
    pub server_reference: Option<&'a str>,
}
