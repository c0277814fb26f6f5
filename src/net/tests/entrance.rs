use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::auth::NoCredentials;
use crate::net::driver::tests::stage::TestServer;
use crate::net::{DoorLimits, DoorkeeperSettings, LINGER_TIME_MAX};

#[tokio::test(start_paused = true)]
async fn who_is_dismissed_keeps_its_place_until_its_socket_is_closed() {
    let websocket = config::WebSocket::default();
    for (entrance, mistake) in [
        (Entrance { tls: Some(tls()), ..one_at_a_time() }, "no TLS at all"),
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

/// For one socket, with nothing between it and MQTT.
fn one_at_a_time() -> Entrance {
    let doorkeeper = DoorkeeperSettings { connections_max: 1, ..DoorkeeperSettings::unlimited() };
    let shared = TestServer::guarded(NoCredentials, doorkeeper, DoorLimits::default()).shared;
    Entrance {
        peer: PeerInfo::default(),
        proxy: None,
        tls: None,
        websocket: None,
        door: shared.doorkeeper.door(DoorLimits::default()),
        handshake_timeout: Duration::from_secs(10),
        shared,
    }
}

fn tls() -> Arc<Tls> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("both.pem");
    std::fs::write(&file, cert.pem() + &signing_key.serialize_pem()).expect("written");
    let cert = vec![file];
    let settings = config::Tls { cert, allow_readable_key: true, ..config::Tls::default() };
    Arc::new(Tls::read(settings, b"mqtt").expect("good files"))
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
