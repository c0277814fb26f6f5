use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token};

use super::link::{Link, OUTPUT_BYTES_MAX};
use super::tls::{RECORD_BYTES_MAX, SEALED_BYTES_MAX, Tls};
use crate::codec::{DecodeError, Frame, frame_v311};

/// All sockets of the generator, in one event loop.
pub struct Network {
    poll: Poll,
    events: Events,
    links: Vec<Option<Link>>,
    buffer: Vec<u8>,
    /// What came by TLS, before it is plain.
    sealed: Vec<u8>,
    /// Links with something to read that no event will tell of.
    unread: Vec<usize>,
    packet_bytes_max: usize,
    tls: Option<Tls>,
}

/// What the network tells of. Clients are numbers below that of [`Network::new`].
pub trait Handler {
    type Error;
    /// The connection has come about: `output` goes to the broker.
    fn handle_open(&mut self, client: usize, output: &mut Vec<u8>);
    /// Its socket takes bytes again.
    fn handle_writable(&mut self, client: usize);
    /// All that was read now is handled after this, in [`Self::handle_frame`].
    fn handle_read(&mut self);
    fn handle_frame(
        &mut self,
        client: usize,
        frame: Frame<'_>,
        output: &mut Vec<u8>,
    ) -> Result<(), Self::Error>;
    /// The connection is over. It has been forgotten.
    fn handle_end(&mut self, client: usize, end: End) -> Result<(), Self::Error>;
}

/// How a connection ended.
#[derive(Debug)]
pub enum End {
    NotConnected(io::Error),
    Lost(io::Error),
    Closed,
    Malformed(DecodeError),
    PacketTooLarge,
}

const EVENTS_PER_TURN: usize = 1024;
/// Half of it is room for what is read, whatever was left over.
const BUFFER_BYTES_MIN: usize = 256 * 1024;
const _: () = assert!(SEALED_BYTES_MAX + RECORD_BYTES_MAX <= BUFFER_BYTES_MIN / 2);
/// The timer of a [`super::pacer::Pacer`] is no client.
pub const TIMER: Token = Token(usize::MAX);

impl Network {
    /// Room for `clients`, whose packets have at most `packet_bytes_max` bytes.
    pub fn new(clients: usize, packet_bytes_max: usize, tls: Option<Tls>) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_TURN),
            links: (0..clients).map(|_| None).collect(),
            buffer: vec![0; BUFFER_BYTES_MIN.max(2 * packet_bytes_max)],
            unread: Vec::new(),
            sealed: vec![0; if tls.is_some() { SEALED_BYTES_MAX } else { 0 }],
            packet_bytes_max,
            tls,
        })
    }

    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Begins to connect `client`.
    pub fn open(&mut self, client: usize, address: SocketAddr) -> io::Result<()> {
        let link = Link::open(address, self.tls.as_ref(), self.poll.registry(), Token(client))?;
        self.links[client] = Some(link);
        Ok(())
    }

    /// Where to put what `client` sends, while it has a connection with room for more.
    pub fn output(&mut self, client: usize) -> Option<&mut Vec<u8>> {
        let link = self.links[client].as_mut()?;
        (link.is_connected() && link.unsent() < OUTPUT_BYTES_MAX).then(|| link.output())
    }

    /// Sends what [`Self::output`] was given.
    pub fn flush<H: Handler>(&mut self, client: usize, handler: &mut H) -> Result<(), H::Error> {
        let Some(link) = &mut self.links[client] else { return Ok(()) };
        if let Err(error) = link.flush() {
            return self.end(client, End::Lost(error), handler);
        }
        if link.take_unread() {
            self.unread.push(client);
        }
        Ok(())
    }

    /// Waits for events, at most for `timeout`, and handles them.
    pub fn turn<H: Handler>(
        &mut self,
        timeout: Option<Duration>,
        handler: &mut H,
    ) -> Result<(), H::Error>
    where
        H::Error: From<io::Error>,
    {
        let timeout = if self.unread.is_empty() { timeout } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let mut unread = std::mem::take(&mut self.unread);
        for client in unread.drain(..) {
            self.read(client, handler)?;
        }
        if self.unread.is_empty() {
            self.unread = unread;
        }
        self.handle_events(handler)
    }

    fn handle_events<H: Handler>(&mut self, handler: &mut H) -> Result<(), H::Error> {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let Token(client) = event.token();
            if event.token() == TIMER {
                continue;
            }
            if event.is_writable() || event.is_error() {
                self.handle_writable(client, handler)?;
            }
            if event.is_readable() || event.is_read_closed() {
                self.note_end_to_come(client, event.is_read_closed());
                self.read(client, handler)?;
            }
        }
        self.events = events;
        Ok(())
    }

    /// The end of the stream has no event of its own when it came with the last bytes.
    fn note_end_to_come(&mut self, client: usize, closed: bool) {
        if let Some(link) = self.links[client].as_mut().filter(|_| closed) {
            link.set_unread();
        }
    }

    fn handle_writable<H: Handler>(
        &mut self,
        client: usize,
        handler: &mut H,
    ) -> Result<(), H::Error> {
        let Some(link) = &mut self.links[client] else { return Ok(()) };
        match link.handle_writable() {
            Ok(true) => handler.handle_open(client, link.output()),
            Ok(false) => {}
            Err(error) => return self.end(client, End::NotConnected(error), handler),
        }
        self.flush(client, handler)?;
        handler.handle_writable(client);
        Ok(())
    }

    /// Reads once; what is more waits until the others had their turn.
    fn read<H: Handler>(&mut self, client: usize, handler: &mut H) -> Result<(), H::Error> {
        let Some(link) = self.links[client].as_mut().filter(|link| link.is_connected()) else {
            return Ok(());
        };
        if link.unsent() > OUTPUT_BYTES_MAX {
            link.set_unread();
            return Ok(());
        }
        let bytes = match link.read(&mut self.sealed, &mut self.buffer) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return self.end(client, End::Closed, handler),
            Err(error) => return self.end(client, End::Lost(error), handler),
        };
        if bytes.more {
            link.set_unread();
        }
        handler.handle_read();
        let mut rest = &self.buffer[..bytes.len];
        loop {
            match frame_v311(rest, self.packet_bytes_max) {
                Ok(Some(frame)) => {
                    rest = &rest[frame.len..];
                    handler.handle_frame(client, frame, link.output())?;
                }
                Ok(None) => break,
                Err(error) => return self.end(client, malformed(error), handler),
            }
        }
        link.keep(rest);
        self.flush(client, handler)
    }

    fn end<H: Handler>(
        &mut self,
        client: usize,
        end: End,
        handler: &mut H,
    ) -> Result<(), H::Error> {
        self.links[client] = None;
        handler.handle_end(client, end)
    }
}

fn malformed(error: DecodeError) -> End {
    match error.reason {
        crate::types::ReasonCode::PacketTooLarge => End::PacketTooLarge,
        _ => End::Malformed(error),
    }
}
