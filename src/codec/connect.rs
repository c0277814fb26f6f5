use std::borrow::Cow;

use super::passed_on::PassedOn;
use super::property::{
    CONNECT, MISPLACED, Property, Section, WILL, check_authentication, put_each, put_properties,
};
use super::reader::{Reader, topic_name};
use super::writer::{put_binary, put_string, put_u16, put_with_length};
use super::{DecodeError, UserProperties, packet_type};
use crate::types::{Protocol, QoS, ReasonCode};

/// CONNECT, section 3.1.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect<'a> {
    /// From protocol name and level.
    pub protocol: Protocol,
    /// May be empty.
    pub client_id: &'a str,
    /// Clean Session or Clean Start.
    pub clean_start: bool,
    /// Seconds; 0 turns it off.
    pub keep_alive_secs: u16,
    /// Seconds; `None` is 0.
    pub session_expiry_secs: Option<u32>,
    /// 1 to 65,535.
    pub receive_maximum: Option<u16>,
    /// 1 to 4,294,967,295 bytes.
    pub maximum_packet_size: Option<u32>,
    /// How many aliases the client takes.
    pub topic_alias_maximum: Option<u16>,
    /// `None` is no.
    pub request_response_information: Option<bool>,
    /// `None` is yes.
    pub request_problem_information: Option<bool>,
    /// Extended authentication.
    pub authentication_method: Option<&'a str>,
    /// Only with a method.
    pub authentication_data: Option<&'a [u8]>,
    /// In the client's order.
    pub user_properties: UserProperties<'a>,
    /// The will, if its flag is set.
    pub will: Option<LastWill<'a>>,
    /// User name.
    pub username: Option<&'a str>,
    /// Password: any bytes.
    pub password: Option<&'a [u8]>,
}

/// The will in a CONNECT.
#[derive(Debug, Clone, PartialEq)]
pub struct LastWill<'a> {
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// A valid topic name.
    pub topic: &'a str,
    /// Any bytes.
    pub payload: &'a [u8],
    /// Seconds; `None` is 0.
    pub delay_secs: Option<u32>,
    /// Message expiry interval in seconds.
    pub message_expiry_secs: Option<u32>,
    /// Payload format indicator, content type, response topic, correlation data and user
    /// properties, encoded, in the client's order: what is passed on unaltered.
    pub passed_on: Cow<'a, [u8]>,
}

const USERNAME: u8 = 0b1000_0000;
const PASSWORD: u8 = 0b0100_0000;
const WILL_RETAIN: u8 = 0b0010_0000;
const WILL_QOS: u8 = 0b0001_1000;
const WILL_FLAG: u8 = 0b0000_0100;
const CLEAN_START: u8 = 0b0000_0010;
const RESERVED: u8 = 0b0000_0001;

impl<'a> Connect<'a> {
    /// A clean start without keep alive, will, credentials and properties.
    pub fn new(protocol: Protocol, client_id: &'a str) -> Self {
        Self {
            protocol,
            client_id,
            clean_start: true,
            keep_alive_secs: 0,
            session_expiry_secs: None,
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: None,
            request_response_information: None,
            request_problem_information: None,
            authentication_method: None,
            authentication_data: None,
            user_properties: Vec::new(),
            will: None,
            username: None,
            password: None,
        }
    }

    pub(super) fn decode(body: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let protocol = decode_protocol(body)?;
        let flags = body.u8()?;
        check_flags(flags, protocol)?;
        let mut connect = Self {
            clean_start: flags & CLEAN_START != 0,
            keep_alive_secs: body.u16()?,
            ..Self::new(protocol, "")
        };
        connect.decode_properties(body)?;
        connect.decode_payload(flags, body)?;
        Ok(connect)
    }

    fn decode_properties(&mut self, body: &mut Reader<'a>) -> Result<(), DecodeError> {
        let mut section = Section::open(body, CONNECT, self.protocol)?;
        while let Some(property) = section.read()? {
            match property {
                Property::SessionExpiryInterval(secs) => self.session_expiry_secs = Some(secs),
                Property::ReceiveMaximum(count) => self.receive_maximum = Some(count),
                Property::MaximumPacketSize(bytes) => self.maximum_packet_size = Some(bytes),
                Property::TopicAliasMaximum(count) => self.topic_alias_maximum = Some(count),
                Property::RequestResponseInformation(wanted) => {
                    self.request_response_information = Some(wanted);
                }
                Property::RequestProblemInformation(wanted) => {
                    self.request_problem_information = Some(wanted);
                }
                Property::AuthenticationMethod(name) => self.authentication_method = Some(name),
                Property::AuthenticationData(data) => self.authentication_data = Some(data),
                Property::UserProperty(pair) => self.user_properties.push(pair),
                _ => return Err(MISPLACED),
            }
        }
        check_authentication(self.authentication_method, self.authentication_data)
    }

