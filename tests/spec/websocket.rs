//! A server that speaks MQTT over WebSocket, and a client that sends what the test says.

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
