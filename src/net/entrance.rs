use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;

use super::proxy::{ReadError, read_header};
use super::tls::{Tls, handshake};
use super::websocket::{UpgradeError, WebSocket, upgrade};
use super::{Admission, Clock, Door, Driver, Shared, dismiss};
use crate::auth::{Certificate, PeerInfo};
use crate::config;
use crate::guard;

/// The way from a listener to the driver of a connection: whatever stands between the socket and
/// MQTT, in this order: PROXY header, TLS, WebSocket.
pub struct Entrance {
    /// What is known of every client of this listener.
    pub peer: PeerInfo,
    /// Who may speak for others, where somebody does.
    pub proxy: Option<config::Proxy>,
    /// TLS, where it is spoken.
    pub tls: Option<Arc<Tls>>,
    /// WebSocket, where it is spoken.
    pub websocket: Option<config::WebSocket>,
    /// Who comes in.
    pub door: Arc<Door>,
    /// For all of these together.
    pub handshake_timeout: Duration,
    /// The server.
    pub shared: Arc<Shared>,
}

/// What carries bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Why a connection came no further.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it comes from an address that is not in proxy_trusted")]
    Untrusted,
    #[error("{0}")]
    Limit(guard::Refusal),
    #[error("PROXY protocol: {0}")]
    Proxy(#[from] ReadError),
    #[error("TLS: {0}")]
    Tls(#[source] std::io::Error),
    #[error("WebSocket: {0}")]
    WebSocket(#[from] UpgradeError),
    #[error("{0} was not complete in time")]
    Timeout(&'static str),
}

/// A connection that came no further, and the socket where its client has been told why.
struct Refused {
    why: Refusal,
    told: Option<Box<dyn Stream>>,
}

/// A connection that is ready for MQTT.
enum Opened<S> {
    Plain(S),
    Tls(Box<TlsStream<S>>),
    WebSocket(WebSocket<Box<dyn Stream>>),
}

impl Entrance {
    /// Lets in what connected from `address`, if there is a seat.
    pub fn admit<S: Stream>(self: &Arc<Self>, socket: S, address: Option<SocketAddr>) {
        // Behind a proxy the limits for one address wait until that address is known.
        let counted = address.filter(|_| self.proxy.is_none());
        let mut admission = match self.door.admit(counted) {
            Ok(admission) => admission,
            Err(refusal) => return self.log_refusal(refusal, address),
        };
        let peer = PeerInfo { address, ..self.peer.clone() };
        if self.proxy.is_none() && self.tls.is_none() && self.websocket.is_none() {
            admission.set_bare();
            tokio::spawn(Driver::new(socket, peer, Arc::clone(&self.shared), admission));
        } else {
            tokio::spawn(Arc::clone(self).enter(socket, peer, admission));
        }
    }

    /// The driver is a task of its own: one that stands is not as large as its handshake was.
    async fn enter<S: Stream>(
        self: Arc<Self>,
        socket: S,
        mut peer: PeerInfo,
        mut admission: Admission,
    ) {
        let shared = || Arc::clone(&self.shared);
        match self.open(socket, &mut peer, &mut admission).await {
            Ok(Opened::Plain(socket)) => {
                admission.set_bare();
                tokio::spawn(Driver::new(socket, peer, shared(), admission));
            }
            Ok(Opened::Tls(socket)) => {
                tokio::spawn(Driver::new(socket, peer, shared(), admission));
            }
            Ok(Opened::WebSocket(socket)) => {
                tokio::spawn(Driver::new(socket, peer, shared(), admission));
            }
            Err(Refused { why, told }) => {
                self.log(&why, &peer);
                if let Some(socket) = told {
                    // It counts as long as it is open.
                    dismiss(socket).await;
                }
            }
        }
    }

    async fn open<S: Stream>(
        &self,
        mut socket: S,
        peer: &mut PeerInfo,
        admission: &mut Admission,
    ) -> Result<Opened<S>, Refused> {
        // One moment for all steps, by the clock that the steps wait with.
        let until = tokio::time::sleep(self.handshake_timeout).deadline();
        if let Some(proxy) = &self.proxy {
            let header = timeout_at(until, introduce(&mut socket, proxy, peer));
            let is_known = header.await.map_err(|_| Refusal::Timeout("the PROXY header"))??;
            // A proxy that speaks for itself is no client that could be too many.
            admission.introduce(peer.address.filter(|_| is_known)).map_err(Refusal::Limit)?;
        }
        let Some(tls) = &self.tls else {
            return match &self.websocket {
                Some(settings) => open_websocket(Box::new(socket), settings, until).await,
                None => Ok(Opened::Plain(socket)),
            };
        };
        let shaken = timeout_at(until, handshake(tls, socket, Clock::wall())).await;
        let (stream, certificate) = shaken
            .map_err(|_| Refusal::Timeout("the TLS handshake"))?
            .map_err(|(error, told)| Refused {
                why: Refusal::Tls(error),
                told: told.map(|socket| Box::new(socket) as _),
            })?;
        if certificate.is_some() {
            peer.certificate = certificate;
        }
        match &self.websocket {
            Some(settings) => open_websocket(Box::new(stream), settings, until).await,
            None => Ok(Opened::Tls(Box::new(stream))),
        }
    }

    /// One line for each, as long as they are few.
    fn log_refusal(&self, refusal: guard::Refusal, address: Option<SocketAddr>) {
        if self.shared.doorkeeper.log.admit(self.shared.clock.now()) {
            let (address, listener) = (shown(address), &*self.peer.listener);
            tracing::warn!(address, listener, why = refusal.why(), "connection refused");
        }
    }

    /// A connection that was only lost is no event: a port check, a scan.
    fn log(&self, refusal: &Refusal, peer: &PeerInfo) {
        if let Refusal::Limit(refusal) = refusal {
            return self.log_refusal(*refusal, peer.address);
        }
        let (address, listener) = (shown(peer.address), &*peer.listener);
        if refusal.is_mistake() && self.shared.mistakes.admit(self.shared.clock.now()) {
            tracing::warn!(address, listener, what = %refusal, "client at fault");
        } else {
            tracing::debug!(address, listener, what = %refusal, "closed");
        }
    }
}

/// Reads for whom the proxy connected; whether it says that.
async fn introduce(
    socket: &mut impl Stream,
    proxy: &config::Proxy,
    peer: &mut PeerInfo,
) -> Result<bool, Refusal> {
    let trusted = |address: SocketAddr| proxy.trusted.iter().any(|it| it.contains(address.ip()));
    if !peer.address.is_none_or(trusted) {
        return Err(Refusal::Untrusted);
    }
    let header = read_header(socket).await?;
    if let Some(source) = header.source {
        peer.address = Some(source);
    }
    peer.certificate = header.common_name.map(|name| Arc::new(vouched_for(name)));
    Ok(header.source.is_some())
}

/// What a proxy tells of a certificate that it has verified: nothing but its name.
fn vouched_for(common_name: String) -> Certificate {
    Certificate {
        common_name: Some(common_name),
        san_dns: Vec::new(),
        san_email: Vec::new(),
        san_uri: Vec::new(),
        fingerprint_sha256: [0; 32],
        not_after: crate::types::Timestamp(u64::MAX),
    }
}

async fn open_websocket<S>(
    mut socket: Box<dyn Stream>,
    settings: &config::WebSocket,
    until: Instant,
) -> Result<Opened<S>, Refused> {
    match timeout_at(until, upgrade(&mut socket, settings)).await {
        Ok(Ok(())) => Ok(Opened::WebSocket(WebSocket::new(socket, settings.message_bytes_max))),
        Ok(Err(error)) => Err(Refused { why: error.into(), told: Some(socket) }),
        Err(_) => Err(Refusal::Timeout("the opening of the WebSocket").into()),
    }
}

impl From<Refusal> for Refused {
    fn from(why: Refusal) -> Self {
        Self { why, told: None }
    }
}

impl Refusal {
    fn is_mistake(&self) -> bool {
        match self {
            Self::Tls(error) => error.kind() == std::io::ErrorKind::InvalidData,
            Self::Proxy(ReadError::Lost(_)) | Self::WebSocket(UpgradeError::Lost(_)) => false,
            Self::Limit(_) => false,
            _ => true,
        }
    }
}

fn shown(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "unknown".into(), |address| address.to_string())
}

#[cfg(test)]
#[path = "tests/entrance.rs"]
pub(super) mod tests;
