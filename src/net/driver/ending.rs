use std::fmt;
use std::io;

use crate::net::websocket::Violation;

/// How a connection ended where the protocol had no say in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client closed its socket without DISCONNECT.
    Eof,
    /// The network gave up.
    Lost(io::ErrorKind),
    /// The client broke the rules of WebSocket.
    WebSocket(Violation),
    /// The client broke those of TLS.
    Tls,
    /// No accepted CONNECT in the time there was for it.
    ConnectTimeout,
    /// The same, and it was not the client who kept it waiting.
    AnswerTimeout,
    /// The client took no output in the time there was to close the connection.
    FlushTimeout,
    /// The task was dropped: the server is gone.
    Dropped,
}

impl Ending {
    /// How a connection ended whose socket failed with `error`.
    pub fn of(error: &io::Error) -> Self {
        let cause = error.get_ref();
        if let Some(violation) = cause.and_then(|cause| cause.downcast_ref()) {
            return Self::WebSocket(*violation);
        }
        match error.kind() {
            _ if cause.is_some_and(|cause| cause.is::<rustls::Error>()) => Self::Tls,
            // TLS without its own farewell: MQTT knows where its packets end.
            io::ErrorKind::UnexpectedEof => Self::Eof,
            kind => Self::Lost(kind),
        }
    }

    /// Whether nothing more can be said to the client.
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Lost(_) | Self::WebSocket(_) | Self::Tls)
    }

    /// Whether the client is to blame.
    pub fn is_mistake(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::WebSocket(_) | Self::Tls)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eof => f.write_str("client closed the socket without DISCONNECT"),
            Self::Lost(kind) => write!(f, "network failed: {kind}"),
            Self::WebSocket(violation) => violation.fmt(f),
            Self::Tls => f.write_str("malformed TLS"),
            Self::ConnectTimeout => f.write_str("no accepted CONNECT in time"),
            Self::AnswerTimeout => f.write_str("CONNECT was not answered in time"),
            Self::FlushTimeout => f.write_str("client did not read what was left for it"),
            Self::Dropped => f.write_str("server stopped"),
        }
    }
}
