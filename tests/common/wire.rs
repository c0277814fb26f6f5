//! Packets over real sockets.

// Each test binary tells other stories and so uses another part of this.
#![allow(dead_code)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use fulmar::codec::{self, Packet};
use fulmar::types::Protocol;

/// A client's socket, and what came over it.
pub struct Link {
    pub socket: TcpStream,
    pub protocol: Protocol,
    arrived: Vec<u8>,
}

/// `packet` as it goes over the wire.
pub fn encoded(packet: &Packet<'_>, protocol: Protocol) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(packet, protocol, &mut bytes);
    bytes
}

impl Link {
    pub fn new(socket: TcpStream, protocol: Protocol) -> Self {
        Self { socket, protocol, arrived: Vec::new() }
    }

    #[track_caller]
    pub fn send(&mut self, packet: &Packet<'_>) {
        self.send_bytes(&encoded(packet, self.protocol));
    }

    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the broker reads");
    }

    /// The next packet; `None` at the end of the stream, which is not to be a reset.
    #[track_caller]
    pub fn read_packet(&mut self) -> Option<Vec<u8>> {
        self.try_read_packet().unwrap_or_else(|error| panic!("nothing came: {error}"))
    }

    /// The next packet; `None` at the end of the stream.
    #[track_caller]
    pub fn try_read_packet(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let frame = codec::frame(&self.arrived, usize::MAX).expect("a packet");
            if let Some(len) = frame.map(|frame| frame.len) {
                return Ok(Some(self.arrived.drain(..len).collect()));
            }
            let mut buffer = vec![0; 64 * 1024];
            match self.socket.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => self.arrived.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The broker still answers.
    #[track_caller]
    pub fn ping(&mut self) {
        self.send(&Packet::PingReq);
        assert_eq!(self.read_packet().as_deref(), Some(&[0xD0, 0][..]));
    }
}
