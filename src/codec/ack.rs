use super::property::{ACK, Property, put_properties, reason_properties};
use super::reader::Reader;
use super::writer::{put_packet_id, put_with_length};
use super::{DecodeError, Frame, UserProperties, packet_type, reason_in};
use crate::types::{PacketId, Protocol, ReasonCode};

/// PUBACK, PUBREC, PUBREL and PUBCOMP, sections 3.4 to 3.7: four packets of one form.
#[derive(Debug, Clone, PartialEq)]
pub struct Ack<'a> {
    /// Of the PUBLISH that this belongs to.
    pub packet_id: PacketId,
    /// Which reasons are legal depends on the packet.
    pub reason: ReasonCode,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// For programs.
    pub user_properties: UserProperties<'a>,
}

/// An acknowledgement that says nothing but yes, as nearly all of them do: the same four bytes in every
/// version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PlainAck {
    PubAck(PacketId),
    PubRec(PacketId),
    PubRel(PacketId),
    PubComp(PacketId),
}

impl PlainAck {
    /// Bytes of each of them.
    pub const LEN: usize = 4;

    /// The one that `frame` is.
    pub fn decode(frame: &Frame<'_>) -> Option<Self> {
        let id = PacketId::new(u16::from_be_bytes(frame.body.try_into().ok()?))?;
        match frame.first >> 4 {
            packet_type::PUBACK => Some(Self::PubAck(id)),
            packet_type::PUBREC => Some(Self::PubRec(id)),
            packet_type::PUBREL => Some(Self::PubRel(id)),
            packet_type::PUBCOMP => Some(Self::PubComp(id)),
            _ => None,
        }
    }

    /// Appends it to `out`.
    pub fn encode(self, out: &mut Vec<u8>) {
        let (first, id) = match self {
            Self::PubAck(id) => (packet_type::PUBACK << 4, id),
            Self::PubRec(id) => (packet_type::PUBREC << 4, id),
            Self::PubRel(id) => (packet_type::PUBREL << 4 | 0b0010, id),
            Self::PubComp(id) => (packet_type::PUBCOMP << 4, id),
        };
        let [high, low] = id.get().to_be_bytes();
        out.extend_from_slice(&[first, 2, high, low]);
    }
}

/// Of PUBACK and PUBREC, tables 3-4 and 3-5.
pub(super) const PUBLISH_REASONS: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicNameInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::QuotaExceeded,
    ReasonCode::PayloadFormatInvalid,
];

/// Of PUBREL and PUBCOMP, tables 3-6 and 3-7.
pub(super) const RELEASE_REASONS: &[ReasonCode] =
    &[ReasonCode::Success, ReasonCode::PacketIdentifierNotFound];

impl<'a> Ack<'a> {
    /// Without anything for people or programs.
    pub fn new(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self { packet_id, reason, reason_string: None, user_properties: Vec::new() }
    }

    pub(super) fn decode(
        body: &mut Reader<'a>,
        protocol: Protocol,
        legal: &[ReasonCode],
    ) -> Result<Self, DecodeError> {
        let mut ack = Self::new(body.packet_id()?, ReasonCode::Success);
        if protocol.is_v5() && !body.is_empty() {
            ack.reason = reason_in(body.u8()?, legal)?;
        }
        if protocol.is_v5() && !body.is_empty() {
            (ack.reason_string, ack.user_properties) = reason_properties(body, ACK, protocol)?;
        }
        Ok(ack)
    }

    /// Success without properties goes unsaid, and so do properties that are not there.
    pub(super) fn encode(&self, first: u8, protocol: Protocol, out: &mut Vec<u8>) {
        let bare = self.reason_string.is_none() && self.user_properties.is_empty();
        if !protocol.is_v5() || bare && self.reason == ReasonCode::Success {
            let [high, low] = self.packet_id.get().to_be_bytes();
            return out.extend_from_slice(&[first, 2, high, low]);
        }
        out.push(first);
        put_with_length(out, |out| {
            put_packet_id(out, self.packet_id);
            out.push(self.reason.byte());
            if !bare {
                let reason_string = self.reason_string.map(Property::ReasonString);
                put_properties(out, [reason_string], &self.user_properties);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Packet, decode, encode, frame};
    use super::*;

    #[test]
    fn an_ack_is_as_short_as_its_version_and_reason_allow() {
        let id = PacketId::new(0x0102).expect("not zero");
        let mut ack = Ack::new(id, ReasonCode::Success);
        assert_eq!(bytes(&ack, Protocol::V311), [0x40, 2, 1, 2]);
        assert_eq!(bytes(&ack, Protocol::V5), [0x40, 2, 1, 2]);

        ack.reason = ReasonCode::NoMatchingSubscribers;
        assert_eq!(bytes(&ack, Protocol::V5), [0x40, 3, 1, 2, 0x10]);

        ack.reason_string = Some("no");
        assert_eq!(bytes(&ack, Protocol::V5), [0x40, 9, 1, 2, 0x10, 5, 0x1f, 0, 2, b'n', b'o']);
        assert_eq!(bytes(&ack, Protocol::V311), [0x40, 2, 1, 2]);
    }

    #[test]
    fn every_form_of_an_ack_is_read() {
        let id = PacketId::new(7).expect("not zero");
        let success = Packet::PubComp(Ack::new(id, ReasonCode::Success));
        for form in [&[0x70, 2, 0, 7][..], &[0x70, 3, 0, 7, 0], &[0x70, 4, 0, 7, 0, 0]] {
            let frame = frame(form, 100).expect("legal").expect("whole");
            assert_eq!(decode(frame, Protocol::V5), Ok(success.clone()));
        }
    }

    #[test]
    fn a_plain_ack_is_what_success_is_in_every_version() {
        let id = PacketId::new(0x0102).expect("not zero");
        let ack = Ack::new(id, ReasonCode::Success);
        for (plain, packet) in [
            (PlainAck::PubAck(id), Packet::PubAck(ack.clone())),
            (PlainAck::PubRec(id), Packet::PubRec(ack.clone())),
            (PlainAck::PubRel(id), Packet::PubRel(ack.clone())),
            (PlainAck::PubComp(id), Packet::PubComp(ack)),
        ] {
            let mut bytes = Vec::new();
            plain.encode(&mut bytes);
            assert_eq!(bytes.len(), PlainAck::LEN);
            let frame = frame(&bytes, 100).expect("legal").expect("whole");
            assert_eq!(PlainAck::decode(&frame), Some(plain));
            for protocol in [Protocol::V31, Protocol::V311, Protocol::V5] {
                assert_eq!(decode(frame, protocol), Ok(packet.clone()));
                let mut same = Vec::new();
                encode(&packet, protocol, &mut same);
                assert_eq!(same, bytes);
            }
        }
    }

    #[test]
    fn what_says_more_or_is_something_else_is_no_plain_ack() {
        for bytes in [&[0x40, 3, 0, 7, 0x10][..], &[0x40, 2, 0, 0], &[0xb0, 2, 0, 7], &[0x40, 0]] {
            let frame = frame(bytes, 100).expect("legal").expect("whole");
            assert_eq!(PlainAck::decode(&frame), None);
        }
    }

    fn bytes(ack: &Ack<'_>, protocol: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&Packet::PubAck(ack.clone()), protocol, &mut out);
        out
    }
}
