//! CONNECT: what the server itself has to say about it before anybody is asked who the client is.

use super::exchange::Turn;
use super::{Connection, Farewell, Fault, Input, Inputs, Limits, Link, State};
use crate::codec::{self, Frame, LastWill, Packet, Property, decode};
use crate::request::{AuthRequest, Connect, EXPIRY_NEVER, Identity, Origin, Will};
use crate::types::{ClientId, Message, MessageHead, Protocol, ReasonCode};

/// A CONNECT that waits for authentication.
#[derive(Debug)]
pub(super) struct Handshake {
    pub connect: Box<Connect>,
    pub link: Link,
    /// Who is to speak next.
    pub turn: Turn,
}

impl Handshake {
    pub fn is_reading(&self) -> bool {
        matches!(self.turn, Turn::Client(_))
    }

    pub fn into_parts(self) -> (Box<Connect>, Link) {
        (self.connect, self.link)
    }
}

impl Connection {
    pub(super) fn handle_connect(
        &mut self,
        frame: Frame<'_>,
        entropy: &mut dyn FnMut() -> u64,
        out: &mut Inputs,
    ) -> Result<(), Fault> {
        let packet = match decode(frame, Protocol::V5) {
            Ok(Packet::Connect(packet)) => packet,
            Ok(_) => return Err(Fault::protocol("the first packet is not CONNECT")),
            Err(error) => {
                let farewell = farewell_unread(frame.body, error.reason);
                self.leave_with(Link::unknown(), farewell, error.into(), out);
                return Ok(());
            }
        };
        self.introduce(&packet);
        match check_connect(&packet, &self.limits) {
            Ok(will) => self.authenticate(&packet, will, entropy, out),
            Err(fault) => {
                let farewell = Farewell::Spoken(packet.protocol);
                self.leave_with(link(&packet), farewell, fault, out);
            }
        }
        Ok(())
    }

    fn introduce(&mut self, packet: &codec::Connect<'_>) {
        self.protocol = Some(packet.protocol);
        self.keep_alive_secs = packet.keep_alive_secs;
        self.client_id = (!packet.client_id.is_empty()).then(|| ClientId::new(packet.client_id));
    }

    fn authenticate(
        &mut self,
        packet: &codec::Connect<'_>,
        will: Option<Will>,
        entropy: &mut dyn FnMut() -> u64,
        out: &mut Inputs,
    ) {
        let client_id = self.client_id.get_or_insert_with(|| assigned_client_id(entropy)).clone();
        out.push_back(Input::Auth(auth_request(packet, client_id.clone()).into()));
        self.state = State::Authenticating(Box::new(Handshake {
            connect: Box::new(request(packet, client_id, will, &self.limits)),
            link: link(packet),
            turn: Turn::Server,
        }));
    }
}

/// The form of the answer to the CONNECT in `body`, going by its protocol name and level.
///
/// A client of 5.0 is told what is wrong with it; the older versions have no word for that and are
/// closed in silence (`[MQTT-3.1.4-1]`). Old clients understand only the old form
/// (`[MQTT-3.1.2-2]`). The highest bit of the level is how a Mosquitto bridge marks itself: refused
/// in the old form it comes back without it.
fn farewell_unread(body: &[u8], reason: ReasonCode) -> Farewell {
    let old_name = body.strip_prefix(b"\x00\x06MQIsdp");
    let level = old_name.or_else(|| body.strip_prefix(b"\x00\x04MQTT")).and_then(<[u8]>::first);
    match level {
        Some(5) if old_name.is_none() => Farewell::Spoken(Protocol::V5),
        Some(level) if reason == ReasonCode::UnsupportedProtocolVersion => {
            let old = old_name.is_some() || level & 0x7F < 5;
            Farewell::Spoken(if old { Protocol::V311 } else { Protocol::V5 })
        }
        _ => Farewell::Silent,
    }
}

fn check_connect(packet: &codec::Connect<'_>, limits: &Limits) -> Result<Option<Will>, Fault> {
    check_client_id(packet, limits)?;
    packet.will.as_ref().map(|will| read_will(will, limits)).transpose()
}

fn link(packet: &codec::Connect<'_>) -> Link {
    Link {
        maximum_packet_size: packet.maximum_packet_size.unwrap_or(u32::MAX),
        topic_alias_maximum: packet.topic_alias_maximum.unwrap_or(0),
        problem_information: packet.request_problem_information,
        response_information: packet.request_response_information.unwrap_or(false),
        session_ends: session_expiry_secs(packet) == 0,
        method: packet.authentication_method.map(Into::into),
        ..Link::unknown()
    }
}

