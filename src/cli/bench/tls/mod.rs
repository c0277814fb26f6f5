mod trust;

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::error::Error;
use crate::net::tls::crypto_provider;

/// How the clients of a run come to TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What the broker's certificate is held against.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'a> {
    /// Authorities, in PEM.
    File(&'a Path),
    /// Nothing.
    Anybody,
}

impl Tls {
    /// For a broker that is called `host`. `resume` lets clients take up earlier sessions.
    ///
    /// # Errors
    ///
    /// [`Error::Options`]: the file has no authorities, or no certificate is ever for such a host.
    pub fn new(host: &str, trust: Trust<'_>, resume: bool) -> Result<Self, Error> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::Options(format!("no certificate is for the host {host}")))?;
        let provider = crypto_provider(&[]);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|cause| Error::Options(cause.to_string()))?;
        let builder = match trust {
            Trust::File(path) => builder.with_root_certificates(trust::roots(path)?),
            Trust::Anybody => trust::anybody(builder, provider),
        };
        let mut config = builder.with_no_client_auth();
        if !resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Self { config: config.into(), name })
    }
}

/// TLS on one connection.
pub struct Secure {
    connection: ClientConnection,
    /// The other side has said that nothing more comes.
    ended: bool,
}

/// Bytes that a socket is read for at once: their plain text is hardly more.
pub const SEALED_BYTES_MAX: usize = 64 * 1024;
/// What may come out of it beyond that: the end of a record whose start came before.
pub const RECORD_BYTES_MAX: usize = 16 * 1024;

impl Secure {
    pub fn new(tls: &Tls) -> io::Result<Self> {
        let config = Arc::clone(&tls.config);
        let connection =
            ClientConnection::new(config, tls.name.clone()).map_err(io::Error::other)?;
        Ok(Self { connection, ended: false })
    }

    /// Sends what the socket takes of `plain` and returns how much that is. What has become records is
    /// sent before more of it does.
    pub fn write(&mut self, socket: &mut TcpStream, plain: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        loop {
            while self.connection.wants_write() {
                match self.connection.write_tls(socket) {
                    Err(error) if is_full(&error) && taken > 0 => return Ok(taken),
                    other => other?,
                };
            }
            match self.connection.writer().write(&plain[taken..])? {
                0 => return Ok(taken),
                count => taken += count,
            }
        }
    }

    /// Whether there are records to send.
    pub fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Puts the plain text of what the socket has into `plain` and returns how long it is and whether
    /// there may be more; `None` at the end of the stream. `sealed` is for what comes before it is plain.
    pub fn read(
        &mut self,
        socket: &mut TcpStream,
        sealed: &mut [u8],
        plain: &mut [u8],
    ) -> io::Result<Option<(usize, bool)>> {
        if self.ended {
            return Ok(None);
        }
        let count = socket.read(sealed)?;
        if count == 0 {
            return Ok(None);
        }
        let mut rest = &sealed[..count];
        let mut filled = 0;
        while !rest.is_empty() && !self.ended {
            self.connection.read_tls(&mut rest)?;
            filled += self.open(socket, &mut plain[filled..])?;
        }
        Ok(Some((filled, count == sealed.len() || self.ended)))
    }

    fn open(&mut self, socket: &mut TcpStream, plain: &mut [u8]) -> io::Result<usize> {
        let state = self.connection.process_new_packets().map_err(|cause| {
            // The broker hears why, if its socket takes it.
            let _ = self.connection.write_tls(socket);
            io::Error::other(cause)
        })?;
        self.ended = state.peer_has_closed();
        let len = state.plaintext_bytes_to_read();
        self.connection.reader().read_exact(&mut plain[..len])?;
        Ok(len)
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::{HandshakeKind, ServerConfig, ServerConnection};

    use super::*;

    #[test]
    fn sessions_are_resumed_only_on_request() {
        for (resume, second) in [(false, HandshakeKind::Full), (true, HandshakeKind::Resumed)] {
            let broker = broker();
            let tls = Tls::new("localhost", Trust::Anybody, resume).expect("a host");
            assert_eq!(shake_hands(&tls, &broker), HandshakeKind::Full);
            assert_eq!(shake_hands(&tls, &broker), second, "resume = {resume}");
        }
    }

    #[test]
    fn files_without_authorities_and_impossible_hosts_are_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ca.crt");
        let said = |host| match Tls::new(host, Trust::File(&path), false) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{host} will do"),
        };
        assert!(said("localhost").contains("cannot be read: No such file"));
        std::fs::write(&path, "nothing").expect("written");
        assert!(said("localhost").contains("ca.crt: has no certificate in PEM"));
        assert_eq!(said("a b"), "no certificate is for the host a b");
    }

    fn broker() -> Arc<ServerConfig> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(crypto_provider(&[]))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .expect("a key and its certificate");
        config.into()
    }

    /// All that either side has to say, until neither has more.
    fn shake_hands(tls: &Tls, broker: &Arc<ServerConfig>) -> HandshakeKind {
        let mut client = Secure::new(tls).expect("a client").connection;
        let mut server = ServerConnection::new(Arc::clone(broker)).expect("a server");
        while client.wants_write() || server.wants_write() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).expect("memory");
            }
            server.read_tls(&mut &wire[..]).expect("memory");
            server.process_new_packets().expect("TLS");
            wire.clear();
            while server.wants_write() {
                server.write_tls(&mut wire).expect("memory");
            }
            client.read_tls(&mut &wire[..]).expect("memory");
            client.process_new_packets().expect("TLS");
        }
        client.handshake_kind().expect("it is over")
    }
}
