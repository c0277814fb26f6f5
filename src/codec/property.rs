use super::writer::{
    put_binary, put_bool, put_pair, put_qos, put_string, put_subscription_id, put_text, put_u16,
    put_u32, put_with_length,
};
use super::{DecodeError, reader::Reader};
use crate::types::{Protocol, QoS, SubscriptionId};

/// Makes [`Property`] and what depends on it from table 2-4 of the standard. A row: identifier,
/// name and value, how the value is read (which is also its range) and written, who carries it.
macro_rules! table {
    ($(
        $(#[$doc:meta])*
        $id:literal $name:ident($value:ty): $read:ident, $write:ident, $carriers:expr;
    )*) => {
        /// One property of MQTT 5, section 2.2.2.2. Intervals are in seconds, sizes in bytes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Property<'a> {
            $($(#[$doc])* $name($value),)*
        }

        impl<'a> Property<'a> {
            fn read(id: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                match id {
                    $($id => reader.$read().map(Self::$name),)*
                    _ => Err(MISPLACED),
                }
            }

            fn write(self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(value) => {
                        out.push($id);
                        $write(out, value);
                    })*
                }
            }
        }

        /// The packets that may carry the property with this identifier.
        const fn carriers(id: u8) -> u16 {
            match id {
                $($id => $carriers,)*
                _ => 0,
            }
        }
    };
}

