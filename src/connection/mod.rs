//! One network connection: bytes in, bytes out, and what is legal in between.
//!
//! ```text
//!               CONNECT              Accept                DISCONNECT, a fault
//! AwaitConnect ────────> Authenticating ────────> Connected ────────> Leaving
//!      │  a fault          │   a fault                │ Close, refuse     │ fault, Close
//!      └──────> Leaving <──┘                          └────> Closing <────┘
//! ```

mod aliases;
mod connack;
mod exchange;
mod fault;
mod filters;
mod handshake;
mod inbound;
mod inputs;
mod limits;
mod link;
mod outbound;
mod output;
#[cfg(test)]
mod tests;

pub use fault::{Ended, Fault};
pub use inputs::Inputs;
pub use limits::{
    ALIASES_OUT_MAX, CONNECT_BYTES_MAX, DURABILITY_PROPERTY, Limits, PACKET_BYTES_MAX,
    RETRY_AFTER_PROPERTY,
};
pub use output::{Output, SHARED_BODY_MIN};

use std::sync::Arc;

use crate::codec::{Alike, Beginning, DecodeError, Frame, decode, frame, frame_v31, frame_v311};
use crate::request::{AuthRequest, Connect, Request};
use crate::types::{ClientId, InboundId, Protocol, Timestamp};
use handshake::Handshake;
use link::Link;

/// The protocol of one network connection, for every version: framing, what may be sent when,
/// topic aliases, sizes.
///
/// It owns no socket, no clock and, while nothing happens, no buffer.
#[derive(Debug)]
pub struct Connection {
    limits: Arc<Limits>,
    state: State,
    /// How much of an unfinished packet had come when that was last reported, in bytes.
    reported: usize,
    protocol: Option<Protocol>,
    client_id: Option<ClientId>,
    username: Option<Box<str>>,
    keep_alive_secs: u16,
    /// Boxed because it is nothing for as long as a connection stands.
    ended: Option<Box<Ended>>,
}

/// What a connection makes of the bytes it receives.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// An authenticated CONNECT: for the broker to accept or refuse.
    Connect(Box<Connect>),
    /// From a connected client.
    Request(Request),
    /// To be answered with [`Connection::handle_auth`]; nothing is read until then.
    Auth(Box<AuthRequest>),
    /// The client broke the rules: once everything before it is handled,
    /// [`Connection::fault`] says so to the client.
    Fault(Fault),
}

#[derive(Debug)]
enum State {
    /// Nothing but CONNECT is legal (`[MQTT-3.1.0-1]`).
    AwaitConnect,
    /// CONNECT was fine; who the client is remains to be found.
    Authenticating(Box<Handshake>),
    /// Accepted, or with the broker to be accepted.
    Connected(Link),
    /// Nothing more is read. What the broker still has for the client is sent.
    Leaving { link: Link, farewell: Farewell },
    /// Nothing more is read or sent.
    Closing,
}

/// How a client is told why the server closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    /// Not at all: it said goodbye itself, or speaks no version known here.
    Silent,
    /// In packets of its version, as far as that has any for it.
    Spoken(Protocol),
}

/// A packet that comes in pieces is reported as a sign of life each time it has grown by this
/// many bytes.
const PROGRESS_BYTES: usize = 1000;

const CONNECT: u8 = 1;

