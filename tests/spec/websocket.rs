//! A server that speaks MQTT over WebSocket, a client that sends what the test says, and the stories of
//! section 6, which are the same in every version.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use fulmar::config::{Config, Listener, WebSocket};
use fulmar::server::Running;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, HandshakeError, Message};

/// A server with one listener.
pub struct Server(Running);

/// An open WebSocket of a client.
pub struct Client(tungstenite::WebSocket<TcpStream>);

const PINGREQ: &[u8] = b"\xc0\0";
const PINGRESP: &[u8] = b"\xd0\0";

/// A text frame behind this CONNECT.
pub fn expect_text_to_close(connect: &[u8]) {
    let server = Server::start();
    let mut client = server.client();
    client.send(&[connect, PINGREQ].concat());
    client.receive_until(PINGRESP);

    client.send_text("text");

    client.expect_close();
}

/// This CONNECT and more in frames of every size.
pub fn expect_frames_to_be_no_packets(connect: &[u8]) {
    let server = Server::start();
    let bytes = [connect, &PINGREQ.repeat(3)].concat();
    for chunk in 1..=bytes.len() {
        let mut client = server.client();

        bytes.chunks(chunk).for_each(|part| client.send(part));

        let answer = client.receive_until(&PINGRESP.repeat(3));
        assert_eq!(answer[0], 0x20, "CONNACK, in frames of {chunk} bytes");
    }
}

/// Subprotocols without `mqtt`.
pub fn expect_others_to_be_refused() {
    let server = Server::start();
    for subprotocols in [None, Some("chat"), Some("mqttx, amqp")] {
        assert_eq!(server.open(subprotocols).err(), Some(400), "{subprotocols:?}");
    }
}

/// Subprotocols with `mqtt`.
pub fn expect_mqtt_to_be_chosen() {
    let server = Server::start();
    for subprotocols in ["mqtt", "chat, mqtt"] {
        let (_, chosen) = server.open(Some(subprotocols)).expect("opened");
        assert_eq!(chosen, "mqtt", "{subprotocols}");
    }
}

impl Server {
    pub fn start() -> Self {
        let mut listener = Listener::at(SocketAddr::from(([127, 0, 0, 1], 0)));
        listener.websocket = Some(WebSocket::default());
        let config = Config { listeners: vec![listener], ..Config::in_memory() };
        Self(Running::start(config).expect("a free port"))
    }

    /// Opens a WebSocket with these subprotocols; returns the one that the server chose, or the
    /// status of HTTP by which it refused.
    pub fn open(&self, subprotocols: Option<&str>) -> Result<(Client, String), u16> {
        let address = self.0.addresses()[0];
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a time above zero");
        let mut request = format!("ws://{address}/mqtt").into_client_request().expect("a URL");
        if let Some(subprotocols) = subprotocols {
            let value = subprotocols.parse().expect("a header");
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        match tungstenite::client(request, socket) {
            Ok((socket, answer)) => {
                let chosen = &answer.headers()["sec-websocket-protocol"];
                Ok((Client(socket), chosen.to_str().expect("text").to_owned()))
            }
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub fn client(&self) -> Client {
        self.open(Some("mqtt")).expect("opened").0
    }
}

impl Client {
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).expect("the server reads");
    }

    pub fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("the server reads");
    }

    /// Bytes of MQTT until `end` has come.
    pub fn receive_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            match self.0.read().expect("the connection is open") {
                Message::Binary(part) => bytes.extend_from_slice(&part),
                other => panic!("{other:?} is not binary"),
            }
        }
        bytes
    }

    /// The server closes the connection, and nothing but its close comes before.
    pub fn expect_close(&mut self) {
        loop {
            match self.0.read() {
                Ok(Message::Close(_)) => {}
                Ok(other) => panic!("{other:?} came"),
                Err(_) => return,
            }
        }
    }
}
