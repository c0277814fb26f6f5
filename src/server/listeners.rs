use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::settings;
use crate::auth::PeerInfo;
use crate::config::{Config, Listener};
use crate::net::{self, Shared};

/// An address that is ours.
pub struct Bound {
    /// With the port that the system chose, where it was to choose one.
    pub address: SocketAddr,
    listener: TcpListener,
    name: String,
    peer: PeerInfo,
}

/// An address that is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    /// As configured.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// Takes every configured address. To be called within a runtime.
///
/// # Errors
///
/// All those that are not to be had, so that they can be put right in one go.
pub fn bind_all(config: &Config) -> Result<Vec<Bound>, Vec<ListenError>> {
    let (mut bound, mut failed) = (Vec::new(), Vec::new());
    for listener in &config.listeners {
        match bind(listener, config) {
            Ok(listener) => bound.push(listener),
            Err(source) => failed.push(ListenError { address: listener.address, source }),
        }
    }
    if failed.is_empty() { Ok(bound) } else { Err(failed) }
}

/// Accepts clients on every address, in tasks of their own.
pub fn start_all(
    listeners: Vec<Bound>,
    config: &Config,
    shared: &Arc<Shared>,
    tasks: &mut JoinSet<()>,
) {
    let options = settings::tcp(&config.tcp);
    for Bound { address, listener, name, peer } in listeners {
        tracing::info!(%address, name, allow_anonymous = peer.allow_anonymous, "listening");
        tasks.spawn(net::accept_all(listener, peer, options, Arc::clone(shared)));
    }
}

/// The errors as a log line has them.
pub fn in_one_line(errors: &[ListenError]) -> String {
    let lines: Vec<String> = errors.iter().map(ListenError::to_string).collect();
    lines.join("; ")
}

fn bind(listener: &Listener, config: &Config) -> io::Result<Bound> {
    let only_v6 = leaves_ipv4_to_another(listener.address, &config.listeners);
    let socket = net::bind(listener.address, only_v6, config.tcp.backlog)?;
    Ok(Bound {
        address: socket.local_addr()?,
        listener: TcpListener::from_std(socket)?,
        name: listener.name.clone(),
        peer: PeerInfo {
            listener: listener.name.as_str().into(),
            allow_anonymous: listener.allow_anonymous,
            ..PeerInfo::default()
        },
    })
}

/// Whether `address` is all of IPv6 and all of IPv4 is configured beside it, on the same port.
fn leaves_ipv4_to_another(address: SocketAddr, listeners: &[Listener]) -> bool {
    let all_v4 = SocketAddr::from(([0, 0, 0, 0], address.port()));
    address.is_ipv6() && listeners.iter().any(|other| other.address == all_v4)
}