table! {
    /// Whether the payload is UTF-8.
    0x01 PayloadFormatIndicator(bool): flag, put_bool, PUBLISH | WILL;
    /// How long the message is worth sending.
    0x02 MessageExpiryInterval(u32): u32, put_u32, PUBLISH | WILL;
    /// What the payload is, in the publisher's words.
    0x03 ContentType(&'a str): string, put_string, PUBLISH | WILL;
    /// Where an answer is to be published.
    0x08 ResponseTopic(&'a str): response_topic, put_string, PUBLISH | WILL;
    /// Tells which request an answer is for.
    0x09 CorrelationData(&'a [u8]): binary, put_binary, PUBLISH | WILL;
    /// 1 to 268,435,455.
    0x0b SubscriptionIdentifier(SubscriptionId):
        subscription_id, put_subscription_id, PUBLISH | SUBSCRIBE;
    /// How long the session outlives the connection.
    0x11 SessionExpiryInterval(u32): u32, put_u32, CONNECT | CONNACK | DISCONNECT;
    /// The name that the server chose for the client.
    0x12 AssignedClientIdentifier(&'a str): string, put_string, CONNACK;
    /// The keep alive that the server imposes.
    0x13 ServerKeepAlive(u16): u16, put_u16, CONNACK;
    /// Name of the extended authentication method.
    0x15 AuthenticationMethod(&'a str): string, put_string, CONNECT | CONNACK | AUTH;
    /// What the method defines.
    0x16 AuthenticationData(&'a [u8]): binary, put_binary, CONNECT | CONNACK | AUTH;
    /// Whether the client wants reason strings and user properties.
    0x17 RequestProblemInformation(bool): flag, put_bool, CONNECT;
    /// How long a will waits.
    0x18 WillDelayInterval(u32): u32, put_u32, WILL;
    /// Whether the client wants response information.
    0x19 RequestResponseInformation(bool): flag, put_bool, CONNECT;
    /// Basis for response topics.
    0x1a ResponseInformation(&'a str): string, put_string, CONNACK;
    /// Another server to use.
    0x1c ServerReference(&'a str): string, put_string, CONNACK | DISCONNECT;
    /// For people. Cut where it is too long to be written.
    0x1f ReasonString(&'a str):
        string, put_text, CONNACK | ACK | SUBACK | UNSUBACK | DISCONNECT | AUTH;
    /// Unacknowledged QoS 1 and 2 messages that the sender of this takes, 1 to 65,535.
    0x21 ReceiveMaximum(u16): positive_u16, put_u16, CONNECT | CONNACK;
    /// The highest topic alias that the sender of this takes.
    0x22 TopicAliasMaximum(u16): u16, put_u16, CONNECT | CONNACK;
    /// Stands for the topic name; 0 is for the receiver to refuse, with its own reason code.
    0x23 TopicAlias(u16): u16, put_u16, PUBLISH;
    /// QoS 0 or 1: what the server takes if not QoS 2.
    0x24 MaximumQoS(QoS): maximum_qos, put_qos, CONNACK;
    /// Whether the server keeps retained messages.
    0x25 RetainAvailable(bool): flag, put_bool, CONNACK;
    /// Name and value. Cut where they are too long to be written.
    0x26 UserProperty((&'a str, &'a str)): pair, put_pair, u16::MAX;
    /// The largest packet that the sender of this takes, at least 1.
    0x27 MaximumPacketSize(u32): positive_u32, put_u32, CONNECT | CONNACK;
    /// Whether the server takes filters with wildcards.
    0x28 WildcardSubscriptionAvailable(bool): flag, put_bool, CONNACK;
    /// Whether the server takes subscription identifiers.
    0x29 SubscriptionIdentifierAvailable(bool): flag, put_bool, CONNACK;
    /// Whether the server takes shared subscriptions.
    0x2a SharedSubscriptionAvailable(bool): flag, put_bool, CONNACK;
}

pub(super) const CONNECT: u16 = 1 << 0;
pub(super) const CONNACK: u16 = 1 << 1;
pub(super) const PUBLISH: u16 = 1 << 2;
pub(super) const WILL: u16 = 1 << 3;
/// PUBACK, PUBREC, PUBREL and PUBCOMP.
pub(super) const ACK: u16 = 1 << 4;
pub(super) const SUBSCRIBE: u16 = 1 << 5;
pub(super) const SUBACK: u16 = 1 << 6;
pub(super) const UNSUBSCRIBE: u16 = 1 << 7;
pub(super) const UNSUBACK: u16 = 1 << 8;
pub(super) const DISCONNECT: u16 = 1 << 9;
pub(super) const AUTH: u16 = 1 << 10;

const USER_PROPERTY: u8 = 0x26;
const SUBSCRIPTION_IDENTIFIER: u8 = 0x0b;

/// "A Control Packet which contains an Identifier which is not valid for its packet type … is a
/// Malformed Packet", section 2.2.2.2.
pub(super) const MISPLACED: DecodeError =
    DecodeError::malformed("a property does not belong into this packet");

/// The properties in `bytes`, in order, as long as they are well-formed: of a section that was
/// decoded, or of what is passed on, that is all of them.
pub fn properties(bytes: &[u8]) -> impl Iterator<Item = Property<'_>> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        let id = reader.u8().ok()?;
        Property::read(id, &mut reader).ok()
    })
}

/// Appends `property` with its identifier.
///
/// Panics if binary data, or a string that is not for people, has more than 65,535 bytes.
pub fn encode_property(property: &Property<'_>, out: &mut Vec<u8>) {
    property.write(out);
}

/// Appends the properties that there are, without a length.
pub(super) fn put_each<'a>(
    out: &mut Vec<u8>,
    properties: impl IntoIterator<Item = Option<Property<'a>>>,
) {
    properties.into_iter().flatten().for_each(|property| property.write(out));
}

/// Appends the properties that there are, with their length in front.
pub(super) fn put_properties<'a>(
    out: &mut Vec<u8>,
    properties: impl IntoIterator<Item = Option<Property<'a>>>,
    user_properties: &[(&'a str, &'a str)],
) {
    put_with_length(out, |out| {
        put_each(out, properties);
        user_properties.iter().for_each(|pair| Property::UserProperty(*pair).write(out));
    });
}

/// The properties of a packet under way: checks each against the table while it is read.
pub(super) struct Section<'a> {
    whole: &'a [u8],
    reader: Reader<'a>,
    carrier: u16,
    /// Bit n: identifier n has occurred.
    seen: u64,
}

impl<'a> Section<'a> {
    /// Opens the properties that `packet` stands before; versions without any have an empty section.
    pub fn open(
        packet: &mut Reader<'a>,
        carrier: u16,
        protocol: Protocol,
    ) -> Result<Self, DecodeError> {
        let len = if protocol.is_v5() { packet.varint()? } else { 0 };
        let whole = packet.take(len as usize)?;
        Ok(Self { whole, reader: Reader::new(whole), carrier, seen: 0 })
    }

    /// The next property, if there is one and it may stand here.
    pub fn read(&mut self) -> Result<Option<Property<'a>>, DecodeError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let id = self.reader.u8()?;
        if carriers(id) & self.carrier == 0 {
            return Err(MISPLACED);
        }
        if self.seen & 1 << id != 0 && !self.repeats(id) {
            return Err(DecodeError::protocol("a property is there twice"));
        }
        self.seen |= 1 << id;
        Property::read(id, &mut self.reader).map(Some)
    }

    fn repeats(&self, id: u8) -> bool {
        id == USER_PROPERTY || id == SUBSCRIPTION_IDENTIFIER && self.carrier == PUBLISH
    }

    /// All the properties, encoded.
    pub fn whole(&self) -> &'a [u8] {
        self.whole
    }

    /// How many bytes of [`Self::whole`] have been read.
    pub fn position(&self) -> usize {
        self.whole.len() - self.reader.rest().len()
    }
}

/// What the packets that answer another carry: reason string and user properties.
pub(super) type ReasonProperties<'a> = (Option<&'a str>, super::UserProperties<'a>);

pub(super) fn reason_properties<'a>(
    packet: &mut Reader<'a>,
    carrier: u16,
    protocol: Protocol,
) -> Result<ReasonProperties<'a>, DecodeError> {
    let mut section = Section::open(packet, carrier, protocol)?;
    let (mut reason_string, mut user_properties) = (None, Vec::new());
    while let Some(property) = section.read()? {
        match property {
            Property::ReasonString(text) => reason_string = Some(text),
            Property::UserProperty(pair) => user_properties.push(pair),
            _ => return Err(MISPLACED),
        }
    }
    Ok((reason_string, user_properties))
}

