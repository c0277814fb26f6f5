//! Connections driven through their few functions, with bytes written as bytes.

mod aliases;
mod bursts;
mod exchange;
mod filters;
mod handshake;
mod inbound;
mod lifecycle;
mod outbound;
mod refusals;

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Connection, Fault, Input, Inputs, Limits, Output};
use crate::request::{
    AuthAnswer, AuthRequest, ConnAck, Connect, Delivery, Identity, Outgoing, Request,
};
use crate::types::{
    InboundId, Message, MessageHead, OutboundId, PacketId, QoS, ReasonCode, SubscriptionIds,
    Timestamp,
};

/// A connection and whoever stands around it.
struct Rig {
    connection: Connection,
    inputs: VecDeque<Input>,
    received: Inputs,
    now: Timestamp,
}

impl Rig {
    fn new(limits: Limits) -> Self {
        Self {
            connection: Connection::new(Arc::new(limits)),
            inputs: VecDeque::new(),
            received: Inputs::default(),
            now: Timestamp(1_000_000),
        }
    }

    /// A connected client of 5.0 with these CONNECT properties.
    fn v5(limits: Limits, properties: &[u8]) -> Self {
        Self::connected(limits, &connect_v5(properties, b"c"))
    }

    /// A connected client of 3.1.1.
    fn v311(limits: Limits) -> Self {
        Self::connected(limits, CONNECT_V311)
    }

    fn connected(limits: Limits, connect: &[u8]) -> Self {
        let mut rig = Self::new(limits);
        let connect = rig.connect(connect);
        rig.acknowledge(&connect);
        rig
    }

    /// CONNECT arrives, and whoever sends it is welcome.
    fn connect(&mut self, bytes: &[u8]) -> Connect {
        self.receive(bytes);
        let (input, _) = self.answer(accept(None));
        assert!(matches!(input, Input::Auth(_)), "{input:?}");
        match self.inputs.pop_front() {
            Some(Input::Connect(connect)) => *connect,
            other => panic!("no CONNECT but {other:?}"),
        }
    }

    /// The CONNACK that the broker's consent becomes.
    fn acknowledge(&mut self, connect: &Connect) -> Vec<u8> {
        let assigned_client_id = connect.client_id_assigned.then(|| connect.client_id.clone());
        let authentication_data = connect.authentication_data.clone();
        self.encode(connack(ConnAck { assigned_client_id, authentication_data, ..NOTHING_SPECIAL }))
    }

    fn receive(&mut self, bytes: &[u8]) -> usize {
        let mut entropy = 0;
        let mut draw = || {
            entropy += 0x0123_4567_89AB_CDEF;
            entropy
        };
        let taken = self.connection.receive(bytes, self.now, &mut draw, &mut self.received);
        self.sort();
        taken
    }

    fn sort(&mut self) {
        self.inputs.extend(std::iter::from_fn(|| self.received.pop_front()));
    }

    /// The question asked, and the bytes that its answer leads to.
    fn answer(&mut self, answer: AuthAnswer) -> (Input, Vec<u8>) {
        let question = self.inputs.pop_front().expect("a question");
        let mut output = Output::default();
        self.connection.handle_auth(answer, &mut self.received, &mut output);
        self.sort();
        (question, output.bytes)
    }

    fn encode(&mut self, outgoing: Outgoing) -> Vec<u8> {
        let mut output = Output::default();
        self.connection.encode(&outgoing, self.now, &mut output);
        output.chunks(0).flatten().copied().collect()
    }

    fn refuse(&mut self, reason: ReasonCode) -> Vec<u8> {
        let mut output = Output::default();
        self.connection.refuse(reason, "full", &mut output);
        output.bytes
    }

    fn turn_away(&mut self, reason: ReasonCode, retry_after_secs: Option<u32>) -> Vec<u8> {
        let mut output = Output::default();
        self.connection.turn_away(reason, "full", retry_after_secs, &mut output);
        output.bytes
    }

