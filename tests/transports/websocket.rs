use std::net::TcpStream;

use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use crate::authority::Authority;
use crate::broker::{Broker, listener};
use crate::client::{self, CONNACK, PINGREQ, PINGRESP};
use crate::tools::{self, mqttjs};

#[test]
fn mqttjs_exchanges_messages_over_ws() {
    if !tools::are_there() {
        return;
    }
    let broker = Broker::start(&listener("protocol = 'ws'"));

    let said = mqttjs("exchange", &format!("ws://{}/mqtt", broker.address("it")), None);

    assert!(said.success, "{}\n{}", said.text, broker.log_so_far());
}

#[test]
fn mqttjs_exchanges_messages_over_wss() {
    if !tools::are_there() {
        return;
    }
    let authority = Authority::new();
    let identity = authority.localhost();
    let (cert, key) = (identity.cert.display(), identity.key.display());
    let more = format!("protocol = 'wss'\ntls.cert = '{cert}'\ntls.key = '{key}'");
    let broker = Broker::start(&listener(&more));
    let url = format!("wss://localhost:{}/mqtt", broker.address("it").port());

    let said = mqttjs("exchange", &url, Some(&authority.ca()));

    assert!(said.success, "{}\n{}", said.text, broker.log_so_far());
}

#[test]
fn the_path_and_the_origins_are_those_of_the_configuration() {
    let broker = Broker::start(&listener(
        "protocol = 'ws'\nwebsocket.path = '/iot'\nwebsocket.origins = ['https://app.test']",
    ));
    for (path, origin, status) in [
        ("/iot", None, 101),
        ("/iot", Some("https://app.test"), 101),
        ("/iot", Some("https://evil.test"), 403),
        ("/mqtt", None, 404),
    ] {
        assert_eq!(
            open(&broker, path, origin).map_or_else(|status| status, |_| 101),
            status,
            "{path} {origin:?}"
        );
    }
    broker.await_log(
        "WebSocket: 403 Forbidden: a page of an origin that is not in websocket.origins",
    );
}

#[test]
fn a_message_that_is_too_long_ends_the_connection_and_is_named() {
    let broker = Broker::start(&listener("protocol = 'ws'\nwebsocket.message_bytes_max = 128"));
    let mut socket = open(&broker, "/mqtt", None).expect("opened");
    socket.send(Message::binary(client::connect("long"))).expect("the broker reads");
    assert_eq!(binary(&mut socket), CONNACK);

    socket.send(Message::binary(PINGREQ.repeat(64))).expect("the broker reads");
    for _ in 0..64 {
        if binary(&mut socket).len() == 128 {
            break;
        }
    }
    socket.send(Message::binary(PINGREQ.repeat(65))).expect("the broker reads");

    let code = loop {
        if let Message::Close(close) = socket.read().expect("a close") {
            break close.expect("with a code").code;
        }
    };
    assert_eq!(code, CloseCode::Size);
    broker.await_log("a WebSocket message that is too long");
}

#[test]
fn a_close_of_the_client_is_no_disconnect_of_mqtt() {
    let broker = Broker::start(&listener("protocol = 'ws'"));
    let mut socket = open(&broker, "/mqtt", None).expect("opened");
    socket.send(Message::binary(client::connect("closes"))).expect("the broker reads");
    assert_eq!(binary(&mut socket), CONNACK);
    socket.send(Message::binary(PINGREQ.to_vec())).expect("the broker reads");
    assert_eq!(binary(&mut socket), PINGRESP);

    socket.close(None).expect("the broker reads");
    while socket.read().is_ok() {}

    let line = broker.await_log("disconnected");
    assert!(line.contains("closed the socket without DISCONNECT"), "{line}");
}

/// The WebSocket, or the status of HTTP instead.
fn open(broker: &Broker, path: &str, origin: Option<&str>) -> Result<WebSocket<TcpStream>, u16> {
    let address = broker.address("it");
    let mut request = format!("ws://{address}{path}").into_client_request().expect("a URL");
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    if let Some(origin) = origin {
        headers.insert("origin", origin.parse().expect("a header"));
    }
    match tungstenite::client(request, client::tcp(address)) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(other) => panic!("{other}"),
    }
}

fn binary(socket: &mut WebSocket<TcpStream>) -> Vec<u8> {
    match socket.read().expect("the connection is open") {
        Message::Binary(bytes) => bytes.to_vec(),
        other => panic!("{other:?} instead of binary"),
    }
}
