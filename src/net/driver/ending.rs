use std::fmt;
use std::io;

/// How a connection ended where the protocol had no say in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client closed its socket without DISCONNECT.
    Eof,
    /// The network gave up.
    Lost(io::ErrorKind),
    /// No accepted CONNECT in the time there was for it.
    ConnectTimeout,
    /// The client took no output in the time there was to close the connection.
    FlushTimeout,
    /// The task was dropped: the server is gone.
    Dropped,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eof => f.write_str("client closed the socket without DISCONNECT"),
            Self::Lost(kind) => write!(f, "network failed: {kind}"),
            Self::ConnectTimeout => f.write_str("no accepted CONNECT in time"),
            Self::FlushTimeout => f.write_str("client did not read what was left for it"),
            Self::Dropped => f.write_str("server stopped"),
        }
    }
}
