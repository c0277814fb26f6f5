use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::activation::{Activation, Passed};
use super::{protection, settings};
use crate::auth::PeerInfo;
use crate::config::{self, Config, Endpoint, Listener};
use crate::net::tls::Tls;
use crate::net::{self, Entrance, FileError, Listening, Shared, UnixSocket};

/// A socket of a listener whose places and files are ours.
pub struct Bound {
    /// With the port that the system chose, where it was to choose one; none of a Unix socket.
    pub address: Option<SocketAddr>,
    listening: Listening,
    /// What its listener encrypts with, where it does: all sockets of that share it.
    pub tls: Option<Arc<Tls>>,
    /// All its sockets share it.
    listener: Arc<Listener>,
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
    /// A socket from the service manager that is of no use.
    #[error("a socket from the service manager is of no use for listener {listener:?}: {reason}")]
    Passed {
        /// The name that it was passed with.
        listener: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that TLS needs.
    #[error("listener {listener:?}: {problem}")]
    Tls {
        /// The name of the listener.
        listener: String,
        /// What is wrong.
        problem: FileError,
    },
}

/// Takes every configured address, or the sockets that were passed for its listener, and reads the
/// files that its listener needs. To be called within a runtime.
///
/// # Errors
///
/// Everything that is not to be had, so that it can be put right in one go.
pub fn bind_all(
    config: &Config,
    mut activation: Activation,
) -> Result<Vec<Bound>, Vec<ListenError>> {
    let (mut bound, mut failed) = (Vec::new(), Vec::new());
    for listener in &config.listeners {
        let tls = listener.tls.as_ref().map(|tls| read_tls(listener, tls)).transpose();
        let (tls, problems) = tls.map_or_else(|problems| (None, problems), |tls| (tls, Vec::new()));
        failed.extend(problems);
        let shared = Arc::new(listener.clone());
        for listening in places(listener, config, &mut activation) {
            match listening {
                Ok((listening, address)) => {
                    let (tls, listener) = (tls.clone(), Arc::clone(&shared));
                    bound.push(Bound { address, listening, tls, listener });
                }
                Err(error) => failed.push(error),
            }
        }
    }
    failed.extend(activation.names_left().map(|listener| ListenError::Passed {
        listener,
        reason: "there is none of that name".into(),
    }));
    if failed.is_empty() { Ok(bound) } else { Err(failed) }
}

/// Accepts clients on every listener, in tasks of their own.
pub fn start_all(
    listeners: Vec<Bound>,
    config: &Config,
    shared: &Arc<Shared>,
    tasks: &mut JoinSet<()>,
) {
    let mut entrances = HashMap::new();
    for bound in listeners {
        bound.log(config.store.durability);
        let Bound { listening, tls, listener, .. } = bound;
        // One for all sockets of a listener: they share what it allows.
        let entrance = entrances
            .entry(Arc::as_ptr(&listener))
            .or_insert_with(|| Arc::new(entrance(&listener, tls, config, shared)));
        tasks.spawn(net::accept_all(listening, Arc::clone(entrance)));
    }
}

fn entrance(
    listener: &Listener,
    tls: Option<Arc<Tls>>,
    config: &Config,
    shared: &Arc<Shared>,
) -> Entrance {
    Entrance {
        peer: PeerInfo {
            listener: listener.name.as_str().into(),
            allow_anonymous: listener.allow_anonymous,
            ..PeerInfo::default()
        },
        door: shared.doorkeeper.door(protection::door(config, listener)),
        proxy: listener.proxy.clone(),
        tls,
        websocket: listener.websocket.clone(),
        handshake_timeout: Duration::from_secs(config.limits.handshake_timeout_secs),
        shared: Arc::clone(shared),
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

    fn log(&self, common: config::Durability) {
        let Listener { name, endpoint, allow_anonymous, tls, websocket, .. } = &*self.listener;
        let durability = self.listener.durability.or(common).name();
        let address = self.address.map_or(endpoint.to_string(), |address| address.to_string());
        let (tls, websocket) = (tls.is_some(), websocket.is_some());
        tracing::info!(
            address = %address, name, tls, websocket, allow_anonymous, durability, "listening"
        );
    }
}

/// A socket of ours, and the address that it has if it has one.
type Place = (Listening, Option<SocketAddr>);

/// The sockets of one listener: one of its own, unless some were passed for it.
fn places(
    listener: &Listener,
    config: &Config,
    activation: &mut Activation,
) -> Vec<Result<Place, ListenError>> {
    let passed = activation.take(&listener.name);
    if passed.is_empty() {
        let endpoint = listener.endpoint.clone();
        let own = bind(listener, config);
        return vec![own.map_err(|source| ListenError::Bind { endpoint, source })];
    }
    let place = |passed| {
        adopt(passed, listener, config)
            .map_err(|reason| ListenError::Passed { listener: listener.name.clone(), reason })
    };
    passed.into_iter().map(place).collect()
}

fn adopt(passed: Passed, listener: &Listener, config: &Config) -> Result<Place, String> {
    let system = |error: io::Error| error.to_string();
    match (passed, &listener.endpoint) {
        (Passed::Tcp(socket), Endpoint::Tcp(_)) => {
            let address = socket.local_addr().map_err(system)?;
            let options = settings::tcp(&config.tcp);
            Ok((Listening::tcp(socket, options).map_err(system)?, Some(address)))
        }
        (Passed::Unix(socket), Endpoint::Unix(_)) => {
            Ok((Listening::Unix(UnixSocket::adopt(socket).map_err(system)?), None))
        }
        (Passed::Tcp(_), Endpoint::Unix(_)) => Err("it is by TCP, the listener by a file".into()),
        (Passed::Unix(_), Endpoint::Tcp(_)) => Err("it is by a file, the listener by TCP".into()),
    }
}

fn bind(listener: &Listener, config: &Config) -> io::Result<Place> {
    match &listener.endpoint {
        Endpoint::Tcp(address) => {
            let only_v6 = leaves_ipv4_to_another(*address, &config.listeners);
            let socket = net::bind(*address, only_v6, config.tcp.backlog)?;
            let address = socket.local_addr()?;
            Ok((Listening::tcp(socket, settings::tcp(&config.tcp))?, Some(address)))
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