impl Connection {
    /// A connection that has just been accepted.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            state: State::AwaitConnect,
            reported: 0,
            protocol: None,
            client_id: None,
            username: None,
            keep_alive_secs: 0,
            ended: None,
        }
    }

    /// Decodes the packets in `bytes`, pushes what they ask for to `out` and returns how many
    /// bytes it took: the caller presents the rest again, with what has come behind it.
    ///
    /// It takes nothing more while the answer to an [`Input::Auth`] is due. After a DISCONNECT or
    /// an [`Input::Fault`] it takes everything and ignores it.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        now: Timestamp,
        entropy: &mut dyn FnMut() -> u64,
        out: &mut Inputs,
    ) -> usize {
        let mut taken = 0;
        while self.is_reading() {
            match self.receive_usual(&bytes[taken..], now, out) {
                Ok(usual) => taken += usual,
                Err(fault) => {
                    self.leave(fault, out);
                    break;
                }
            }
            match self.next_frame(&bytes[taken..]) {
                Ok(Some(frame)) => {
                    taken += frame.len;
                    self.reported = 0;
                    if let Err(fault) = self.handle_frame(frame, entropy, out) {
                        self.leave(fault, out);
                    }
                }
                Ok(None) => {
                    self.report_progress(bytes.len() - taken, out);
                    return taken;
                }
                Err(fault) => self.leave(fault, out),
            }
        }
        if self.is_closing() { bytes.len() } else { taken }
    }

    /// Whether the socket is to be closed, once every [`Input`] given so far is handled and all
    /// output is sent. Nothing more is read.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Leaving { .. } | State::Closing)
    }

    /// The version that the client speaks, once it has said so.
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// The client identifier, once known: the client's own or the one made up for it.
    pub fn client_id(&self) -> Option<&ClientId> {
        self.client_id.as_ref()
    }

    /// The user name that authentication came to.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// The keep alive that the client asked for, in seconds.
    pub fn keep_alive_secs(&self) -> u16 {
        self.keep_alive_secs
    }

    /// Who ended the connection and why; `None` while it stands, and where the network went away.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_deref()
    }

    fn is_reading(&self) -> bool {
        match &self.state {
            State::AwaitConnect => true,
            State::Authenticating(handshake) => handshake.is_reading(),
            State::Connected(link) => link.is_reading(),
            State::Leaving { .. } | State::Closing => false,
        }
    }

    /// Takes the packets at the start of `bytes` that are of the usual kinds, and whole: nearly all are,
    /// and are spared the way that others go. Returns how many bytes they were.
    fn receive_usual(
        &mut self,
        bytes: &[u8],
        now: Timestamp,
        out: &mut Inputs,
    ) -> Result<usize, Fault> {
        let (Some(protocol), State::Connected(link)) = (self.protocol, &mut self.state) else {
            return Ok(0);
        };
        let (limits, limit) = (&*self.limits, self.limits.packet_bytes_max());
        let (mut left, mut before) = (bytes, None::<Beginning<'_>>);
        loop {
            let casting = &mut out.casting;
            if let Some(beginning) = &before
                && let Some(Alike { packet_id, payload, len }) = beginning.next(left, limit)
            {
                let (id, message) = (packet_id.map(InboundId), casting.mould.cast(payload));
                out.requests.push_back(Request::Publish { id, dup: beginning.is_dup(), message });
                left = &left[len..];
                continue;
            }
            let Ok(Some(frame)) = frame_of(protocol, left, limit) else { break };
            let request = inbound::usual(frame, protocol, link, limits, now, &mut before, casting)?;
            let Some(request) = request else { break };
            out.requests.push_back(request);
            left = &left[frame.len..];
        }
        let taken = bytes.len() - left.len();
        if taken > 0 {
            self.reported = 0;
        }
        Ok(taken)
    }

    fn next_frame<'a>(&self, bytes: &'a [u8]) -> Result<Option<Frame<'a>>, Fault> {
        let limit = match self.state {
            State::AwaitConnect => {
                if bytes.first().is_some_and(|first| first >> 4 != CONNECT) {
                    return Err(Fault::protocol("the first packet is not CONNECT"));
                }
                self.limits.connect_bytes_max()
            }
            State::Authenticating(_) => self.limits.connect_bytes_max(),
            _ => self.limits.packet_bytes_max(),
        };
        // Before CONNECT has said its version, nobody is held to the strictest one.
        Ok(frame_of(self.protocol.unwrap_or(Protocol::V311), bytes, limit)?)
    }

    fn handle_frame(
        &mut self,
        frame: Frame<'_>,
        entropy: &mut dyn FnMut() -> u64,
        out: &mut Inputs,
    ) -> Result<(), Fault> {
        let Some(protocol) = self.protocol else {
            return self.handle_connect(frame, entropy, out);
        };
        match &mut self.state {
            State::Authenticating(handshake) => {
                if let Some(ended) = handshake.handle_packet(&decode(frame, protocol)?, out)? {
                    self.state = State::Closing;
                    self.ended = Some(ended.into());
                }
                Ok(())
            }
            _ => self.handle_packet(decode(frame, protocol)?, out),
        }
    }

    fn report_progress(&mut self, arrived: usize, out: &mut Inputs) {
        let connected = matches!(self.state, State::Connected(_));
        if connected && arrived >= self.reported + PROGRESS_BYTES {
            self.reported = arrived;
            out.push_back(Input::Request(Request::Progress));
        }
    }

    /// Stops reading because of `fault`.
    fn leave(&mut self, fault: Fault, out: &mut Inputs) {
        let farewell = self.protocol.map_or(Farewell::Silent, Farewell::Spoken);
        let link = match std::mem::replace(&mut self.state, State::Closing) {
            State::Authenticating(handshake) => handshake.into_parts().1,
            State::Connected(link) => link,
            _ => Link::unknown(),
        };
        self.leave_with(link, farewell, fault, out);
    }

    fn leave_with(&mut self, link: Link, farewell: Farewell, fault: Fault, out: &mut Inputs) {
        self.state = State::Leaving { link, farewell };
        self.ended = Some(Ended::Fault(fault).into());
        out.push_back(Input::Fault(fault));
    }
}

#[inline]
fn frame_of(
    protocol: Protocol,
    bytes: &[u8],
    limit: usize,
) -> Result<Option<Frame<'_>>, DecodeError> {
    match protocol {
        Protocol::V31 => frame_v31(bytes, limit),
        Protocol::V311 => frame_v311(bytes, limit),
        Protocol::V5 => frame(bytes, limit),
    }
}
