use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::tls::{Secure, Tls};

/// One socket and the bytes that wait on either side of it.
pub struct Link {
    socket: TcpStream,
    tls: Option<Box<Secure>>,
    /// What is to be sent; the first `sent` bytes are.
    output: Vec<u8>,
    sent: usize,
    /// The start of a packet whose end has not come.
    partial: Vec<u8>,
    connected: bool,
    writable: bool,
    /// There may be more to read, for which no event will come.
    unread: bool,
}

/// Unsent bytes above which nothing more is read or published: the broker has to take some first.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;

impl Link {
    /// Begins to connect; an event with `token` says how that ended. What is sent and read from then on
    /// goes through `tls`.
    pub fn open(
        address: SocketAddr,
        tls: Option<&Tls>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let tls = tls.map(Secure::new).transpose()?.map(Box::new);
        let mut socket = TcpStream::connect(address)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            socket,
            tls,
            output: Vec::new(),
            sent: 0,
            partial: Vec::new(),
            connected: false,
            writable: false,
            unread: false,
        })
    }

    /// The socket can take bytes. True when that means that the connection has come about.
    pub fn handle_writable(&mut self) -> io::Result<bool> {
        if !self.connected {
            if let Some(error) = self.socket.take_error()? {
                return Err(error);
            }
            match self.socket.peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
                other => other?,
            };
            self.socket.set_nodelay(true)?;
            self.connected = true;
            self.writable = true;
            return Ok(true);
        }
        self.writable = true;
        Ok(false)
    }

    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Where to put what is to be sent.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    pub fn unsent(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Sends what the socket takes. Buffers that were large once do not stay so.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.writable && self.has_unsent() {
            match self.write() {
                // TLS takes no more before its handshake is over.
                Ok(0) => break,
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.unsent() == 0 {
            self.output.clear();
            self.output.shrink_to(OUTPUT_KEPT_BYTES);
            self.sent = 0;
        }
        Ok(())
    }

    fn has_unsent(&self) -> bool {
        self.unsent() > 0 || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// What TLS has taken is on its way.
    fn write(&mut self) -> io::Result<usize> {
        let bytes = &self.output[self.sent..];
        match &mut self.tls {
            None => self.socket.write(bytes),
            Some(tls) => tls.write(&mut self.socket, bytes),
        }
    }

    /// Reads into `buffer` behind what was left over: all there is now, and whether more may have
    /// come. `None` at the end of the stream. `sealed` has [`SEALED_BYTES_MAX`] bytes.
    ///
    /// [`SEALED_BYTES_MAX`]: super::tls::SEALED_BYTES_MAX
    pub fn read(&mut self, sealed: &mut [u8], buffer: &mut [u8]) -> io::Result<Option<Bytes>> {
        let kept = self.partial.len();
        buffer[..kept].copy_from_slice(&self.partial);
        self.partial.clear();
        let space = buffer.len() - kept;
        let read = match &mut self.tls {
            None => self.socket.read(&mut buffer[kept..]).map(|count| match count {
                0 => None,
                _ => Some((count, count == space)),
            }),
            Some(tls) => tls.read(&mut self.socket, sealed, &mut buffer[kept..]),
        };
        match read {
            Ok(None) => Ok(None),
            Ok(Some((count, more))) => Ok(Some(Bytes { len: kept + count, more })),
            Err(error) if is_passing(&error) => {
                self.partial.extend_from_slice(&buffer[..kept]);
                Ok(Some(Bytes { len: 0, more: false }))
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps the start of a packet for the next [`Self::read`].
    pub fn keep(&mut self, partial: &[u8]) {
        self.partial.extend_from_slice(partial);
    }

    pub fn set_unread(&mut self) {
        self.unread = true;
    }

    /// Whether there is something to read that no event will tell of, and there is room for answers.
    pub fn take_unread(&mut self) -> bool {
        self.unread && self.unsent() <= OUTPUT_BYTES_MAX && std::mem::take(&mut self.unread)
    }
}

/// What one [`Link::read`] gave.
pub struct Bytes {
    pub len: usize,
    pub more: bool,
}

const OUTPUT_KEPT_BYTES: usize = 64 * 1024;

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
