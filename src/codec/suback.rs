use super::property::{Property, SUBACK, UNSUBACK, put_properties, reason_properties};
use super::reader::Reader;
use super::writer::{put_packet_id, put_with_length};
use super::{DecodeError, UserProperties, packet_type, reason_in};
use crate::types::{PacketId, Protocol, ReasonCode};

/// SUBACK, section 3.9. For 3.1.1 every error is 0x80.
#[derive(Debug, Clone, PartialEq)]
pub struct SubAck<'a> {
    /// Of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// One for each filter, in order.
    pub reasons: Vec<ReasonCode>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
}

/// UNSUBACK, section 3.11. In 3.1.1 it has no reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsubAck<'a> {
    /// Of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// One for each filter, in order.
    pub reasons: Vec<ReasonCode>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
}

/// Table 3-8.
const SUBACK_REASONS: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::GrantedQoS1,
    ReasonCode::GrantedQoS2,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::QuotaExceeded,
    ReasonCode::SharedSubscriptionsNotSupported,
    ReasonCode::SubscriptionIdentifiersNotSupported,
    ReasonCode::WildcardSubscriptionsNotSupported,
];

/// The return codes of 3.1.1 (`[MQTT-3.9.3-2]`).
const SUBACK_RETURN_CODES: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::GrantedQoS1,
    ReasonCode::GrantedQoS2,
    ReasonCode::UnspecifiedError,
];

/// Table 3-9.
const UNSUBACK_REASONS: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::NoSubscriptionExisted,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::PacketIdentifierInUse,
];

impl<'a> SubAck<'a> {
    pub(super) fn decode(body: &mut Reader<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        let packet_id = body.packet_id()?;
        let (reason_string, user_properties) = reason_properties(body, SUBACK, protocol)?;
        let legal = if protocol.is_v5() { SUBACK_REASONS } else { SUBACK_RETURN_CODES };
        let reasons = decode_reasons(body, legal)?;
        Ok(Self { packet_id, reasons, reason_string, user_properties })
    }

    pub(super) fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        out.push(packet_type::SUBACK << 4);
        put_with_length(out, |out| {
            put_packet_id(out, self.packet_id);
            if protocol.is_v5() {
                let reason_string = self.reason_string.map(Property::ReasonString);
                put_properties(out, [reason_string], &self.user_properties);
            }
            out.extend(self.reasons.iter().map(|reason| return_code(*reason, protocol)));
        });
    }
}

fn return_code(reason: ReasonCode, protocol: Protocol) -> u8 {
    if reason.is_error() && !protocol.is_v5() {
        return ReasonCode::UnspecifiedError.byte();
    }
    reason.byte()
}

impl<'a> UnsubAck<'a> {
    pub(super) fn decode(body: &mut Reader<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        let packet_id = body.packet_id()?;
        let (reason_string, user_properties) = reason_properties(body, UNSUBACK, protocol)?;
        let reasons =
            if protocol.is_v5() { decode_reasons(body, UNSUBACK_REASONS)? } else { Vec::new() };
        Ok(Self { packet_id, reasons, reason_string, user_properties })
    }

    pub(super) fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        out.push(packet_type::UNSUBACK << 4);
        put_with_length(out, |out| {
            put_packet_id(out, self.packet_id);
            if protocol.is_v5() {
                let reason_string = self.reason_string.map(Property::ReasonString);
                put_properties(out, [reason_string], &self.user_properties);
                out.extend(self.reasons.iter().map(|reason| reason.byte()));
            }
        });
    }
}

/// All that is left: a reason for each filter, and no request has been without one.
fn decode_reasons(
    body: &mut Reader<'_>,
    legal: &[ReasonCode],
) -> Result<Vec<ReasonCode>, DecodeError> {
    if body.is_empty() {
        return Err(DecodeError::protocol("an acknowledgement without reason codes"));
    }
    let bytes = body.take(body.rest().len())?;
    bytes.iter().map(|byte| reason_in(*byte, legal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_0x80_before_5_0() {
        let suback = SubAck {
            packet_id: PacketId::new(1).expect("not zero"),
            reasons: vec![ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized],
            reason_string: Some("x"),
            user_properties: Vec::new(),
        };
        let mut out = Vec::new();
        suback.encode(Protocol::V311, &mut out);
        assert_eq!(out, [0x90, 4, 0, 1, 2, 0x80]);
        out.clear();
        suback.encode(Protocol::V5, &mut out);
        assert_eq!(out, [0x90, 9, 0, 1, 4, 0x1f, 0, 1, b'x', 2, 0x87]);
    }

    #[test]
    fn unsuback_is_bare_before_5_0() {
        let unsuback = UnsubAck {
            packet_id: PacketId::new(1).expect("not zero"),
            reasons: vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted],
            reason_string: None,
            user_properties: Vec::new(),
        };
        let mut out = Vec::new();
        unsuback.encode(Protocol::V311, &mut out);
        assert_eq!(out, [0xb0, 2, 0, 1]);
        out.clear();
        unsuback.encode(Protocol::V5, &mut out);
        assert_eq!(out, [0xb0, 5, 0, 1, 0, 0, 0x11]);
    }
}
