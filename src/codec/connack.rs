use super::property::{
    CONNACK, MISPLACED, Property, Section, check_authentication, put_properties,
};
use super::reader::Reader;
use super::writer::put_with_length;
use super::{DecodeError, UserProperties, packet_type, reason_in};
use crate::types::{Protocol, QoS, ReasonCode};

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

/// Table 3-1.
const REASONS: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::UnspecifiedError,
    ReasonCode::MalformedPacket,
    ReasonCode::ProtocolError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
    ReasonCode::ServerUnavailable,
    ReasonCode::ServerBusy,
    ReasonCode::Banned,
    ReasonCode::BadAuthenticationMethod,
    ReasonCode::TopicNameInvalid,
    ReasonCode::PacketTooLarge,
    ReasonCode::QuotaExceeded,
    ReasonCode::PayloadFormatInvalid,
    ReasonCode::RetainNotSupported,
    ReasonCode::QoSNotSupported,
    ReasonCode::UseAnotherServer,
    ReasonCode::ServerMoved,
    ReasonCode::ConnectionRateExceeded,
];

/// The reason that each return code of 3.1.1 stands for, table 3.1 there.
const RETURN_CODES: [ReasonCode; 6] = [
    ReasonCode::Success,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::ServerUnavailable,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
];

/// The return code that comes nearest to `reason`: "Server unavailable" where none says more.
const fn return_code(reason: ReasonCode) -> u8 {
    match reason {
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::BadUserNameOrPassword | ReasonCode::BadAuthenticationMethod => 4,
        ReasonCode::NotAuthorized | ReasonCode::Banned => 5,
        _ if reason.is_error() => 3,
        _ => 0,
    }
}

impl<'a> ConnAck<'a> {
    pub(super) fn decode(body: &mut Reader<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        let session_present = decode_flags(body.u8()?, protocol)?;
        let reason = decode_reason(body.u8()?, protocol)?;
        if session_present && reason.is_error() {
            return Err(DecodeError::protocol("CONNACK refuses and has a session"));
        }
        let mut connack = Self { session_present, reason, ..Self::default() };
        connack.decode_properties(body, protocol)?;
        Ok(connack)
    }

    fn decode_properties(
        &mut self,
        body: &mut Reader<'a>,
        protocol: Protocol,
    ) -> Result<(), DecodeError> {
        let mut section = Section::open(body, CONNACK, protocol)?;
        while let Some(property) = section.read()? {
            self.take(property)?;
        }
        check_authentication(self.authentication_method, self.authentication_data)
    }

    fn take(&mut self, property: Property<'a>) -> Result<(), DecodeError> {
        use Property::*;
        match property {
            SessionExpiryInterval(secs) => self.session_expiry_secs = Some(secs),
            ReceiveMaximum(count) => self.receive_maximum = Some(count),
            MaximumQoS(qos) => self.maximum_qos = Some(qos),
            RetainAvailable(yes) => self.retain_available = Some(yes),
            MaximumPacketSize(bytes) => self.maximum_packet_size = Some(bytes),
            AssignedClientIdentifier(id) => self.assigned_client_id = Some(id),
            TopicAliasMaximum(count) => self.topic_alias_maximum = Some(count),
            ReasonString(text) => self.reason_string = Some(text),
            UserProperty(pair) => self.user_properties.push(pair),
            WildcardSubscriptionAvailable(yes) => self.wildcard_subscription_available = Some(yes),
            SubscriptionIdentifierAvailable(yes) => {
                self.subscription_identifiers_available = Some(yes);
            }
            SharedSubscriptionAvailable(yes) => self.shared_subscription_available = Some(yes),
            ServerKeepAlive(secs) => self.server_keep_alive_secs = Some(secs),
            ResponseInformation(text) => self.response_information = Some(text),
            ServerReference(server) => self.server_reference = Some(server),
            AuthenticationMethod(name) => self.authentication_method = Some(name),
            AuthenticationData(data) => self.authentication_data = Some(data),
            _ => return Err(MISPLACED),
        }
        Ok(())
    }

