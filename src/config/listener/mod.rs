use std::net::SocketAddr;
use std::path::PathBuf;

mod draft;
mod endpoint;
mod limits;
mod tls;
mod websocket;

pub use endpoint::{Endpoint, FileMode, UnixSocket};
pub use limits::{ListenerLimits, Own};
pub use tls::{CIPHER_SUITES, CipherSuite, ClientCertificates, Tls, TlsVersion};
pub use websocket::{MESSAGE_BYTES_MAX, WebSocket, WebSocketPath};

pub(super) use draft::Draft;

use super::{Durability, ListenerAuth};
use crate::auth::rules::Network;

/// A socket on which clients are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What the log calls it.
    pub name: String,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Whether clients without credentials are accepted, if no source of credentials is asked.
    pub allow_anonymous: bool,
    /// Which sources of credentials are asked.
    pub auth: ListenerAuth,
    /// How connections are encrypted, where they are.
    pub tls: Option<Tls>,
    /// How MQTT is carried in WebSocket, where it is.
    pub websocket: Option<WebSocket>,
    /// Who begins connections with a PROXY header, where somebody does.
    pub proxy: Option<Proxy>,
    /// What an acknowledgement of a message promises its clients, where that is not what the store gives.
    pub durability: Own<Durability>,
    /// What it allows, where that is not what all listeners allow.
    pub limits: ListenerLimits,
}

/// Proxies that tell for whom they speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Their addresses. Nobody else is let in, because anybody could write such a header. Whoever
    /// reaches a Unix socket is trusted.
    pub trusted: Vec<Network>,
}

/// Most listeners of one broker.
pub const LISTENERS_MAX: usize = 64;

impl Listener {
    /// A listener for MQTT over TCP. Anonymous clients are accepted only where no other machine can
    /// reach the listener.
    pub fn at(address: SocketAddr) -> Self {
        let endpoint = Endpoint::Tcp(address);
        Self {
            name: endpoint.to_string(),
            allow_anonymous: endpoint.is_local(),
            auth: ListenerAuth::Common,
            endpoint,
            tls: None,
            websocket: None,
            proxy: None,
            durability: Own::default(),
            limits: ListenerLimits::default(),
        }
    }
}

impl Default for Listener {
    /// MQTT's port on the loopback address.
    fn default() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 1883)))
    }
}

/// Most entries of one list, such as certificates or trusted addresses.
pub const LIST_ENTRIES_MAX: usize = 64;

/// Paths of files, in the order in which they are written.
pub type Files = Vec<PathBuf>;
