use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::{HeaderMap, HeaderValue, header};

use crate::config;

/// Most bytes of the request that opens a WebSocket.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// The subprotocol, in the client's list (`[MQTT-6.0.0-3]`) and in our answer (`[MQTT-6.0.0-4]`).
const SUBPROTOCOL: &str = "mqtt";

/// Why a WebSocket was not opened.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// The request was answered with this status.
    #[error("{} {}: {why}", .status.0, .status.1)]
    Refused {
        /// Number and name of the status of HTTP.
        status: (u16, &'static str),
        /// What the client did wrong.
        why: &'static str,
    },
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Lost(#[from] io::Error),
}

const BAD_REQUEST: (u16, &str) = (400, "Bad Request");
const FORBIDDEN: (u16, &str) = (403, "Forbidden");
const NOT_FOUND: (u16, &str) = (404, "Not Found");
const TOO_LARGE: (u16, &str) = (431, "Request Header Fields Too Large");

/// Answers the request that opens a WebSocket over `socket`, as `settings` allow. The next byte from
/// the socket is the first one of a frame.
///
/// # Errors
///
/// [`UpgradeError`], after the client has got its answer. How long it waits is for the caller to
/// limit.
pub async fn upgrade(
    socket: &mut (impl AsyncRead + AsyncWrite + Unpin),
    settings: &config::WebSocket,
) -> Result<(), UpgradeError> {
    let accepted = match read_request(socket).await {
        Ok(request) => accept(&request, settings),
        Err(error) => Err(error),
    };
    let answer = match &accepted {
        Ok(answer) => answer.clone(),
        Err(UpgradeError::Refused { status: (number, name), .. }) => {
            format!("HTTP/1.1 {number} {name}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .into()
        }
        Err(UpgradeError::Lost(_)) => Vec::new(),
    };
    socket.write_all(&answer).await?;
    socket.flush().await?;
    accepted.map(drop)
}

async fn read_request(socket: &mut (impl AsyncRead + Unpin)) -> Result<Request, UpgradeError> {
    let mut bytes = Vec::new();
    loop {
        let room = REQUEST_BYTES_MAX - bytes.len();
        if room == 0 {
            return refused(TOO_LARGE, "a request that is too long");
        }
        if (&mut *socket).take(room as u64).read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        match Request::try_parse(&bytes) {
            Ok(Some((length, request))) if length == bytes.len() => return Ok(request),
            Ok(Some(_)) => return refused(BAD_REQUEST, "bytes behind the request"),
            Ok(None) => {}
            Err(_) => return refused(BAD_REQUEST, "no request of HTTP/1.1"),
        }
    }
}

/// The answer that opens the WebSocket.
fn accept(request: &Request, settings: &config::WebSocket) -> Result<Vec<u8>, UpgradeError> {
    if request.uri().path() != settings.path.0 {
        return refused(NOT_FOUND, "another path than websocket.path");
    }
    if !may_connect(request.headers(), &settings.origins) {
        return refused(FORBIDDEN, "a page of an origin that is not in websocket.origins");
    }
    if !offers_mqtt(request.headers()) {
        return refused(BAD_REQUEST, "the subprotocol mqtt is not offered");
    }
    let Ok(mut response) = create_response(request) else {
        return refused(BAD_REQUEST, "no opening of a WebSocket");
    };
    let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    let mut answer = Vec::new();
    match write_response(&mut answer, &response) {
        Ok(()) => Ok(answer),
        Err(_) => refused(BAD_REQUEST, "no opening of a WebSocket"),
    }
}

fn refused<T>(status: (u16, &'static str), why: &'static str) -> Result<T, UpgradeError> {
    Err(UpgradeError::Refused { status, why })
}

fn offers_mqtt(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut names =
        lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    names.any(|name| name.trim() == SUBPROTOCOL)
}

/// Whether the page that connects is of this host or in the list. What sends no origin is no page.
fn may_connect(headers: &HeaderMap, origins: &[String]) -> bool {
    let text = |value: &HeaderValue| value.to_str().map(str::to_ascii_lowercase).ok();
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Some(origin) = text(origin) else { return false };
    let listed = |known: &String| known == "*" || known.eq_ignore_ascii_case(&origin);
    let host = headers.get(header::HOST).and_then(text);
    let same_host =
        || host.is_some_and(|host| host_of_origin(&origin) == Some(without_port(&host)));
    origins.iter().any(listed) || same_host()
}

fn host_of_origin(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, host)| without_port(host))
}

/// `[::1]:8080` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_opening_is_answered_with_the_subprotocol() {
        let (answer, result) = open(&request("/mqtt", &[]), &[]).await;

        assert!(result.is_ok());
        assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
        assert!(answer.contains("\r\nsec-websocket-protocol: mqtt\r\n"), "{answer}");
        // The example of RFC 6455, 1.3.
        let accept = "\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        assert!(answer.to_ascii_lowercase().contains(&accept.to_ascii_lowercase()), "{answer}");
    }

    #[tokio::test]
    async fn mqtt_may_stand_anywhere_among_the_subprotocols() {
        for (list, status) in [
            ("mqtt", "101"),
            ("mqttv3.1, mqtt", "101"),
            ("x,mqtt , y", "101"),
            ("mqttv3.1", "400"),
            ("MQTT", "400"),
        ] {
            let (answer, _) = open(&offering(list), &[]).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{list}: {answer}");
        }
        let twice = offering("x").replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
        assert!(open(&twice, &[]).await.1.is_ok());
    }

    #[tokio::test]
    async fn only_the_path_is_open() {
        for (path, status) in
            [("/mqtt", "101"), ("/mqtt?token=1", "101"), ("/", "404"), ("/mqtt/", "404")]
        {
            let (answer, _) = open(&request(path, &[]), &[]).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        }
    }

    #[tokio::test]
    async fn pages_of_other_hosts_need_to_be_named() {
        for (origin, origins, allowed) in [
            (None, &[][..], true),
            (Some("http://broker.test"), &[], true),
            (Some("https://Broker.test:8443"), &[], true),
            (Some("https://other.test"), &[], false),
            (Some("https://other.test"), &["https://other.test"], true),
            (Some("https://OTHER.test"), &["https://other.test"], true),
            (Some("http://other.test"), &["https://other.test"], false),
            (Some("https://other.test"), &["*"], true),
            (Some("null"), &[], false),
        ] {
            let header = origin.map(|origin| format!("Origin: {origin}"));
            let (_, result) = open(&request("/mqtt", header.as_slice()), origins).await;
            assert_eq!(result.is_ok(), allowed, "{origin:?} {origins:?}");
        }
    }

    #[tokio::test]
    async fn what_opens_no_websocket_is_a_bad_request() {
        for request in [
            "GET /mqtt HTTP/1.1\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n".to_owned(),
            request("/mqtt", &[]).replace("GET", "POST"),
            request("/mqtt", &[]).replace("Version: 13", "Version: 8"),
            request("/mqtt", &[]).replace("==", ""),
            request("/mqtt", &[]) + "x",
            "\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0".to_owned(),
        ] {
            let (answer, _) = open(&request, &[]).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{request}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_request_has_a_length() {
        let filled = |length: usize| {
            let short = request("/mqtt", &["X: ".into()]);
            request("/mqtt", &[format!("X: {}", "x".repeat(length - short.len()))])
        };

        assert!(open(&filled(REQUEST_BYTES_MAX), &[]).await.1.is_ok());
        let (answer, _) = open(&filled(REQUEST_BYTES_MAX + 1), &[]).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }

    fn request(path: &str, more: &[String]) -> String {
        let more: String = more.iter().map(|line| format!("{line}\r\n")).collect();
        format!(
            "GET {path} HTTP/1.1\r\nHost: broker.test:8080\r\nUpgrade: websocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
        )
    }

    fn offering(list: &str) -> String {
        request("/mqtt", &[]).replace("Protocol: mqtt", &format!("Protocol: {list}"))
    }

    async fn open(request: &str, origins: &[&str]) -> (String, Result<(), UpgradeError>) {
        let (mut near, mut far) = tokio::io::duplex(2 * REQUEST_BYTES_MAX);
        far.write_all(request.as_bytes()).await.expect("room for it");
        let origins = origins.iter().map(|origin| (*origin).into()).collect();
        let settings = config::WebSocket { origins, ..config::WebSocket::default() };
        let result = upgrade(&mut near, &settings).await;
        drop(near);
        let mut answer = String::new();
        far.read_to_string(&mut answer).await.expect("text");
        (answer, result)
    }
}
