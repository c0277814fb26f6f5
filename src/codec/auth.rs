use super::UserProperties;
use crate::types::ReasonCode;

/// AUTH, section 3.15: 5.0 only.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Auth<'a> {
    /// Success, continue or re-authenticate.
    pub reason: ReasonCode,
    /// Must be there unless the packet is empty.
    pub authentication_method: Option<&'a str>,
    /// Any bytes.
    pub authentication_data: Option<&'a [u8]>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
}
