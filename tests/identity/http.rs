//! Another server, played by a thread of the test, is asked who a client is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fulmar::types::ReasonCode;
use serde_json::{Value, json};

use crate::broker::{Broker, PATIENCE};
use crate::client::{Client, Given, V5, V311, login, nobody};

#[test]
fn the_answer_of_the_other_server_decides() {
    let server = Server::start(|question| match question["username"].as_str() {
        Some("ann") if question["password"] == "secret" => (200, json!({ "result": "allow" })),
        Some("gone") => (403, json!({})),
        Some("strange") => (200, json!({ "result": "perhaps" })),
        Some("ignored") => (200, json!({ "result": "ignore" })),
        Some("broken") => (500, json!({ "result": "allow" })),
        _ => (200, json!({ "result": "deny" })),
    });
    let broker = server.broker("");
    for (user, password, old, new, words) in [
        ("ann", "secret", 0, 0, "connected"),
        ("ann", "hunter2", 4, 0x86, "refused by the HTTP server"),
        ("gone", "hunter2", 4, 0x86, "refused by the HTTP server"),
        ("ignored", "hunter2", 4, 0x86, "ignored by the HTTP server"),
        ("strange", "hunter2", 3, 0x88, "no answer that can be understood"),
        ("broken", "hunter2", 3, 0x88, "the HTTP server gave no answer"),
    ] {
        for (protocol, code) in [(V311, old), (V5, new)] {
            let client_id = format!("{user}-{password}-{protocol}").replace("hunter2", "wrong");
            let given = Given { client_id: &client_id, ..login(user, password) };

            assert_eq!(Client::connack(broker.address(), protocol, given), code, "{user}");

            let line = broker.logged(&format!("client={client_id} "));
            assert!(line.contains(words), "{line}");
        }
    }
    assert!(!broker.log().contains("hunter2"));
}

#[test]
fn the_question_has_what_is_known_of_the_client() {
    let server = Server::start(|question| {
        let expected = json!({
            "client_id": "c",
            "username": null,
            "password": null,
            "address": "127.0.0.1",
            "listener": "127.0.0.1:0",
        });
        let result = if *question == expected { "allow" } else { "deny" };
        (200, json!({ "result": result, "username": "somebody", "groups": ["a", "b"] }))
    });
    let broker = server.broker("");

    assert_eq!(Client::connack(broker.address(), V5, nobody()), 0);

    assert!(broker.logged("connected").contains("user=somebody"));
}

#[test]
fn an_answer_is_remembered_for_its_time_and_a_refusal_is_not() {
    let server = Server::start(|question| {
        let result = if question["password"] == "secret" { "allow" } else { "deny" };
        (200, json!({ "result": result }))
    });
    let broker = server.broker("http_cache_secs = 1");
    let connack = |password: &str| Client::connack(broker.address(), V5, login("ann", password));

    assert_eq!((connack("secret"), connack("secret")), (0, 0));
    assert_eq!(server.asked(), 1);
    assert_eq!((connack("wrong"), connack("wrong")), (0x86, 0x86));
    assert_eq!(server.asked(), 3);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(connack("secret"), 0);
    assert_eq!(server.asked(), 4);
}

#[test]
fn what_the_other_server_grants_may_end() {
    let server = Server::start(|_| (200, json!({ "result": "allow", "expires_in_secs": 1 })));
    let broker = server.broker("");
    let mut client = Client::connected(broker.address(), V5, login("ann", "secret"));

    client.expect_closed(ReasonCode::NotAuthorized);
}

#[test]
fn nobody_gets_in_while_the_other_server_cannot_be_asked() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("bound").port();
    let auth = |port: u16| {
        format!(
            "chain = ['http', 'anonymous']\nhttp_url = 'http://127.0.0.1:{port}/'\nhttp_timeout_ms = 200"
        )
    };
    let broker = Broker::start(&auth(port));
    assert_eq!(Client::connack(broker.address(), V311, login("ann", "secret")), 3, "no answer");
    assert_eq!(Client::connack(broker.address(), V5, nobody()), 0x88, "anonymous neither");
    broker.logged("HTTP server for authentication cannot be asked");

    drop(silent);
    assert_eq!(Client::connack(broker.address(), V5, login("ann", "secret")), 0x88, "nobody there");
}

#[test]
fn more_questions_than_may_wait_are_answered_with_busy() {
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_secs(1));
        (200, json!({ "result": "allow" }))
    });
    let broker = server.broker("http_connections_max = 1\nhttp_queue_max = 1");

    let waiting: Vec<Client> = (0..4)
        .map(|number| {
            let client_id = format!("c{number}");
            Client::begin(broker.address(), V5, Given { client_id: &client_id, ..nobody() })
        })
        .collect();
    let mut codes: Vec<u8> = waiting.into_iter().map(|mut client| client.read_connack()).collect();
    codes.sort_unstable();

    assert_eq!((codes[0], codes[3]), (0, 0x89), "{codes:?}");
    assert!(server.asked() <= 3);
}

/// A server that answers each POST as it is told.
pub struct Server {
    pub port: u16,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(answer: impl Fn(&Value) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                socket.set_read_timeout(Some(PATIENCE)).expect("a time above zero");
                let (count, answer) = (Arc::clone(&count), Arc::clone(&answer));
                std::thread::spawn(move || serve(socket, &count, &*answer));
            }
        });
        Self { port, asked }
    }

    fn broker(&self, more: &str) -> Broker {
        let url = format!("http://127.0.0.1:{}/login", self.port);
        Broker::start(&format!("chain = ['http']\nhttp_url = '{url}'\n{more}"))
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Answers the questions that come on one connection.
pub fn serve(
    socket: impl Read + Write,
    asked: &AtomicUsize,
    answer: &dyn Fn(&Value) -> (u16, Value),
) {
    let mut reader = BufReader::new(socket);
    while let Some(question) = read_question(&mut reader) {
        asked.fetch_add(1, Ordering::SeqCst);
        let (status, body) = answer(&question);
        let body = body.to_string();
        let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if reader.get_mut().write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_question(reader: &mut BufReader<impl Read>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