/// Authentication data is for a method (section 3.1.2.11.10).
pub(super) fn check_authentication(
    method: Option<&str>,
    data: Option<&[u8]>,
) -> Result<(), DecodeError> {
    match (method, data) {
        (None, Some(_)) => Err(DecodeError::protocol("authentication data without a method")),
        _ => Ok(()),
    }
}

/// Values with a range of their own.
impl<'a> Reader<'a> {
    fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::protocol("a property has a value other than 0 and 1")),
        }
    }

    fn maximum_qos(&mut self) -> Result<QoS, DecodeError> {
        self.flag().map(|one| if one { QoS::AtLeastOnce } else { QoS::AtMostOnce })
    }

    fn positive_u16(&mut self) -> Result<u16, DecodeError> {
        match self.u16()? {
            0 => Err(DecodeError::protocol("receive maximum is zero")),
            value => Ok(value),
        }
    }

    fn positive_u32(&mut self) -> Result<u32, DecodeError> {
        match self.u32()? {
            0 => Err(DecodeError::protocol("maximum packet size is zero")),
            value => Ok(value),
        }
    }

    fn subscription_id(&mut self) -> Result<SubscriptionId, DecodeError> {
        SubscriptionId::new(self.varint()?)
            .ok_or(DecodeError::protocol("subscription identifier is zero"))
    }

    /// `[MQTT-3.3.2-14]`: no wildcards.
    fn response_topic(&mut self) -> Result<&'a str, DecodeError> {
        let topic = self.string()?;
        if topic.contains(['+', '#']) {
            return Err(DecodeError::protocol("response topic contains a wildcard"));
        }
        Ok(topic)
    }

    fn pair(&mut self) -> Result<(&'a str, &'a str), DecodeError> {
        Ok((self.string()?, self.string()?))
    }
}
