use std::net::SocketAddr;
use std::path::PathBuf;

use super::{
    CipherSuite, ClientCertificates, Endpoint, FileMode, Files, Listener, ListenerLimits,
    MESSAGE_BYTES_MAX, Own, Proxy, Tls, TlsVersion, UnixSocket, WebSocket, WebSocketPath,
};
use crate::auth::rules::Network;
use crate::config::choice::choices;
use crate::config::key::keys;
use crate::config::value::{Range, Value, Written};
use crate::config::{Durability, Key, ListenerAuth};
use crate::connection::PACKET_BYTES_MAX;

/// One listener as far as it has been read.
#[derive(Clone, Default)]
pub struct Draft {
    address: Option<SocketAddr>,
    unix_path: Option<PathBuf>,
    unix_mode: FileMode,
    name: String,
    protocol: ListenerProtocol,
    allow_anonymous: AllowAnonymous,
    auth: ListenerAuth,
    tls: Tls,
    websocket: WebSocket,
    proxy_protocol: bool,
    proxy_trusted: Vec<Network>,
    durability: Own<Durability>,
    limits: ListenerLimits,
}

choices! {
    /// What carries MQTT, by the name that it has in URLs.
    #[derive(Default)]
    ListenerProtocol {
        /// Nothing but the socket.
        #[default]
        Mqtt = "mqtt",
        /// TLS.
        Mqtts = "mqtts",
        /// WebSocket.
        Ws = "ws",
        /// WebSocket in TLS.
        Wss = "wss",
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum AllowAnonymous {
    #[default]
    Loopback,
    Written(bool),
}

const NAME_BYTES_MAX: u64 = 64;
const PATH_BYTES_MAX: u64 = 1_024;
/// More connections or packets than any machine takes.
const MANY: u64 = 10_000_000;

impl Draft {
    pub(in crate::config) const KEYS: &[Key<Self>] = keys! { "listeners":
        /// An IP address and a port; 0.0.0.0 and [::] are all addresses of the machine.
        "address" is address: Option<SocketAddr>;
        /// A file to listen on instead of an address.
        "unix.path" is unix_path: Option<PathBuf>;
        /// Who may connect to that file.
        "unix.mode" is unix_mode: FileMode;
        /// What the log calls it; empty for the address.
        "name" is name: String, within 0..=NAME_BYTES_MAX;
        /// What carries MQTT: nothing else, TLS, WebSocket, or WebSocket in TLS.
        "protocol" is protocol: ListenerProtocol;
        /// Whether clients come in where no source of credentials is asked; "loopback": only from this machine.
        "allow_anonymous" is allow_anonymous: AllowAnonymous;
        /// Sources of credentials as in auth.chain, for this listener; "common": that one.
        "auth" is auth: ListenerAuth;
        /// Certificates in PEM, each with its chain; clients choose by the name of the server.
        "tls.cert" is tls.cert: Files;
        /// Their private keys, in the same order; none if they stand in the files of the certificates.
        "tls.key" is tls.key: Files;
        /// Whether clients show a certificate.
        "tls.client_certificates" is tls.client_certificates: ClientCertificates;
        /// Authorities that client certificates come from.
        "tls.ca" is tls.ca: Files;
        /// Lists of client certificates that were revoked.
        "tls.crl" is tls.crl: Files;
        /// The oldest version of TLS that is spoken.
        "tls.minimum_version" is tls.minimum_version: TlsVersion;
        /// Cipher suites by preference; none for all that are safe.
        "tls.ciphers" is tls.ciphers: Vec<CipherSuite>;
        /// Whether private keys may be readable for other users.
        "tls.allow_readable_key" is tls.allow_readable_key: bool;
        /// The path of the WebSocket URL.
        "websocket.path" is websocket.path: WebSocketPath, within 1..=PATH_BYTES_MAX;
        /// Origins of pages that may connect beside those of the same host; "*" is every page.
        "websocket.origins" is websocket.origins: Vec<String>;
        /// Bytes of one WebSocket message; one that is longer ends its connection.
        "websocket.message_bytes_max" is websocket.message_bytes_max: u64, within 128..=MESSAGE_BYTES_MAX;
        /// Whether every connection begins with a PROXY header, version 1 or 2.
        "proxy_protocol" is proxy_protocol: bool;
        /// Addresses of the proxies; nobody else is let in then.
        "proxy_trusted" is proxy_trusted: Vec<Network>;
        /// What PUBACK and PUBREC promise its clients: store.durability, or less; "common": that one. docs/DURABILITY.md.
        "durability" is durability: Own<Durability>;
        /// Connections at one time on this listener; "common": only all listeners together are limited.
        "limits.connections_max" is limits.connections_max: Own<usize>, within 1..=MANY;
        /// Connections on this listener that have not had a CONNECT accepted; "common" as above.
        "limits.unauthenticated_max" is limits.unauthenticated_max: Own<usize>, within 1..=MANY;
        /// Connections of one address on this listener; "common": what limits says, on all together.
        "limits.connections_per_address_max" is limits.connections_per_address_max: Own<u32>, within 0..=MANY;
        /// Those of one address that have not had a CONNECT accepted; "common" as above.
        "limits.unauthenticated_per_address_max" is limits.unauthenticated_per_address_max: Own<u32>, within 0..=MANY;
        /// New connections of one address in a minute; "common" as above.
        "limits.connects_per_minute_per_address" is limits.connects_per_minute_per_address: Own<u32>, within 0..=60_000_000;
        /// New connections of one address that may come at once; "common" as above.
        "limits.connects_burst_per_address" is limits.connects_burst_per_address: Own<u32>, within 1..=MANY;
        /// PUBLISH packets of one client in a second; "common": what limits says.
        "limits.publish_messages_per_second" is limits.publish_messages_per_second: Own<u32>, within 0..=MANY;
        /// Bytes of messages that one client publishes in a second; "common": what limits says.
        "limits.publish_bytes_per_second" is limits.publish_bytes_per_second: Own<u64>, within 0..=1_099_511_627_776;
        /// Bytes of one packet; a client that sends a longer one is disconnected; "common": what limits says.
        "limits.packet_bytes_max" is limits.packet_bytes_max: Own<u32>, within 128..=PACKET_BYTES_MAX as u64;
    };

    /// The listener; or what contradicts itself, by key.
    pub(in crate::config) fn finish(self) -> Result<Listener, Vec<(&'static str, String)>> {
        let mut mistakes = self.contradictions();
        if self.protocol.has_tls() {
            mistakes.extend(self.tls.mistakes());
        }
        match self.endpoint() {
            Ok(endpoint) if mistakes.is_empty() => Ok(self.listener(endpoint)),
            Ok(_) => Err(mistakes),
            Err(mistake) => {
                mistakes.insert(0, mistake);
                Err(mistakes)
            }
        }
    }

    fn listener(self, endpoint: Endpoint) -> Listener {
        Listener {
            name: Some(self.name)
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| endpoint.to_string()),
            allow_anonymous: match self.allow_anonymous {
                // Whoever speaks through a proxy is not of this machine, though the proxy may be.
                AllowAnonymous::Loopback => endpoint.is_local() && !self.proxy_protocol,
                AllowAnonymous::Written(allowed) => allowed,
            },
            auth: self.auth,
            endpoint,
            tls: self.protocol.has_tls().then_some(self.tls),
            websocket: self.protocol.has_websocket().then_some(self.websocket),
            proxy: self.proxy_protocol.then_some(Proxy { trusted: self.proxy_trusted }),
            durability: self.durability,
            limits: self.limits,
        }
    }

    fn endpoint(&self) -> Result<Endpoint, (&'static str, String)> {
        match (self.address, &self.unix_path) {
            (Some(address), None) => Ok(Endpoint::Tcp(address)),
            (None, Some(path)) => {
                Ok(Endpoint::Unix(UnixSocket { path: path.clone(), mode: self.unix_mode }))
            }
            (None, None) => Err(("address", "is missing".into())),
            (Some(_), Some(_)) => {
                Err(("unix.path", "stands beside an address: a listener has one of them".into()))
            }
        }
    }

    /// Keys that have no effect beside the others.
    fn contradictions(&self) -> Vec<(&'static str, String)> {
        let tcp = self.unix_path.is_none();
        let mut found = Vec::new();
        if !self.protocol.has_tls() {
            let keys = changed(self, |key| key.starts_with("tls."));
            found.extend(keys.map(|key| (key, "needs protocol = \"mqtts\" or \"wss\"".into())));
        }
        if !self.protocol.has_websocket() {
            let keys = changed(self, |key| key.starts_with("websocket."));
            found.extend(keys.map(|key| (key, "needs protocol = \"ws\" or \"wss\"".into())));
        }
        if self.proxy_protocol && tcp && self.proxy_trusted.is_empty() {
            let text = "is empty: name the addresses of the proxies";
            found.push(("proxy_trusted", text.into()));
        }
        if !self.proxy_protocol && !self.proxy_trusted.is_empty() {
            found.push(("proxy_trusted", "needs proxy_protocol = true".into()));
        }
        if tcp && self.unix_mode != FileMode::default() {
            found.push(("unix.mode", "needs unix.path".into()));
        }
        found
    }

    /// The listener that there is unless one is written, with nothing worked out yet.
    pub(in crate::config) fn default_as_written() -> Self {
        Self { address: Listener::default().endpoint.address(), ..Self::default() }
    }
}

/// The keys among `those` whose values are not the defaults.
fn changed(draft: &Draft, those: fn(&str) -> bool) -> impl Iterator<Item = &'static str> {
    let default = Draft::default();
    let keys = Draft::KEYS.iter().filter(move |key| those(key.name));
    keys.filter(move |key| key.show(draft) != key.show(&default)).map(|key| key.name)
}

