use super::property::{MISPLACED, Property, SUBSCRIBE, Section, put_properties};
use super::reader::Reader;
use super::writer::{put_packet_id, put_string, put_with_length};
use super::{DecodeError, UserProperties, packet_type};
use crate::types::{
    PacketId, Protocol, QoS, ReasonCode, RetainHandling, SubscriptionId, SubscriptionOptions,
};

/// SUBSCRIBE, section 3.8.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe<'a> {
    /// Answered in SUBACK.
    pub packet_id: PacketId,
    /// At least one. The subscription identifier of the packet stands in each filter's options;
    /// encoding takes it from the first.
    pub filters: Vec<SubscribeFilter<'a>>,
    /// In the client's order.
    pub user_properties: UserProperties<'a>,
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscribeFilter<'a> {
    /// As sent: whether it is a topic filter is not the codec's business.
    pub filter: &'a str,
    /// QoS and, in 5.0, the other options.
    pub options: SubscriptionOptions,
}

/// Topic filters of one SUBSCRIBE or UNSUBSCRIBE: each takes many times the memory of its bytes, and
/// all are handled in one go.
pub const FILTERS_MAX: usize = 10_000;

const NO_LOCAL: u8 = 0b0000_0100;
const RETAIN_AS_PUBLISHED: u8 = 0b0000_1000;
const RESERVED_V5: u8 = 0b1100_0000;
const RESERVED_V3: u8 = 0b1111_1100;

impl<'a> Subscribe<'a> {
    pub(super) fn decode(body: &mut Reader<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        let packet_id = body.packet_id()?;
        let (id, user_properties) = decode_properties(body, protocol)?;
        if body.is_empty() {
            return Err(DecodeError::protocol("SUBSCRIBE without a topic filter"));
        }
        let mut filters = Vec::new();
        while !body.is_empty() {
            check_filters(filters.len())?;
            filters.push(SubscribeFilter::decode(body, id, protocol)?);
        }
        Ok(Self { packet_id, filters, user_properties })
    }

    pub(super) fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        out.push(packet_type::SUBSCRIBE << 4 | 0b0010);
        put_with_length(out, |out| {
            put_packet_id(out, self.packet_id);
            if protocol.is_v5() {
                let id = self.filters.first().and_then(|filter| filter.options.id);
                put_properties(
                    out,
                    [id.map(Property::SubscriptionIdentifier)],
                    &self.user_properties,
                );
            }
            self.filters.iter().for_each(|filter| filter.encode(protocol, out));
        });
    }
}

fn decode_properties<'a>(
    body: &mut Reader<'a>,
    protocol: Protocol,
) -> Result<(Option<SubscriptionId>, UserProperties<'a>), DecodeError> {
    let mut section = Section::open(body, SUBSCRIBE, protocol)?;
    let (mut id, mut user_properties) = (None, Vec::new());
    while let Some(property) = section.read()? {
        match property {
            Property::SubscriptionIdentifier(given) => id = Some(given),
            Property::UserProperty(pair) => user_properties.push(pair),
            _ => return Err(MISPLACED),
        }
    }
    Ok((id, user_properties))
}

/// Whether a packet that has so many filters may have one more.
pub(super) fn check_filters(count: usize) -> Result<(), DecodeError> {
    match count < FILTERS_MAX {
        true => Ok(()),
        false => Err(DecodeError {
            reason: ReasonCode::QuotaExceeded,
            what: "more topic filters than one packet may have",
        }),
    }
}

impl<'a> SubscribeFilter<'a> {
    fn decode(
        body: &mut Reader<'a>,
        id: Option<SubscriptionId>,
        protocol: Protocol,
    ) -> Result<Self, DecodeError> {
        let filter = body.string()?;
        let options = decode_options(body.u8()?, id, protocol)?;
        Ok(Self { filter, options })
    }

    fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        put_string(out, self.filter);
        out.push(options_byte(&self.options, protocol));
    }
}

/// Section 3.8.3.1, `[MQTT-3.8.3-5]`; in 3.1.1 `[MQTT-3.8.3-4]`.
fn decode_options(
    byte: u8,
    id: Option<SubscriptionId>,
    protocol: Protocol,
) -> Result<SubscriptionOptions, DecodeError> {
    let reserved = if protocol.is_v5() { RESERVED_V5 } else { RESERVED_V3 };
    if byte & reserved != 0 {
        return Err(DecodeError::malformed("reserved bits of the subscription options are set"));
    }
    Ok(SubscriptionOptions {
        qos: QoS::from_bits(byte & 0b11)
            .ok_or(DecodeError::protocol("a subscription asks for QoS 3"))?,
        no_local: byte & NO_LOCAL != 0,
        retain_as_published: byte & RETAIN_AS_PUBLISHED != 0,
        retain_handling: decode_retain_handling(byte >> 4)?,
        id,
    })
}

fn decode_retain_handling(bits: u8) -> Result<RetainHandling, DecodeError> {
    match bits {
        0 => Ok(RetainHandling::Send),
        1 => Ok(RetainHandling::SendIfNew),
        2 => Ok(RetainHandling::DoNotSend),
        _ => Err(DecodeError::protocol("retain handling is 3")),
    }
}

fn options_byte(options: &SubscriptionOptions, protocol: Protocol) -> u8 {
    if !protocol.is_v5() {
        return options.qos.bits();
    }
    let flag = |set, bit| if set { bit } else { 0 };
    options.qos.bits()
        | flag(options.no_local, NO_LOCAL)
        | flag(options.retain_as_published, RETAIN_AS_PUBLISHED)
        | (options.retain_handling as u8) << 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_bits_in_5_0_and_a_qos_before() {
        let options = SubscriptionOptions {
            qos: QoS::ExactlyOnce,
            no_local: true,
            retain_as_published: true,
            retain_handling: RetainHandling::DoNotSend,
            id: SubscriptionId::new(128),
        };
        let subscribe = Subscribe {
            packet_id: PacketId::new(10).expect("not zero"),
            filters: vec![SubscribeFilter { filter: "a/b", options }],
            user_properties: Vec::new(),
        };
        let mut out = Vec::new();
        subscribe.encode(Protocol::V5, &mut out);
        assert_eq!(out, [0x82, 12, 0, 10, 3, 0x0b, 0x80, 1, 0, 3, b'a', b'/', b'b', 0b0010_1110]);
        out.clear();
        subscribe.encode(Protocol::V311, &mut out);
        assert_eq!(out, [0x82, 8, 0, 10, 0, 3, b'a', b'/', b'b', 2]);
    }
}
