//! Sockets of the tests themselves.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use fulmar::codec::{Connect, Packet};
use fulmar::net::tls::crypto_provider;
use fulmar::types::Protocol::V311;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::broker::DEADLINE;
use crate::wire::encoded;

pub const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
pub const PINGREQ: [u8; 2] = [0xC0, 0];
pub const PINGRESP: [u8; 2] = [0xD0, 0];
pub const DISCONNECT: [u8; 2] = [0xE0, 0];

/// A TLS connection of a client.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A TCP connection that waits no longer than a test does.
pub fn tcp(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the broker listens");
    socket.set_read_timeout(Some(DEADLINE)).expect("above zero");
    socket.set_nodelay(true).expect("a TCP socket");
    socket
}

/// A TLS connection to `localhost` at `address`, before its handshake.
pub fn tls(address: SocketAddr, ca: &Path) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("an authority");
    let config = ClientConfig::builder_with_provider(crypto_provider(&[]))
        .with_safe_default_protocol_versions()
        .expect("versions of the provider")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a configuration");
    StreamOwned::new(connection, tcp(address))
}

/// The first packet of a client without a session.
pub fn connect(client_id: &str) -> Vec<u8> {
    encoded(&Packet::Connect(Box::new(Connect::new(V311, client_id))), V311)
}

/// Connects as `client_id` over whatever carries bytes.
pub fn introduce(socket: &mut (impl Read + Write), client_id: &str) {
    socket.write_all(&connect(client_id)).expect("the broker reads");
    expect(socket, &CONNACK);
}

/// The broker still answers.
#[track_caller]
pub fn ping(socket: &mut (impl Read + Write)) {
    socket.write_all(&PINGREQ).expect("the broker reads");
    expect(socket, &PINGRESP);
}

/// These are the next bytes.
#[track_caller]
pub fn expect(socket: &mut impl Read, expected: &[u8]) {
    let mut arrived = vec![0; expected.len()];
    socket.read_exact(&mut arrived).expect("the connection is open");
    assert_eq!(arrived, expected);
}