impl ListenerProtocol {
    fn of(listener: &Listener) -> Self {
        match (&listener.tls, &listener.websocket) {
            (None, None) => Self::Mqtt,
            (Some(_), None) => Self::Mqtts,
            (None, Some(_)) => Self::Ws,
            (Some(_), Some(_)) => Self::Wss,
        }
    }

    fn has_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    fn has_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

impl Value for AllowAnonymous {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        match written {
            Written::Text("loopback") => Ok(Self::Loopback),
            Written::Flag(allowed) => Ok(Self::Written(*allowed)),
            _ => Err(written.instead_of(&Self::allowed(range))),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Loopback => "\"loopback\"".into(),
            Self::Written(allowed) => allowed.show(),
        }
    }

    fn allowed(_: &Range) -> String {
        "true, false or \"loopback\"".into()
    }
}

impl From<&Listener> for Draft {
    fn from(listener: &Listener) -> Self {
        let unix = match &listener.endpoint {
            Endpoint::Unix(socket) => Some(socket.clone()),
            Endpoint::Tcp(_) => None,
        };
        Self {
            address: listener.endpoint.address(),
            unix_mode: unix.as_ref().map_or_else(FileMode::default, |socket| socket.mode),
            unix_path: unix.map(|socket| socket.path),
            name: listener.name.clone(),
            protocol: ListenerProtocol::of(listener),
            allow_anonymous: AllowAnonymous::Written(listener.allow_anonymous),
            auth: listener.auth.clone(),
            tls: listener.tls.clone().unwrap_or_default(),
            websocket: listener.websocket.clone().unwrap_or_default(),
            proxy_protocol: listener.proxy.is_some(),
            proxy_trusted: listener.proxy.clone().map_or_else(Vec::new, |proxy| proxy.trusted),
            durability: listener.durability,
            limits: listener.limits.clone(),
        }
    }
}
