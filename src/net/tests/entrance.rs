use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsConnector;

use super::*;
use crate::auth::NoCredentials;
use crate::broker::Broker;
use crate::net::driver::tests::stage::{self, TestServer};
use crate::net::tls::crypto_provider;
use crate::net::{DoorLimits, DoorkeeperSettings, LINGER_TIME_MAX};
use crate::store::Commits;
use crate::types::Timestamp;

#[tokio::test(start_paused = true)]
async fn who_is_dismissed_keeps_its_place_until_its_socket_is_closed() {
    let websocket = config::WebSocket::default();
    for (entrance, mistake) in [
        (Entrance { tls: Some(tls().0), ..one_at_a_time() }, "no TLS at all"),
        (Entrance { websocket: Some(websocket), ..one_at_a_time() }, "GET / HTTP/1.1\r\n\r\n"),
    ] {
        let entrance = Arc::new(entrance);
        let mut first = connect(&entrance);
        first.write_all(mistake.as_bytes()).await.expect("open");
        let mut answer = Vec::new();
        first.read_to_end(&mut answer).await.expect("an end");
        assert!(!answer.is_empty(), "it is told why");

        assert!(is_closed(connect(&entrance)).await, "the first one is still there");

        tokio::time::sleep(LINGER_TIME_MAX + Duration::from_millis(1)).await;
        assert!(!is_closed(connect(&entrance)).await, "there is room again");
    }
}

#[tokio::test]
async fn a_certificate_is_held_against_the_wall_clock_and_not_against_that_of_the_start() {
    let (tls, client) = tls();
    let clock = Clock::start_at(YEAR_5000);
    let broker = Broker::new(stage::settings(), 1, clock.now());
    let shared = Shared::new(broker, Commits::none(), clock, stage::setup(NoCredentials));
    let entrance = Arc::new(Entrance { tls: Some(tls), ..before(Arc::new(shared)) });

    let name = "localhost".try_into().expect("a name");
    let mut client = client.connect(name, connect(&entrance)).await.expect("a handshake");
    client.write_all(b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0").await.expect("open");

    let mut connack = [0; 4];
    client.read_exact(&mut connack).await.expect("an answer");
    assert_eq!(connack, [0x20, 2, 0, 0]);
}

/// Behind the end of every certificate.
const YEAR_5000: Timestamp = Timestamp(95_617_584_000_000);

/// For one socket.
fn one_at_a_time() -> Entrance {
    let doorkeeper = DoorkeeperSettings { connections_max: 1, ..DoorkeeperSettings::unlimited() };
    before(TestServer::guarded(NoCredentials, doorkeeper, DoorLimits::default()).shared)
}

/// The way to `shared`, with nothing between a socket and MQTT.
pub fn before(shared: Arc<Shared>) -> Entrance {
    Entrance {
        peer: PeerInfo { allow_anonymous: true, ..PeerInfo::default() },
        proxy: None,
        tls: None,
        websocket: None,
        door: shared.doorkeeper.door(DoorLimits::default()),
        handshake_timeout: Duration::from_secs(10),
        shared,
    }
}

/// A server that asks for a certificate, and a client that has one.
fn tls() -> (Arc<Tls>, TlsConnector) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("both.pem");
    std::fs::write(&file, cert.pem() + &signing_key.serialize_pem()).expect("written");
    let settings = config::Tls {
        cert: vec![file.clone()],
        ca: vec![file],
        client_certificates: config::ClientCertificates::Optional,
        allow_readable_key: true,
        ..config::Tls::default()
    };
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let client = ClientConfig::builder_with_provider(crypto_provider(&[]))
        .with_safe_default_protocol_versions()
        .expect("versions of its suites")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![cert.der().clone()], key)
        .expect("a certificate and its key");
    let tls = Tls::read(settings, b"mqtt").expect("good files");
    (Arc::new(tls), TlsConnector::from(Arc::new(client)))
}

/// A client of `entrance`.
fn connect(entrance: &Arc<Entrance>) -> DuplexStream {
    let (far, near) = tokio::io::duplex(4096);
    entrance.admit(near, None);
    far
}

/// Whether `socket` is closed without a word, and at once.
async fn is_closed(mut socket: DuplexStream) -> bool {
    let read = tokio::time::timeout(Duration::from_millis(1), socket.read(&mut [0])).await;
    read.is_ok_and(|read| read.expect("no error of a pipe") == 0)
}
