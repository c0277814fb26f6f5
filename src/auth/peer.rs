use core::net::SocketAddr;
use std::sync::Arc;

use crate::request::Origin;
use crate::types::Timestamp;

/// What is known of a client before it says anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// The client's own address, also behind a proxy; `None` on a Unix socket.
    pub address: Option<SocketAddr>,
    /// The name of its listener.
    pub listener: Arc<str>,
    /// Whether that listener takes clients that nobody vouches for.
    pub allow_anonymous: bool,
    /// The certificate that it proved to hold the key of, checked by whoever ended TLS.
    pub certificate: Option<Arc<Certificate>>,
}

/// What a verified client certificate says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The common name of the subject.
    pub common_name: Option<String>,
    /// The DNS names among the subject's alternative names.
    pub san_dns: Vec<String>,
    /// The mail addresses among them.
    pub san_email: Vec<String>,
    /// The URIs among them.
    pub san_uri: Vec<String>,
    /// SHA-256 over the certificate as it was sent (DER).
    pub fingerprint_sha256: [u8; 32],
    /// The last moment at which it is valid.
    pub not_after: Timestamp,
}

impl Default for PeerInfo {
    /// Nobody knows anything, and nobody vouches for anybody.
    fn default() -> Self {
        Self { address: None, listener: Arc::from(""), allow_anonymous: false, certificate: None }
    }
}

impl PeerInfo {
    /// As much of it as rules about topics ask for.
    pub fn origin(&self) -> Origin {
        let certificate = self.certificate.as_deref();
        let common_name = certificate.and_then(|it| it.common_name.as_deref());
        Origin {
            address: self.address.map(|address| address.ip()),
            certificate: certificate.is_some(),
            common_name: common_name.map(Box::from),
        }
    }
}
