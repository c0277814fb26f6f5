//! The way of a message between two sockets, without the sockets: bytes of a publisher, decoded, routed
//! and encoded for a subscriber, and the answers of both.

use std::collections::VecDeque;
use std::sync::Arc;

use fulmar::broker::{Actions, Broker, Budget};
use fulmar::connection::{Connection, Input, Inputs, Limits, Output};
use fulmar::request::{AuthAnswer, Identity, Outgoing, Request};
use fulmar::types::{ConnId, Timestamp};

use crate::common;

/// A publisher and its subscriber, one burst after the other.
pub struct Path {
    broker: Broker,
    publisher: Side,
    subscriber: Side,
    qos: u8,
    publishes: Vec<u8>,
}

/// Messages of a burst.
pub const BURST: usize = 64;

const TOPIC: &[u8] = b"site/7/room/12/temperature";
const PAYLOAD: [u8; 64] = [b'x'; 64];
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;
const NOW: Timestamp = Timestamp(1);
const BUDGET: Budget = Budget { messages: 512, bytes: 65_536 };

impl Path {
    pub fn new(qos: u8) -> Self {
        let mut broker = Broker::new(common::settings(), 5, NOW);
        let mut subscriber = Side::connect(b"subscriber", &mut broker);
        let filter = [&[0, 1, 0, TOPIC.len() as u8][..], TOPIC, &[qos]].concat();
        let subscribed = subscriber.send(&packet(0x82, &filter), &mut broker).to_vec();
        assert_eq!(subscribed, [0x90, 3, 0, 1, qos]);
        let publisher = Side::connect(b"publisher", &mut broker);
        let publishes = (1..=BURST as u8).flat_map(|id| publish(qos, id)).collect();
        Self { broker, publisher, subscriber, qos, publishes }
    }

    /// A burst and all that belongs to it.
    pub fn round(&mut self) {
        let Self { broker, publisher, subscriber, qos, publishes } = self;
        let answers = publisher.send(publishes, broker).to_vec();
        let delivered = subscriber.pull(broker).to_vec();
        assert_eq!(delivered.len(), publishes.len());
        match qos {
            0 => {}
            1 => {
                assert_eq!(answers[0], PUBACK);
                subscriber.send(&answers_to(&delivered, PUBACK), broker);
            }
            _ => {
                assert_eq!(answers[0], PUBREC);
                publisher.send(&relabelled(&answers, PUBREL), broker);
                let releases = subscriber.send(&answers_to(&delivered, PUBREC), broker).to_vec();
                assert_eq!(releases[0], PUBREL);
                subscriber.send(&relabelled(&releases, PUBCOMP), broker);
            }
        }
    }
}

/// One connection.
struct Side {
    connection: Connection,
    id: ConnId,
    inputs: Inputs,
    requests: VecDeque<Request>,
    outgoing: Vec<Outgoing>,
    output: Output,
}

impl Side {
    fn connect(client_id: &[u8], broker: &mut Broker) -> Self {
        let mut connection = Connection::new(Arc::new(Limits::default()));
        let (mut inputs, mut output) = (Inputs::default(), Output::default());
        let head = [0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, client_id.len() as u8];
        let bytes = packet(0x10, &[&head, client_id].concat());
        connection.receive(&bytes, NOW, &mut || 1, &mut inputs);
        assert!(matches!(inputs.pop_front(), Some(Input::Auth(_))));
        let (identity, data, valid_for) = (Identity::default(), None, None);
        let accept = AuthAnswer::Accept { identity, data, valid_for };
        connection.handle_auth(accept, &mut inputs, &mut output);
        let Some(Input::Connect(connect)) = inputs.pop_front() else { panic!("no CONNECT") };
        let id = broker.handle_connect(*connect, NOW, &mut Actions::default()).expect("accepted");
        let (requests, outgoing) = (VecDeque::new(), Vec::new());
        let mut side = Self { connection, id, inputs, requests, outgoing, output };
        assert_eq!(side.pull(broker), [0x20, 2, 0, 0]);
        side
    }

    /// `bytes` arrive; what goes back.
    fn send(&mut self, bytes: &[u8], broker: &mut Broker) -> &[u8] {
        let taken = self.connection.receive(bytes, NOW, &mut || 1, &mut self.inputs);
        assert_eq!(taken, bytes.len());
        self.inputs.pop_requests(&mut self.requests);
        let mut actions = Actions::default();
        while !self.requests.is_empty() {
            broker.handle_requests(self.id, &mut self.requests, NOW, &mut actions);
        }
        self.pull(broker)
    }

    fn pull(&mut self, broker: &mut Broker) -> &[u8] {
        self.output.clear();
        broker.poll_outgoing(self.id, BUDGET, NOW, &mut self.outgoing);
        for outgoing in self.outgoing.drain(..) {
            self.connection.encode(&outgoing, NOW, &mut self.output);
            if let Outgoing::Publish(delivery) = outgoing {
                self.inputs.reclaim(delivery.message);
            }
        }
        &self.output.bytes
    }
}

fn answers_to(delivered: &[u8], first: u8) -> Vec<u8> {
    let messages = delivered.chunks(delivered.len() / BURST);
    let id = |message: &[u8]| message.len() - PAYLOAD.len() - 2;
    messages
        .flat_map(|message| [first, 2, message[id(message)], message[id(message) + 1]])
        .collect()
}

fn relabelled(answers: &[u8], first: u8) -> Vec<u8> {
    answers.chunks(4).flat_map(|answer| [first, answer[1], answer[2], answer[3]]).collect()
}

fn publish(qos: u8, id: u8) -> Vec<u8> {
    let id = [0, id];
    let id = if qos == 0 { &[][..] } else { &id };
    packet(0x30 | qos << 1, &[&[0, TOPIC.len() as u8][..], TOPIC, id, &PAYLOAD].concat())
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128);
    [&[first, body.len() as u8][..], body].concat()
}
