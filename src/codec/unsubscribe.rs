use super::property::{MISPLACED, Property, Section, UNSUBSCRIBE, put_properties};
use super::reader::Reader;
use super::subscribe::check_filters;
use super::writer::{put_packet_id, put_string, put_with_length};
use super::{DecodeError, UserProperties, packet_type};
use crate::types::{PacketId, Protocol};

/// UNSUBSCRIBE, section 3.10.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsubscribe<'a> {
    /// Answered in UNSUBACK.
    pub packet_id: PacketId,
    /// At least one, as sent.
    pub filters: Vec<&'a str>,
    /// In the client's order.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode(body: &mut Reader<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        let packet_id = body.packet_id()?;
        let user_properties = decode_properties(body, protocol)?;
        if body.is_empty() {
            return Err(DecodeError::protocol("UNSUBSCRIBE without a topic filter"));
        }
        let mut filters = Vec::new();
        while !body.is_empty() {
            check_filters(filters.len())?;
            filters.push(body.string()?);
        }
        Ok(Self { packet_id, filters, user_properties })
    }

    pub(super) fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        out.push(packet_type::UNSUBSCRIBE << 4 | 0b0010);
        put_with_length(out, |out| {
            put_packet_id(out, self.packet_id);
            if protocol.is_v5() {
                put_properties(out, [], &self.user_properties);
            }
            self.filters.iter().for_each(|filter| put_string(out, filter));
        });
    }
}

fn decode_properties<'a>(
    body: &mut Reader<'a>,
    protocol: Protocol,
) -> Result<UserProperties<'a>, DecodeError> {
    let mut section = Section::open(body, UNSUBSCRIBE, protocol)?;
    let mut user_properties = Vec::new();
    while let Some(property) = section.read()? {
        match property {
            Property::UserProperty(pair) => user_properties.push(pair),
            _ => return Err(MISPLACED),
        }
    }
    Ok(user_properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_follow_each_other() {
        let unsubscribe = Unsubscribe {
            packet_id: PacketId::new(10).expect("not zero"),
            filters: vec!["a/b", "#"],
            user_properties: vec![("k", "v")],
        };
        let mut out = Vec::new();
        unsubscribe.encode(Protocol::V311, &mut out);
        assert_eq!(out, b"\xa2\x0a\0\x0a\0\x03a/b\0\x01#");
        out.clear();
        unsubscribe.encode(Protocol::V5, &mut out);
        assert_eq!(out, b"\xa2\x12\0\x0a\x07\x26\0\x01k\0\x01v\0\x03a/b\0\x01#");
    }
}
