use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use fulmar::codec::{self, Packet};
use fulmar::types::{PacketId, Protocol};

/// What a client loses with its connection.
pub struct Link {
    /// None where there is nobody to talk to.
    socket: Option<TcpStream>,
    protocol: Protocol,
    arrived: Vec<u8>,
    written: Vec<u8>,
    /// Acknowledgements decided on that go out a little later, in order.
    replies: Vec<u8>,
    pub accepted: bool,
    /// The SUBSCRIBE or UNSUBSCRIBE that waits for its answer: its id, and which filter it is about.
    pub asked: Option<(PacketId, usize)>,
}

impl Link {
    pub fn open(address: SocketAddr, protocol: Protocol) -> Self {
        let socket = TcpStream::connect(address).expect("the broker listens");
        socket.set_nodelay(true).expect("a TCP socket");
        socket.set_nonblocking(true).expect("a TCP socket");
        Self { socket: Some(socket), ..Self::silent(protocol) }
    }

    /// Over which nothing comes, and what is written goes nowhere.
    pub fn silent(protocol: Protocol) -> Self {
        Self {
            socket: None,
            protocol,
            arrived: Vec::new(),
            written: Vec::new(),
            replies: Vec::new(),
            accepted: false,
            asked: None,
        }
    }

    pub fn write(&mut self, packet: &Packet<'_>) {
        codec::encode(packet, self.protocol, &mut self.written);
    }

    pub fn reply(&mut self, packet: &Packet<'_>) {
        codec::encode(packet, self.protocol, &mut self.replies);
    }

    /// Lets the replies go.
    pub fn answer(&mut self) {
        self.written.append(&mut self.replies);
    }

    /// Hands to the kernel what it takes. A connection that is gone shows when it is read.
    pub fn flush(&mut self) {
        let Some(socket) = &mut self.socket else { return self.written.clear() };
        while !self.written.is_empty() {
            match socket.write(&self.written) {
                Ok(count) => drop(self.written.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Takes what has come: `Some` says how many bytes, `None` that nothing will come any more.
    pub fn fill(&mut self) -> Option<usize> {
        let mut buffer = [0; 16 * 1024];
        let socket = self.socket.as_mut()?;
        loop {
            match socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => {
                    self.arrived.extend_from_slice(&buffer[..count]);
                    return Some(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(0),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Takes the bytes of the next packet.
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        let frame = codec::frame(&self.arrived, usize::MAX).expect("a legal packet");
        let len = frame?.len;
        Some(self.arrived.drain(..len).collect())
    }
}

/// The packet in bytes that [`Link::next_packet`] gave.
pub fn decoded(bytes: &[u8], protocol: Protocol) -> Packet<'_> {
    let frame = codec::frame(bytes, usize::MAX).expect("a legal packet").expect("a whole one");
    codec::decode(frame, protocol).unwrap_or_else(|error| panic!("illegal packet: {error}"))
}