    /// `[MQTT-3.1.3-1]`: what the flags announce, in this order.
    fn decode_payload(&mut self, flags: u8, body: &mut Reader<'a>) -> Result<(), DecodeError> {
        self.client_id = body.string()?;
        if flags & WILL_FLAG != 0 {
            self.will = Some(LastWill::decode(flags, body, self.protocol)?);
        }
        if flags & USERNAME != 0 && !self.is_left_out(body) {
            self.username = Some(body.string()?);
        }
        if flags & PASSWORD != 0 && !self.is_left_out(body) {
            self.password = Some(body.binary()?);
        }
        Ok(())
    }

    /// In 3.1 the remaining length takes precedence over the flags for user name and password.
    fn is_left_out(&self, body: &Reader<'_>) -> bool {
        self.protocol == Protocol::V31 && body.is_empty()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(packet_type::CONNECT << 4);
        put_with_length(out, |out| {
            let (name, level) = name_and_level(self.protocol);
            put_string(out, name);
            out.push(level);
            out.push(self.flags());
            put_u16(out, self.keep_alive_secs);
            if self.protocol.is_v5() {
                self.encode_properties(out);
            }
            self.encode_payload(out);
        });
    }

    fn flags(&self) -> u8 {
        let flag = |set, bit| if set { bit } else { 0 };
        flag(self.clean_start, CLEAN_START)
            | self.will.as_ref().map_or(0, LastWill::flags)
            | flag(self.password.is_some(), PASSWORD)
            | flag(self.username.is_some(), USERNAME)
    }

    fn encode_properties(&self, out: &mut Vec<u8>) {
        let properties = [
            self.session_expiry_secs.map(Property::SessionExpiryInterval),
            self.receive_maximum.map(Property::ReceiveMaximum),
            self.maximum_packet_size.map(Property::MaximumPacketSize),
            self.topic_alias_maximum.map(Property::TopicAliasMaximum),
            self.request_response_information.map(Property::RequestResponseInformation),
            self.request_problem_information.map(Property::RequestProblemInformation),
            self.authentication_method.map(Property::AuthenticationMethod),
            self.authentication_data.map(Property::AuthenticationData),
        ];
        put_properties(out, properties, &self.user_properties);
    }

    fn encode_payload(&self, out: &mut Vec<u8>) {
        put_string(out, self.client_id);
        if let Some(will) = &self.will {
            will.encode(self.protocol, out);
        }
        if let Some(username) = self.username {
            put_string(out, username);
        }
        if let Some(password) = self.password {
            put_binary(out, password);
        }
    }
}

const fn name_and_level(protocol: Protocol) -> (&'static str, u8) {
    match protocol {
        Protocol::V31 => ("MQIsdp", 3),
        Protocol::V311 => ("MQTT", 4),
        Protocol::V5 => ("MQTT", 5),
    }
}

/// `[MQTT-3.1.2-1]` and `[MQTT-3.1.2-2]`: another name is no MQTT; with the right name and a level
/// that we do not speak, the client is told so.
fn decode_protocol(body: &mut Reader<'_>) -> Result<Protocol, DecodeError> {
    let name = body.string()?;
    let level = body.u8()?;
    match (name, level) {
        ("MQIsdp", 3) => Ok(Protocol::V31),
        ("MQTT", 4) => Ok(Protocol::V311),
        ("MQTT", 5) => Ok(Protocol::V5),
        ("MQIsdp" | "MQTT", _) => Err(DecodeError {
            reason: ReasonCode::UnsupportedProtocolVersion,
            what: "the protocol level is not 3 (MQIsdp), 4 or 5 (MQTT)",
        }),
        _ => Err(DecodeError::protocol("the protocol name is not MQTT")),
    }
}

/// `[MQTT-3.1.2-3]` and the rules of sections 3.1.2.4 to 3.1.2.9. 3.1 demands less of its clients.
fn check_flags(flags: u8, protocol: Protocol) -> Result<(), DecodeError> {
    let strict = protocol != Protocol::V31;
    if flags & WILL_QOS == WILL_QOS {
        return Err(DecodeError::malformed("the will has QoS 3"));
    }
    if strict && flags & RESERVED != 0 {
        return Err(DecodeError::malformed("the reserved flag of CONNECT is set"));
    }
    if strict && flags & WILL_FLAG == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 {
        return Err(DecodeError::malformed("will QoS or will retain without a will"));
    }
    if !protocol.is_v5() && flags & (USERNAME | PASSWORD) == PASSWORD {
        return Err(DecodeError::protocol("a password without a user name"));
    }
    Ok(())
}

fn will_topic(bytes: &[u8]) -> Result<&str, DecodeError> {
    match topic_name(bytes)? {
        "" => Err(DecodeError::malformed("the will topic is empty")),
        name => Ok(name),
    }
}

