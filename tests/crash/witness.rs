use std::collections::BTreeMap;

use fulmar::codec::{self, Packet};
use fulmar::types::Protocol;

use crate::client::{Client, Standing};
use crate::ledger::{Ledger, number_in};
use crate::link::{Link, decoded};
use crate::run::Cast;
use crate::trace::Event;

/// Everybody who talked to a broker, as what passed over its sockets tells of them.
pub struct Witness {
    pub cast: Cast,
    sockets: BTreeMap<u32, Socket>,
}

#[derive(Default)]
struct Socket {
    /// Who is on the other side, as soon as that is known.
    client: Option<(String, Protocol)>,
    received: Vec<u8>,
    sent: Vec<u8>,
}

impl Witness {
    /// Of clients who have not connected yet.
    pub fn new(cast: Cast) -> Self {
        Self { cast, sockets: BTreeMap::new() }
    }

    pub fn handle(&mut self, event: &Event) {
        match event {
            Event::Accept { file } => drop(self.sockets.insert(*file, Socket::default())),
            Event::Received { file, bytes } => {
                let Some(socket) = self.sockets.get_mut(file) else { return };
                socket.received.extend_from_slice(bytes);
                while let Some(packet) = next_packet(&mut socket.received) {
                    self.cast.handle_received(socket, &packet);
                }
            }
            Event::Sent { file, bytes } => {
                let Some(socket) = self.sockets.get_mut(file) else { return };
                socket.sent.extend_from_slice(bytes);
                while let Some(packet) = next_packet(&mut socket.sent) {
                    self.cast.handle_sent(socket, &packet);
                }
            }
            Event::Close { file } => {
                let socket = self.sockets.remove(file);
                if let Some((name, _)) = socket.and_then(|socket| socket.client) {
                    self.cast.client(&name).0.hang_up();
                }
            }
            _ => {}
        }
    }
}

impl Cast {
    /// A client did what its packet says.
    fn handle_received(&mut self, socket: &mut Socket, bytes: &[u8]) {
        let protocol = socket.client.as_ref().map_or(Protocol::V5, |(_, protocol)| *protocol);
        match decoded(bytes, protocol) {
            Packet::Connect(connect) => {
                socket.client = Some((connect.client_id.to_owned(), connect.protocol));
                let (client, ledger) = self.client(connect.client_id);
                client.begin(Link::silent(connect.protocol), ledger);
            }
            packet => {
                let (name, _) = socket.client.as_ref().expect("CONNECT comes first");
                let (client, ledger) = self.client(name);
                began(client, &packet, ledger);
            }
        }
    }

    /// A client learns what the packet says.
    fn handle_sent(&mut self, socket: &Socket, bytes: &[u8]) {
        let (name, protocol) = socket.client.as_ref().expect("CONNECT comes first");
        let (client, ledger) = self.client(name);
        client.handle(decoded(bytes, *protocol), ledger);
    }

    fn client(&mut self, name: &str) -> (&mut Client, &mut Ledger) {
        let mut all = self.clients.iter_mut().chain(&mut self.doomed);
        let client = all.find(|client| client.name == name).expect("one of ours");
        (client, &mut self.ledger)
    }
}

/// Of what a client sends only what begins an exchange is of interest: the rest follows from what it
/// was sent.
fn began(client: &mut Client, packet: &Packet<'_>, ledger: &mut Ledger) {
    match packet {
        Packet::Publish(publish) => {
            let id = publish.packet_id.expect("above QoS 0");
            if !client.is_publishing(id) {
                let number = client.begin_publish(id, publish.topic, publish.qos, ledger);
                let found = number_in(publish.topic, publish.payload);
                assert!(found.is_none_or(|found| found == number), "{found:?} is not {number}");
            }
        }
        Packet::Subscribe(subscribe) => {
            let filter = subscribe.filters[0].filter;
            client.begin_asking(subscribe.packet_id, filter, Standing::Subscribed);
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filter = unsubscribe.filters[0];
            client.begin_asking(unsubscribe.packet_id, filter, Standing::Unsubscribed);
        }
        _ => {}
    }
}

fn next_packet(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let len = codec::frame(bytes, usize::MAX).expect("a legal packet")?.len;
    Some(bytes.drain(..len).collect())
}
