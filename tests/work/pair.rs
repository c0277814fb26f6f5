use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Kind;

/// A publisher and its subscriber, in step with the broker: a round is a burst of messages and all
/// that belongs to them. They allocate nothing in it.
pub struct Pair {
    qos: u8,
    publisher: TcpStream,
    subscriber: TcpStream,
    publishes: Vec<u8>,
    delivered: Vec<u8>,
    answers: Vec<u8>,
}

/// Messages of a round, which the broker reads at once.
pub const BURST: usize = 32;

const TOPIC: &[u8] = b"work/topic";
const PAYLOAD: [u8; 64] = [b'x'; 64];
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;
const TIME_LIMIT: Duration = Duration::from_secs(30);

impl Pair {
    pub fn connect(address: SocketAddr, kind: Kind) -> Self {
        let mut subscriber = connect(address, b"sub", kind.persistent);
        let filter = [&[0, 1, 0, TOPIC.len() as u8][..], TOPIC, &[kind.qos]].concat();
        subscriber.write_all(&packet(0x82, &filter)).expect("written");
        expect(&mut subscriber, &[0x90, 3, 0, 1, kind.qos]);
        let publishes: Vec<u8> = (1..=BURST as u8).flat_map(|id| publish(kind.qos, id)).collect();
        Self {
            qos: kind.qos,
            publisher: connect(address, b"pub", kind.persistent),
            subscriber,
            delivered: vec![0; publishes.len()],
            publishes,
            answers: vec![0; 4 * BURST],
        }
    }

    pub fn round(&mut self) {
        self.publisher.write_all(&self.publishes).expect("written");
        match self.qos {
            0 => self.take_delivered(),
            1 => {
                self.answered(PUBACK);
                self.take_delivered();
                self.answer(PUBACK);
            }
            _ => {
                self.answered(PUBREC);
                self.publisher.write_all(relabel(&mut self.answers, PUBREL)).expect("written");
                self.answered(PUBCOMP);
                self.take_delivered();
                self.answer(PUBREC);
                self.subscriber.read_exact(&mut self.answers).expect("PUBREL");
                assert!(self.answers.chunks(4).all(|answer| answer[0] == PUBREL));
                self.subscriber.write_all(relabel(&mut self.answers, PUBCOMP)).expect("written");
            }
        }
    }

    /// The publisher has an answer for each message.
    fn answered(&mut self, first: u8) {
        self.publisher.read_exact(&mut self.answers).expect("answers");
        assert!(self.answers.chunks(4).all(|answer| answer[0] == first), "{first:#x}");
    }

    fn take_delivered(&mut self) {
        self.subscriber.read_exact(&mut self.delivered).expect("messages");
        let first = self.publishes[0];
        let messages = self.delivered.chunks(self.delivered.len() / BURST);
        assert!({ messages }.all(|message| message[0] == first && message.ends_with(&PAYLOAD)));
    }

    /// The subscriber answers each message.
    fn answer(&mut self, first: u8) {
        let messages = self.delivered.chunks(self.delivered.len() / BURST);
        for (message, answer) in messages.zip(self.answers.chunks_mut(4)) {
            let id = message.len() - PAYLOAD.len() - 2;
            answer.copy_from_slice(&[first, 2, message[id], message[id + 1]]);
        }
        self.subscriber.write_all(&self.answers).expect("written");
    }
}

fn relabel(answers: &mut [u8], first: u8) -> &[u8] {
    answers.chunks_mut(4).for_each(|answer| answer[0] = first);
    answers
}

fn connect(address: SocketAddr, client_id: &[u8], persistent: bool) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    stream.set_read_timeout(Some(TIME_LIMIT)).expect("an option");
    let flags = if persistent { 0 } else { 2 };
    let head = [0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 0, 0, client_id.len() as u8];
    stream.write_all(&packet(0x10, &[&head, client_id].concat())).expect("written");
    expect(&mut stream, &[0x20, 2, 0, 0]);
    stream
}

fn publish(qos: u8, id: u8) -> Vec<u8> {
    let id = [0, id];
    let id = if qos == 0 { &[][..] } else { &id };
    let body = [&[0, TOPIC.len() as u8][..], TOPIC, id, &PAYLOAD].concat();
    packet(0x30 | qos << 1, &body)
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128);
    [&[first, body.len() as u8][..], body].concat()
}

fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).expect("an answer");
    assert_eq!(read, bytes);
}