    pub(super) fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        out.push(packet_type::CONNACK << 4);
        put_with_length(out, |out| {
            out.push(self.flags(protocol));
            if protocol.is_v5() {
                out.push(self.reason.byte());
                self.encode_properties(out);
            } else {
                out.push(return_code(self.reason));
            }
        });
    }

    /// `[MQTT-3.2.2-6]`: a refusal never has a session. 3.1 does not know of Session Present.
    fn flags(&self, protocol: Protocol) -> u8 {
        let told = protocol != Protocol::V31 && !self.reason.is_error();
        (self.session_present && told).into()
    }

    /// In the order in which clients are used to see them from Mosquitto.
    fn encode_properties(&self, out: &mut Vec<u8>) {
        use Property::*;
        let properties = [
            self.topic_alias_maximum.map(TopicAliasMaximum),
            self.session_expiry_secs.map(SessionExpiryInterval),
            self.assigned_client_id.map(AssignedClientIdentifier),
            self.server_keep_alive_secs.map(ServerKeepAlive),
            self.authentication_method.map(AuthenticationMethod),
            self.authentication_data.map(AuthenticationData),
            self.receive_maximum.map(ReceiveMaximum),
            self.retain_available.map(RetainAvailable),
            self.maximum_packet_size.map(MaximumPacketSize),
            self.maximum_qos.filter(|qos| *qos != QoS::ExactlyOnce).map(MaximumQoS),
            self.wildcard_subscription_available.map(WildcardSubscriptionAvailable),
            self.subscription_identifiers_available.map(SubscriptionIdentifierAvailable),
            self.shared_subscription_available.map(SharedSubscriptionAvailable),
            self.response_information.map(ResponseInformation),
            self.server_reference.map(ServerReference),
            self.reason_string.map(ReasonString),
        ];
        put_properties(out, properties, &self.user_properties);
    }
}

/// `[MQTT-3.2.2-1]`: only Session Present.
fn decode_flags(flags: u8, protocol: Protocol) -> Result<bool, DecodeError> {
    match flags {
        0 => Ok(false),
        1 if protocol != Protocol::V31 => Ok(true),
        _ => Err(DecodeError::malformed("reserved flags of CONNACK are set")),
    }
}

fn decode_reason(byte: u8, protocol: Protocol) -> Result<ReasonCode, DecodeError> {
    if protocol.is_v5() {
        return reason_in(byte, REASONS);
    }
    RETURN_CODES
        .get(usize::from(byte))
        .copied()
        .ok_or(DecodeError::protocol("CONNACK has a reserved return code"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_return_code_in_3_1_1() {
        let code = |reason| {
            let connack = ConnAck { reason, session_present: true, ..ConnAck::default() };
            bytes(&connack, Protocol::V311)[3]
        };
        let told: Vec<u8> = REASONS.iter().map(|reason| code(*reason)).collect();
        assert_eq!(told, [0, 3, 3, 3, 3, 1, 2, 4, 5, 3, 3, 5, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
        for (byte, reason) in RETURN_CODES.into_iter().enumerate() {
            assert_eq!(code(reason), byte as u8);
        }
    }

    #[test]
    fn only_success_since_3_1_1_tells_of_a_session() {
        let mut connack = ConnAck { session_present: true, ..ConnAck::default() };
        assert_eq!(bytes(&connack, Protocol::V311), [0x20, 2, 1, 0]);
        assert_eq!(bytes(&connack, Protocol::V31), [0x20, 2, 0, 0]);
        connack.reason = ReasonCode::Banned;
        assert_eq!(bytes(&connack, Protocol::V311), [0x20, 2, 0, 5]);
        assert_eq!(bytes(&connack, Protocol::V5), [0x20, 3, 0, 0x8a, 0]);
    }

    #[test]
    fn properties_stand_in_mosquittos_order() {
        let connack = ConnAck {
            maximum_qos: Some(QoS::AtLeastOnce),
            receive_maximum: Some(20),
            assigned_client_id: Some("x"),
            topic_alias_maximum: Some(10),
            ..ConnAck::default()
        };
        assert_eq!(
            bytes(&connack, Protocol::V5),
            [0x20, 15, 0, 0, 12, 0x22, 0, 10, 0x12, 0, 1, b'x', 0x21, 0, 20, 0x24, 1]
        );
    }

    fn bytes(connack: &ConnAck<'_>, protocol: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        connack.encode(protocol, &mut out);
        out
    }
}
