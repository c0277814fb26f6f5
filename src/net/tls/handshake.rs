use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Facts, Tls};
use crate::auth::Certificate;
use crate::types::Timestamp;

/// Does the server's part of the handshake over `socket`. What comes of it is the encrypted
/// connection and the client's certificate, if it has shown one: it is one of those that `tls`
/// trusts, and the client has its key; `now`, by the wall clock, is before its end.
///
/// # Errors
///
/// What went wrong, and the socket if the client has just been told by an alert.
pub async fn handshake<S>(
    tls: &Tls,
    socket: S,
    now: Timestamp,
) -> Result<(TlsStream<S>, Option<Arc<Certificate>>), (io::Error, Option<S>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match TlsAcceptor::from(tls.config()).accept(socket).into_fallible().await {
        Ok(stream) => match certificate_of(&stream, now) {
            Ok(certificate) => Ok((stream, certificate)),
            Err(error) => Err((error, None)),
        },
        Err((error, socket)) => {
            // Without an alert the client has gone by itself.
            let told = error.kind() == io::ErrorKind::InvalidData;
            Err((error, told.then_some(socket)))
        }
    }
}

fn certificate_of<S>(
    stream: &TlsStream<S>,
    now: Timestamp,
) -> io::Result<Option<Arc<Certificate>>> {
    let Some([first, ..]) = stream.get_ref().1.peer_certificates() else { return Ok(None) };
    let facts = Facts::read(first).ok_or_else(|| invalid("a certificate that cannot be read"))?;
    still_valid(facts.holder, now).map(|holder| Some(Arc::new(holder)))
}

/// A client that resumes a session does not show its certificate again, so nobody has looked
/// whether it is still valid.
fn still_valid(holder: Certificate, now: Timestamp) -> io::Result<Certificate> {
    if holder.not_after < now {
        return Err(invalid("a session of a certificate that has expired"));
    }
    Ok(holder)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_counts_until_its_end() {
        let holder = Certificate {
            common_name: None,
            san_dns: Vec::new(),
            san_email: Vec::new(),
            san_uri: Vec::new(),
            fingerprint_sha256: [0; 32],
            not_after: Timestamp(5_000),
        };

        assert!(still_valid(holder.clone(), Timestamp(5_000)).is_ok());
        assert!(still_valid(holder, Timestamp(5_001)).is_err());
    }
}
