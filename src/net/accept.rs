use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::entrance::{Entrance, Stream};
use super::tcp::OPTIONS_ARE_INHERITED;
use super::{TcpOptions, Throttle, UnixSocket};

/// How long accepting pauses when the process is out of descriptors or memory.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// That this happens is told so often, apart from what peers do wrong: the more of them there are, the
/// more it matters.
const PAUSES_LOGGED_PER_SECOND: u32 = 1;

/// What clients connect to.
pub enum Listening {
    /// By TCP, with what is set on every accepted socket.
    Tcp(TcpListener, TcpOptions),
    /// By a file.
    Unix(UnixSocket),
}

impl Listening {
    /// By TCP, at `socket`, with `options` for every socket that it accepts. To be called within a
    /// runtime.
    ///
    /// # Errors
    ///
    /// Those of the system, which may not know one of the options.
    pub fn tcp(socket: std::net::TcpListener, options: TcpOptions) -> io::Result<Self> {
        options.apply_to_listener(&socket)?;
        socket.set_nonblocking(true)?;
        Ok(Self::Tcp(TcpListener::from_std(socket)?, options))
    }
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
    let mut pauses = Throttle::new(PAUSES_LOGGED_PER_SECOND);
    loop {
        match next().await {
            Ok(Some((socket, address))) => entrance.admit(socket, address),
            Ok(None) => {}
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if pauses.admit(entrance.shared.clock.now()) {
                    let listener = &*entrance.peer.listener;
                    tracing::error!(listener, %error, "cannot accept connections for the moment");
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
    if !OPTIONS_ARE_INHERITED && let Err(error) = options.apply(&socket) {
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
    use std::io::{Read, Seek};

    use socket2::SockRef;
    use tokio::io::{AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::auth::{NoCredentials, PeerInfo};
    use crate::broker::Broker;
    use crate::net::driver::tests::stage;
    use crate::net::entrance::tests::before;
    use crate::net::{Clock, Keepalive, Setup, Shared, bind};
    use crate::store::Commits;

    #[tokio::test]
    async fn an_accepted_socket_has_all_options() {
        let options = TcpOptions {
            keepalive: Some(Keepalive {
                idle: Duration::from_secs(60),
                interval: Duration::from_secs(10),
                probes: 3,
            }),
            user_timeout: Some(Duration::from_secs(30)),
            notsent_lowat_bytes: Some(131_072),
            defer_accept_secs: 1,
        };

        let (socket, _peer) = pair(options).await;

        let found = SockRef::from(&socket);
        assert!(found.tcp_nodelay().expect("nodelay"));
        assert!(found.keepalive().expect("keepalive"));
        assert_eq!(found.tcp_keepalive_time().expect("idle"), Duration::from_secs(60));
        assert_eq!(found.tcp_keepalive_interval().expect("interval"), Duration::from_secs(10));
        assert_eq!(found.tcp_keepalive_retries().expect("probes"), 3);
        #[cfg(target_os = "linux")]
        {
            assert_eq!(found.tcp_user_timeout().expect("time"), options.user_timeout);
            assert_eq!(found.tcp_notsent_lowat().expect("bytes"), 131_072);
        }
    }

    #[tokio::test]
    async fn without_options_the_kernel_probes_nothing_and_nodelay_is_set() {
        let (socket, _peer) = pair(TcpOptions::default()).await;

        let found = SockRef::from(&socket);
        assert!(found.tcp_nodelay().expect("nodelay"));
        assert!(!found.keepalive().expect("keepalive"));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_client_that_says_nothing_is_not_accepted_yet() {
        let options = TcpOptions { defer_accept_secs: 15, ..TcpOptions::default() };
        let (listener, options) = listening(options);
        let address = listener.local_addr().expect("bound");
        let _silent = TcpStream::connect(address).await.expect("connects");
        let mut speaking = TcpStream::connect(address).await.expect("connects");
        speaking.write_all(b"?").await.expect("writes");

        let accepted = listener.accept().await.expect("accepts");

        let (accepted, _) = tcp(accepted, options).expect("nothing to report").expect("options");
        assert_eq!(accepted.peer_addr().ok(), speaking.local_addr().ok());
    }

    #[test]
    fn a_client_that_gave_up_does_not_make_the_others_wait() {
        assert!(concerns_one_connection(&io::ErrorKind::ConnectionAborted.into()));
        assert!(!concerns_one_connection(&no_descriptors()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_want_of_descriptors_is_logged_however_many_mistakes_peers_make() {
        let setup = Setup { mistakes_per_second: 0, ..stage::setup(NoCredentials) };
        let clock = Clock::start();
        let broker = Broker::new(stage::settings(), 1, clock.now());
        let shared = Arc::new(Shared::new(broker, Commits::none(), clock, setup));
        let peer = PeerInfo { listener: "it".into(), ..PeerInfo::default() };
        let entrance = Arc::new(Entrance { peer, ..before(shared) });
        let log = Arc::new(tempfile::tempfile().expect("a temporary file"));
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::clone(&log));
        let _logging = tracing::subscriber::set_default(lines.finish());

        let fail = async || Err::<Option<(DuplexStream, _)>, _>(no_descriptors());
        let accepting = accept(&entrance, fail);
        tokio::time::timeout(ACCEPT_PAUSE, accepting).await.expect_err("it never ends");

        let mut text = String::new();
        (&*log).rewind().expect("a file");
        (&*log).read_to_string(&mut text).expect("text");
        assert!(text.contains("cannot accept connections"), "{text}");
        assert!(text.contains("listener=\"it\"") && text.contains("os error 24"), "{text}");
    }

    /// EMFILE.
    fn no_descriptors() -> io::Error {
        io::Error::from_raw_os_error(24)
    }

    fn listening(options: TcpOptions) -> (TcpListener, TcpOptions) {
        let socket = bind("127.0.0.1:0".parse().expect("address"), false, 2).expect("a free port");
        let Ok(Listening::Tcp(listener, options)) = Listening::tcp(socket, options) else {
            panic!("options of this system");
        };
        (listener, options)
    }

    /// A socket that was accepted with `options`, and the one that connected.
    async fn pair(options: TcpOptions) -> (TcpStream, TcpStream) {
        let (listener, options) = listening(options);
        let address = listener.local_addr().expect("bound");
        let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let accepted = tcp(accepted.expect("accepts"), options).expect("nothing to report");
        (accepted.expect("options of this system").0, connected.expect("connects"))
    }
}
