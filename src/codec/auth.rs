use super::property::{AUTH, MISPLACED, Property, Section, check_authentication, put_properties};
use super::reader::Reader;
use super::writer::put_with_length;
use super::{DecodeError, UserProperties, packet_type, reason_in};
use crate::types::{Protocol, ReasonCode};

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

/// Table 3-11.
const REASONS: &[ReasonCode] =
    &[ReasonCode::Success, ReasonCode::ContinueAuthentication, ReasonCode::ReAuthenticate];

impl<'a> Auth<'a> {
    pub(super) fn decode(body: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut auth = Self { reason: reason_in(body.u8()?, REASONS)?, ..Self::default() };
        auth.decode_properties(body)?;
        check_authentication(auth.authentication_method, auth.authentication_data)?;
        match auth.authentication_method {
            Some(_) => Ok(auth),
            None => Err(DecodeError::protocol("AUTH without an authentication method")),
        }
    }

    fn decode_properties(&mut self, body: &mut Reader<'a>) -> Result<(), DecodeError> {
        let mut section = Section::open(body, AUTH, Protocol::V5)?;
        while let Some(property) = section.read()? {
            match property {
                Property::AuthenticationMethod(name) => self.authentication_method = Some(name),
                Property::AuthenticationData(data) => self.authentication_data = Some(data),
                Property::ReasonString(text) => self.reason_string = Some(text),
                Property::UserProperty(pair) => self.user_properties.push(pair),
                _ => return Err(MISPLACED),
            }
        }
        Ok(())
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(packet_type::AUTH << 4);
        if *self == Self::default() {
            return out.push(0);
        }
        put_with_length(out, |out| {
            out.push(self.reason.byte());
            let properties = [
                self.authentication_method.map(Property::AuthenticationMethod),
                self.authentication_data.map(Property::AuthenticationData),
                self.reason_string.map(Property::ReasonString),
            ];
            put_properties(out, properties, &self.user_properties);
        });
    }
}
