use super::property::{DISCONNECT, MISPLACED, Property, Section, put_properties};
use super::reader::Reader;
use super::writer::put_with_length;
use super::{DecodeError, UserProperties, packet_type, reason_in};
use crate::types::{Protocol, ReasonCode};

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

/// Table 3-10, and "Bad authentication method", which only table 2-6 gives to DISCONNECT.
const REASONS: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::DisconnectWithWill,
    ReasonCode::UnspecifiedError,
    ReasonCode::MalformedPacket,
    ReasonCode::ProtocolError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::ServerBusy,
    ReasonCode::ServerShuttingDown,
    ReasonCode::BadAuthenticationMethod,
    ReasonCode::KeepAliveTimeout,
    ReasonCode::SessionTakenOver,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::TopicNameInvalid,
    ReasonCode::ReceiveMaximumExceeded,
    ReasonCode::TopicAliasInvalid,
    ReasonCode::PacketTooLarge,
    ReasonCode::MessageRateTooHigh,
    ReasonCode::QuotaExceeded,
    ReasonCode::AdministrativeAction,
    ReasonCode::PayloadFormatInvalid,
    ReasonCode::RetainNotSupported,
    ReasonCode::QoSNotSupported,
    ReasonCode::UseAnotherServer,
    ReasonCode::ServerMoved,
    ReasonCode::SharedSubscriptionsNotSupported,
    ReasonCode::ConnectionRateExceeded,
    ReasonCode::MaximumConnectTime,
    ReasonCode::SubscriptionIdentifiersNotSupported,
    ReasonCode::WildcardSubscriptionsNotSupported,
];

impl<'a> Disconnect<'a> {
    pub(super) fn decode(body: &mut Reader<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        let mut disconnect = Self::default();
        if protocol.is_v5() && !body.is_empty() {
            disconnect.reason = reason_in(body.u8()?, REASONS)?;
        }
        if protocol.is_v5() && !body.is_empty() {
            disconnect.decode_properties(body)?;
        }
        Ok(disconnect)
    }

    fn decode_properties(&mut self, body: &mut Reader<'a>) -> Result<(), DecodeError> {
        let mut section = Section::open(body, DISCONNECT, Protocol::V5)?;
        while let Some(property) = section.read()? {
            match property {
                Property::SessionExpiryInterval(secs) => self.session_expiry_secs = Some(secs),
                Property::ReasonString(text) => self.reason_string = Some(text),
                Property::UserProperty(pair) => self.user_properties.push(pair),
                Property::ServerReference(server) => self.server_reference = Some(server),
                _ => return Err(MISPLACED),
            }
        }
        Ok(())
    }

    pub(super) fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        out.push(packet_type::DISCONNECT << 4);
        if !protocol.is_v5() || *self == Self::default() {
            return out.push(0);
        }
        put_with_length(out, |out| {
            out.push(self.reason.byte());
            if *self != (Self { reason: self.reason, ..Self::default() }) {
                self.encode_properties(out);
            }
        });
    }

    fn encode_properties(&self, out: &mut Vec<u8>) {
        let properties = [
            self.session_expiry_secs.map(Property::SessionExpiryInterval),
            self.server_reference.map(Property::ServerReference),
            self.reason_string.map(Property::ReasonString),
        ];
        put_properties(out, properties, &self.user_properties);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disconnect_is_as_short_as_its_version_and_reason_allow() {
        let mut disconnect = Disconnect::default();
        assert_eq!(bytes(&disconnect, Protocol::V311), [0xe0, 0]);
        assert_eq!(bytes(&disconnect, Protocol::V5), [0xe0, 0]);

        disconnect.reason = ReasonCode::SessionTakenOver;
        assert_eq!(bytes(&disconnect, Protocol::V5), [0xe0, 1, 0x8e]);
        assert_eq!(bytes(&disconnect, Protocol::V311), [0xe0, 0]);

        disconnect.session_expiry_secs = Some(1);
        assert_eq!(bytes(&disconnect, Protocol::V5), [0xe0, 7, 0x8e, 5, 0x11, 0, 0, 0, 1]);
    }

    fn bytes(disconnect: &Disconnect<'_>, protocol: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        disconnect.encode(protocol, &mut out);
        out
    }
}