impl<'a> LastWill<'a> {
    fn decode(flags: u8, body: &mut Reader<'a>, protocol: Protocol) -> Result<Self, DecodeError> {
        let (delay_secs, message_expiry_secs, passed_on) = will_properties(body, protocol)?;
        Ok(Self {
            qos: QoS::from_bits((flags & WILL_QOS) >> 3)
                .ok_or(DecodeError::malformed("the will has QoS 3"))?,
            retain: flags & WILL_RETAIN != 0,
            topic: will_topic(body.binary()?)?,
            payload: body.binary()?,
            delay_secs,
            message_expiry_secs,
            passed_on,
        })
    }

    fn flags(&self) -> u8 {
        WILL_FLAG | self.qos.bits() << 3 | if self.retain { WILL_RETAIN } else { 0 }
    }

    fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        if protocol.is_v5() {
            put_with_length(out, |out| {
                put_each(
                    out,
                    [
                        self.delay_secs.map(Property::WillDelayInterval),
                        self.message_expiry_secs.map(Property::MessageExpiryInterval),
                    ],
                );
                out.extend_from_slice(&self.passed_on);
            });
        }
        put_string(out, self.topic);
        put_binary(out, self.payload);
    }
}

type WillProperties<'a> = (Option<u32>, Option<u32>, Cow<'a, [u8]>);

fn will_properties<'a>(
    body: &mut Reader<'a>,
    protocol: Protocol,
) -> Result<WillProperties<'a>, DecodeError> {
    let mut section = Section::open(body, WILL, protocol)?;
    let (mut delay_secs, mut message_expiry_secs) = (None, None);
    let mut passed_on = PassedOn::new(section.whole());
    loop {
        let start = section.position();
        match section.read()? {
            None => return Ok((delay_secs, message_expiry_secs, passed_on.finish())),
            Some(Property::WillDelayInterval(secs)) => delay_secs = Some(secs),
            Some(Property::MessageExpiryInterval(secs)) => message_expiry_secs = Some(secs),
            Some(_) => passed_on.add(start, section.position()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Packet, decode, encode, frame};
    use super::*;

    #[test]
    fn a_connect_of_each_version_is_read_and_written_back() {
        let v31 = b"\x10\x11\0\x06MQIsdp\x03\x02\0\x3c\0\x03dev";
        let v311 = b"\x10\x1a\0\x04MQTT\x04\xee\0\x0a\0\x01c\0\x01w\0\x02by\0\x01u\0\x01\xff";
        let v5 =
            b"\x10\x1d\0\x04MQTT\x05\x04\0\0\x05\x11\0\0\0\x09\0\0\x05\x18\0\0\0\x07\0\x01w\0\0";
        for bytes in [&v31[..], v311, v5] {
            let packet = parse(bytes).expect("legal");
            let mut out = Vec::new();
            encode(&packet, Protocol::V311, &mut out);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn fields_are_where_the_standard_has_them() {
        let bytes = b"\x10\x1a\0\x04MQTT\x04\xee\0\x0a\0\x01c\0\x01w\0\x02by\0\x01u\0\x01\xff";
        let Ok(Packet::Connect(connect)) = parse(bytes) else { panic!("a CONNECT") };
        let will = connect.will.expect("a will");
        assert_eq!((connect.protocol, connect.clean_start), (Protocol::V311, true));
        assert_eq!((connect.client_id, connect.keep_alive_secs), ("c", 10));
        assert_eq!((will.topic, will.payload), ("w", &b"by"[..]));
        assert_eq!((will.qos, will.retain), (QoS::AtLeastOnce, true));
        assert_eq!((connect.username, connect.password), (Some("u"), Some(&b"\xff"[..])));
    }

    #[test]
    fn a_3_1_client_may_leave_out_what_its_flags_announce() {
        let bytes = b"\x10\x11\0\x06MQIsdp\x03\xc2\0\x3c\0\x03dev";
        let Ok(Packet::Connect(connect)) = parse(bytes) else { panic!("a CONNECT") };
        assert_eq!((connect.username, connect.password), (None, None));
    }

    #[test]
    fn an_unknown_level_is_told_apart_from_an_unknown_name() {
        let reason = |bytes| parse(bytes).expect_err("illegal").reason;
        let unsupported = ReasonCode::UnsupportedProtocolVersion;
        assert_eq!(reason(b"\x10\x07\0\x04MQTT\x06"), unsupported);
        assert_eq!(reason(b"\x10\x07\0\x04MQTT\x03"), unsupported);
        assert_eq!(reason(b"\x10\x09\0\x06MQIsdp\x04"), unsupported);
        assert_eq!(reason(b"\x10\x07\0\x04mqtt\x04"), ReasonCode::ProtocolError);
    }

    fn parse(bytes: &[u8]) -> Result<Packet<'_>, DecodeError> {
        decode(frame(bytes, 1000)?.expect("whole"), Protocol::V311)
    }
}
