use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::entrance::{Entrance, Stream};
use super::{TcpOptions, UnixSocket};

/// How long accepting pauses when the process is out of descriptors or memory.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What clients connect to.
pub enum Listening {
    /// By TCP, with what is set on every accepted socket.
    Tcp(TcpListener, TcpOptions),
    /// By a file.
    Unix(UnixSocket),
}

/// Accepts clients for as long as it is polled. It outlives every error: one connection less is
/// better than a server that nobody reaches any more.
pub async fn accept_all(listening: Listening, entrance: Arc<Entrance>) {
    match listening {
        Listening::Tcp(listener, options) => {
            accept(&entrance, async || tcp(listener.accept().await?, options)).await;
        }
        Listening::Unix(socket) => {
            accept(&entrance, async || Ok(Some(unix(socket.listener.accept().await?)))).await;
        }
    }
}

async fn accept<S: Stream, F>(entrance: &Arc<Entrance>, mut next: impl FnMut() -> F)
where
    F: Future<Output = io::Result<Option<(S, Option<SocketAddr>)>>>,
{
    loop {
        match next().await {
            Ok(Some((socket, address))) => entrance.admit(socket, address),
            Ok(None) => {}
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                let shared = &entrance.shared;
                if shared.mistakes.admit(shared.clock.now()) {
                    tracing::error!(%error, "cannot accept connections for the moment");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// `None` if the peer is gone already, or the options are none of this system's.
fn tcp(
    (socket, address): (TcpStream, SocketAddr),
    options: TcpOptions,
) -> io::Result<Option<(TcpStream, Option<SocketAddr>)>> {
    if let Err(error) = options.apply(&socket) {
        tracing::debug!(%address, %error, "connection closed: socket options");
        return Ok(None);
    }
    Ok(Some((socket, Some(address))))
}

fn unix(
    (socket, _): (UnixStream, tokio::net::unix::SocketAddr),
) -> (UnixStream, Option<SocketAddr>) {
    (socket, None)
}

/// The client gave up between its SYN and our accept: the next one is not concerned.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_gave_up_does_not_make_the_others_wait() {
        assert!(concerns_one_connection(&io::ErrorKind::ConnectionAborted.into()));
        // EMFILE: no descriptors left.
        assert!(!concerns_one_connection(&io::Error::from_raw_os_error(24)));
    }
}
