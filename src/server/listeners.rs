use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::settings;
use crate::auth::PeerInfo;
use crate::config::{self, Config, Endpoint, Listener};
use crate::net::tls::{FileProblem, Tls};
use crate::net::{self, Entrance, Listening, Shared, UnixSocket};

/// A listener whose place and files are ours.
pub struct Bound {
    /// With the port that the system chose, where it was to choose one; none of a Unix socket.
    pub address: Option<SocketAddr>,
    listening: Listening,
    /// What it encrypts with, where it does.
    pub tls: Option<Arc<Tls>>,
    listener: Listener,
}

/// What a listener lacks.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// An address or path that is not to be had.
    #[error("cannot listen on {endpoint}: {source}")]
    Bind {
        /// As configured.
        endpoint: Endpoint,
        /// What the system says.
        source: io::Error,
    },
    /// A file that TLS needs.
    #[error("listener {listener:?}: {problem}")]
    Tls {
        /// The name of the listener.
        listener: String,
        /// What is wrong.
        problem: FileProblem,
    },
}

/// Takes every configured address and reads the files that its listener needs. To be called within
/// a runtime.
///
/// # Errors
///
/// Everything that is not to be had, so that it can be put right in one go.
pub fn bind_all(config: &Config) -> Result<Vec<Bound>, Vec<ListenError>> {
    let (mut bound, mut failed) = (Vec::new(), Vec::new());
    for listener in &config.listeners {
        let listening = bind(listener, config);
        let tls = listener.tls.as_ref().map(|tls| read_tls(listener, tls)).transpose();
        match (listening, tls) {
            (Ok((listening, address)), Ok(tls)) => {
                bound.push(Bound { address, listening, tls, listener: listener.clone() });
            }
            (listening, tls) => {
                let endpoint = listener.endpoint.clone();
                failed.extend(listening.err().map(|source| ListenError::Bind { endpoint, source }));
                failed.extend(tls.err().into_iter().flatten());
            }
        }
    }
    if failed.is_empty() { Ok(bound) } else { Err(failed) }
}

/// Accepts clients on every listener, in tasks of their own.
pub fn start_all(
    listeners: Vec<Bound>,
    config: &Config,
    shared: &Arc<Shared>,
    tasks: &mut JoinSet<()>,
) {
    for bound in listeners {
        bound.log();
        let Bound { listening, tls, listener, .. } = bound;
        let entrance = Entrance {
            peer: PeerInfo {
                listener: listener.name.as_str().into(),
                allow_anonymous: listener.allow_anonymous,
                ..PeerInfo::default()
            },
            proxy: listener.proxy,
            tls,
            websocket: listener.websocket,
            handshake_timeout: Duration::from_secs(config.limits.handshake_timeout_secs),
            shared: Arc::clone(shared),
        };
        tasks.spawn(net::accept_all(listening, Arc::new(entrance)));
    }
}

/// The errors as a log line has them.
pub fn in_one_line(errors: &[ListenError]) -> String {
    let lines: Vec<String> = errors.iter().map(ListenError::to_string).collect();
    lines.join("; ")
}

impl Bound {
    /// The name of the listener.
    pub fn name(&self) -> &str {
        &self.listener.name
    }

    fn log(&self) {
        let Listener { name, endpoint, allow_anonymous, tls, websocket, .. } = &self.listener;
        let address = self.address.map_or(endpoint.to_string(), |address| address.to_string());
        let (tls, websocket) = (tls.is_some(), websocket.is_some());
        tracing::info!(address = %address, name, tls, websocket, allow_anonymous, "listening");
    }
}

fn bind(listener: &Listener, config: &Config) -> io::Result<(Listening, Option<SocketAddr>)> {
    match &listener.endpoint {
        Endpoint::Tcp(address) => {
            let only_v6 = leaves_ipv4_to_another(*address, &config.listeners);
            let socket = net::bind(*address, only_v6, config.tcp.backlog)?;
            let address = socket.local_addr()?;
            let listener = TcpListener::from_std(socket)?;
            Ok((Listening::Tcp(listener, settings::tcp(&config.tcp)), Some(address)))
        }
        Endpoint::Unix(socket) => {
            let socket = UnixSocket::bind(&socket.path, socket.mode.0, config.tcp.backlog)?;
            Ok((Listening::Unix(socket), None))
        }
    }
}

fn read_tls(listener: &Listener, settings: &config::Tls) -> Result<Arc<Tls>, Vec<ListenError>> {
    let protocol: &[u8] = if listener.websocket.is_some() { b"http/1.1" } else { b"mqtt" };
    let name = || listener.name.clone();
    let told = |problem| ListenError::Tls { listener: name(), problem };
    let read = Tls::read(settings.clone(), protocol).map(Arc::new);
    read.map_err(|problems| problems.into_iter().map(told).collect())
}

/// Whether `address` is all of IPv6 and all of IPv4 is configured beside it, on the same port.
fn leaves_ipv4_to_another(address: SocketAddr, listeners: &[Listener]) -> bool {
    let all_v4 = Endpoint::Tcp(SocketAddr::from(([0, 0, 0, 0], address.port())));
    address.is_ipv6() && listeners.iter().any(|other| other.endpoint == all_v4)
}