fn session_expiry_secs(packet: &codec::Connect<'_>) -> u32 {
    match (packet.protocol, packet.clean_start) {
        (Protocol::V5, _) => packet.session_expiry_secs.unwrap_or(0),
        (_, true) => 0,
        (_, false) => EXPIRY_NEVER,
    }
}

/// Whether the identifier, or its absence, is acceptable
/// (`[MQTT-3.1.3-5]`, `[MQTT-3.1.3-6]`, 3.1.1: `[MQTT-3.1.3-8]`).
fn check_client_id(packet: &codec::Connect<'_>, limits: &Limits) -> Result<(), Fault> {
    let what = if packet.client_id.len() > limits.client_id_bytes_max {
        "client identifier is too long"
    } else if !packet.client_id.is_empty() {
        return Ok(());
    } else if packet.protocol == Protocol::V31 || !limits.allow_zero_length_client_id {
        "client identifier is empty"
    } else if packet.protocol == Protocol::V311 && !packet.clean_start {
        "client identifier is empty, and the session is to be kept"
    } else {
        return Ok(());
    };
    Err(Fault::new(ReasonCode::ClientIdentifierNotValid, what))
}

/// The will, if this server can publish it (`[MQTT-3.2.2-12]`, `[MQTT-3.2.2-13]`).
fn read_will(will: &LastWill<'_>, limits: &Limits) -> Result<Will, Fault> {
    if will.qos > limits.maximum_qos {
        return Err(Fault::new(ReasonCode::QoSNotSupported, "will QoS above the maximum"));
    }
    if will.retain && !limits.retain_available {
        return Err(Fault::new(ReasonCode::RetainNotSupported, "will is to be retained"));
    }
    if limits.is_too_long(will.topic) {
        return Err(Fault::new(
            ReasonCode::TopicNameInvalid,
            "will topic has too many levels or bytes",
        ));
    }
    if limits.check_payload_format && claims_utf8(will) && str::from_utf8(will.payload).is_err() {
        let what = "will payload is not UTF-8 as claimed";
        return Err(Fault::new(ReasonCode::PayloadFormatInvalid, what));
    }
    let head = MessageHead { qos: will.qos, retain: will.retain, expires_at: None };
    Ok(Will {
        message: Message::new(head, will.topic, &will.passed_on, will.payload),
        expiry_secs: will.message_expiry_secs,
        delay_secs: will.delay_secs.unwrap_or(0),
    })
}

fn claims_utf8(will: &LastWill<'_>) -> bool {
    codec::properties(&will.passed_on).any(|it| it == Property::PayloadFormatIndicator(true))
}

/// An identifier that nobody else has (`[MQTT-3.1.3-6]`): 128 random bits.
fn assigned_client_id(entropy: &mut dyn FnMut() -> u64) -> ClientId {
    let (high, low) = (entropy(), entropy());
    ClientId::new(&format!(
        "auto-{:08X}-{:04X}-{:04X}-{:04X}-{:012X}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF,
    ))
}

fn auth_request(packet: &codec::Connect<'_>, client_id: ClientId) -> AuthRequest {
    match packet.authentication_method {
        Some(method) => AuthRequest::Begin {
            client_id,
            method: method.to_owned(),
            data: packet.authentication_data.unwrap_or_default().to_vec(),
        },
        None => AuthRequest::Credentials {
            client_id,
            username: packet.username.map(str::to_owned),
            password: packet.password.map(<[u8]>::to_vec),
        },
    }
}

fn request(
    packet: &codec::Connect<'_>,
    client_id: ClientId,
    will: Option<Will>,
    limits: &Limits,
) -> Connect {
    Connect {
        protocol: packet.protocol,
        client_id,
        client_id_assigned: packet.client_id.is_empty(),
        clean_start: packet.clean_start,
        session_expiry_secs: session_expiry_secs(packet),
        keep_alive_secs: packet.keep_alive_secs,
        receive_maximum: packet.receive_maximum.unwrap_or(u16::MAX),
        maximum_packet_size: packet.maximum_packet_size.unwrap_or(u32::MAX),
        will,
        identity: Identity::default(),
        origin: Origin::default(),
        acknowledged_at_once: limits.acknowledged_at_once,
        authentication_data: None,
    }
}