    /// The one request that `bytes` are.
    fn request(&mut self, bytes: &[u8]) -> Request {
        self.receive(bytes);
        let input = self.inputs.pop_front();
        assert!(self.inputs.is_empty(), "more than {input:?}: {:?}", self.inputs);
        match input {
            Some(Input::Request(request)) => request,
            other => panic!("no request but {other:?}"),
        }
    }

    /// The fault that `bytes` are, and what the client is sent for it.
    fn fault(&mut self, bytes: &[u8]) -> (ReasonCode, Vec<u8>) {
        self.receive(bytes);
        let fault = self.pop_fault();
        let mut output = Output::default();
        self.connection.fault(&fault, &mut output);
        assert!(self.connection.is_closing());
        (fault.reason, output.bytes)
    }

    fn pop_fault(&mut self) -> Fault {
        match self.inputs.pop_front() {
            Some(Input::Fault(fault)) => fault,
            other => panic!("no fault but {other:?}"),
        }
    }

    fn question(&mut self) -> AuthRequest {
        match self.inputs.pop_front() {
            Some(Input::Auth(request)) => *request,
            other => panic!("no question but {other:?}"),
        }
    }
}

/// CONNECT of 3.1.1: clean session, keep alive 60 s, identifier "c".
const CONNECT_V311: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";

/// A CONNECT property: request problem information, no. Reasons come without words.
const QUIET: &[u8] = b"\x17\0";

/// The same, yes: the client asks for words.
const CURIOUS: &[u8] = b"\x17\x01";

const NOTHING_SPECIAL: ConnAck = ConnAck {
    session_present: false,
    session_expiry_secs: None,
    server_keep_alive_secs: None,
    assigned_client_id: None,
    authentication_data: None,
};

/// Nothing to announce.
fn unlimited() -> Limits {
    Limits { topic_alias_maximum: 0, receive_maximum: 65_535, ..Limits::default() }
}

/// CONNECT of 5.0: clean start, keep alive 60 s.
fn connect_v5(properties: &[u8], client_id: &[u8]) -> Vec<u8> {
    packet(0x10, &[b"\0\x04MQTT\x05\x02\0\x3c", &section(properties), &string(client_id)])
}

/// First byte, remaining length, body.
fn packet(first: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let mut packet = vec![first];
    let mut len = body.len();
    while len > 0x7f {
        packet.push(len as u8 | 0x80);
        len >>= 7;
    }
    packet.push(len as u8);
    [packet, body].concat()
}

/// Properties with their length in front.
fn section(properties: &[u8]) -> Vec<u8> {
    packet(0, &[properties])[1..].to_vec()
}

fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text].concat()
}

fn accept(data: Option<&[u8]>) -> AuthAnswer {
    let identity = Identity { username: Some("ann".to_owned()), ..Identity::default() };
    AuthAnswer::Accept { identity, data: data.map(<[u8]>::to_vec), valid_for: None }
}

fn refused(reason: ReasonCode) -> AuthAnswer {
    AuthAnswer::Refuse { reason, why: "" }
}

fn connack(connack: ConnAck) -> Outgoing {
    Outgoing::ConnAck(Box::new(connack))
}

/// A QoS 0 PUBLISH to the client.
fn delivery(message: Message) -> Outgoing {
    Outgoing::Publish(Delivery {
        message,
        qos: QoS::AtMostOnce,
        id: None,
        dup: false,
        retain: false,
        subscription_ids: SubscriptionIds::None,
    })
}

fn message(topic: &str, payload: &[u8]) -> Message {
    Message::new(MessageHead::default(), topic, &[], payload)
}

fn number(id: u16) -> PacketId {
    PacketId::new(id).expect("not zero")
}

fn inbound(id: u16) -> InboundId {
    InboundId(number(id))
}

fn outbound(id: u16) -> OutboundId {
    OutboundId(number(id))
}
