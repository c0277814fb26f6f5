#![no_main]
//! A whole connection against arbitrary bytes in arbitrary pieces, with everybody let in and with
//! something to send now and then.

use std::collections::VecDeque;
use std::sync::Arc;

use fulmar::connection::{Connection, Input, Limits, Output};
use fulmar::request::{AuthAnswer, ConnAck, Connect, Delivery, Identity, Outgoing, Request};
use fulmar::types::{InboundId, OutboundId, PacketId, QoS, ReasonCode, SubscriptionIds, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut harness = Harness::new();
    let mut arrived = Vec::new();
    // The first byte of each piece says how many bytes come at a time.
    let mut rest = bytes;
    while let Some((&len, behind)) = rest.split_first() {
        let (piece, behind) = behind.split_at(behind.len().min(usize::from(len)));
        rest = behind;
        arrived.extend_from_slice(piece);
        let taken = harness.receive(&arrived);
        assert!(taken <= arrived.len());
        arrived.drain(..taken);
    }
});

struct Harness {
    connection: Connection,
    inputs: VecDeque<Input>,
    /// What the client takes, in bytes.
    maximum_packet_size: usize,
    now: Timestamp,
}

impl Harness {
    fn new() -> Self {
        let limits = Limits { check_payload_format: true, ..Limits::default() };
        Self {
            connection: Connection::new(Arc::new(limits)),
            inputs: VecDeque::new(),
            maximum_packet_size: usize::MAX,
            now: Timestamp(1),
        }
    }

    fn receive(&mut self, arrived: &[u8]) -> usize {
        let mut taken = 0;
        loop {
            self.now = Timestamp(self.now.0 + 700);
            let rest = &arrived[taken..];
            taken += self.connection.receive(rest, self.now, &mut || 7, &mut self.inputs);
            if self.inputs.is_empty() {
                return taken;
            }
            while let Some(input) = self.inputs.pop_front() {
                self.handle(input);
            }
        }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Auth(_) => {
                let mut output = Output::default();
                let answer = AuthAnswer::Accept { identity: Identity::default(), data: None, valid_for: None };
                self.connection.handle_auth(answer, &mut self.inputs, &mut output);
            }
            Input::Connect(connect) => self.accept(*connect),
            Input::Request(request) => self.reply(request),
            Input::Fault(fault) => {
                let mut output = Output::default();
                self.connection.fault(&fault, &mut output);
                assert!(self.connection.is_closing());
                assert!(output.len() <= self.maximum_packet_size);
            }
        }
    }

    fn accept(&mut self, connect: Connect) {
        assert!(!connect.client_id.is_empty());
        self.maximum_packet_size = connect.maximum_packet_size as usize;
        self.send(Outgoing::ConnAck(Box::new(ConnAck {
            session_present: false,
            session_expiry_secs: None,
            server_keep_alive_secs: None,
            assigned_client_id: connect.client_id_assigned.then_some(connect.client_id),
            authentication_data: connect.authentication_data,
        })));
    }

    fn reply(&mut self, request: Request) {
        let reason = ReasonCode::Success;
        match request {
            Request::Publish { id, message, .. } => {
                let subscription_ids = SubscriptionIds::default();
                let (qos, retain) = (message.qos(), message.retain());
                let out = id.map(|InboundId(id)| OutboundId(id));
                self.send(Outgoing::Publish(Delivery {
                    message,
                    qos,
                    id: out,
                    dup: false,
                    retain,
                    subscription_ids,
                }));
                if let Some(id) = id {
                    self.send(acknowledgement(id, qos));
                }
            }
            Request::PubRel { id } => self.send(Outgoing::PubComp { id, reason }),
            Request::PubRec { id, .. } => self.send(Outgoing::PubRel { id, reason }),
            Request::Subscribe { id, filters } => {
                self.send(Outgoing::SubAck { id, reasons: vec![reason; filters.len()] });
            }
            Request::Unsubscribe { id, filters } => {
                self.send(Outgoing::UnsubAck { id, reasons: vec![reason; filters.len()] });
            }
            Request::Ping => self.send(Outgoing::PingResp),
            Request::PubAck { id, .. } if id == OutboundId(PacketId::MAX) => {
                self.send(Outgoing::Close { reason: ReasonCode::ServerBusy, why: "enough" });
            }
            _ => {}
        }
    }

    fn send(&mut self, outgoing: Outgoing) {
        let mut output = Output::default();
        self.connection.encode(outgoing, self.now, &mut output);
        assert!(output.len() <= self.maximum_packet_size);
    }
}

fn acknowledgement(id: InboundId, qos: QoS) -> Outgoing {
    let reason = ReasonCode::Success;
    match qos {
        QoS::ExactlyOnce => Outgoing::PubRec { id, reason },
        _ => Outgoing::PubAck { id, reason },
    }
}
