//! What the other server says of topics.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fulmar::auth::{Access, Action, Authorizer, Login, PeerInfo, Permission, Verdict};
use fulmar::identity::{Callout, CalloutOptions};
use fulmar::net::Clock;
use fulmar::types::ClientId;
use serde_json::json;

use crate::broker::{Broker, refusal};
use crate::client::{Client, Given, V5, V311, nobody};
use crate::http::Server;

#[test]
fn it_is_asked_before_clients_publish_subscribe_and_leave_a_will() {
    let server = Server::start(|question| {
        let is_open = question["topic"] == "open" && question["client_id"] == "c";
        (200, json!({ "result": if is_open { "allow" } else { "deny" } }))
    });
    let broker = asking(server.port, "");
    for (version, publish, subscribe, connect) in [(V5, 0x87, 0x87, 0x87), (V311, 0, 0x80, 5)] {
        let mut client = Client::connected(broker.address(), version, nobody());

        assert_eq!((client.subscribe("#"), client.subscribe("open")), (subscribe, 0));
        assert_eq!((client.publish("closed", "x"), client.publish("open", "x")), (publish, 0));
        assert_eq!(client.read_topic(), "open");

        let with_will = Given { will: Some("closed"), ..nobody() };
        assert_eq!(Client::connack(broker.address(), version, with_will), connect);
        broker.logged("may not publish its will");
    }
    assert_eq!(server.asked(), 4, "of both versions, and of the will what was known");
}

#[test]
fn rules_have_their_say_as_well() {
    let server = Server::start(|question| {
        let result = if question["topic"] == "ignored" { "ignore" } else { "allow" };
        (200, json!({ "result": result }))
    });
    let rules = "[[acl.rules]]\ndeny = ['write']\ntopics = ['closed']\n\
                 [[acl.rules]]\nallow = ['write']\n";
    let broker = asking(server.port, rules);
    let mut client = Client::connected(broker.address(), V5, nobody());

    for (topic, expected) in [("open", 0x10), ("ignored", 0x10), ("closed", 0x87)] {
        assert_eq!(client.publish(topic, "x"), expected, "{topic}");
    }
    assert_eq!(client.subscribe("open"), 0x87, "no rule allows it");
}

#[test]
fn an_answer_is_remembered_until_a_hangup() {
    let (open, server) = switched();
    let broker = asking(server.port, "");
    let mut client = Client::connected(broker.address(), V5, nobody());
    assert_eq!((client.publish("t", "x"), client.publish("t", "x")), (0x10, 0x10));
    assert_eq!(server.asked(), 1);

    open.store(false, Ordering::SeqCst);
    assert_eq!(client.publish("t", "x"), 0x10, "remembered");
    broker.signal("HUP");
    broker.logged("what was learned by HTTP is asked again");

    assert_eq!(client.publish("t", "x"), 0x87);
}

#[test]
fn what_was_taken_before_it_was_denied_is_not_refused_any_more() {
    let (open, server) = switched();
    let broker = asking(server.port, "");
    let given = Given { session_secs: Some(100), ..nobody() };
    let mut client = Client::connected(broker.address(), V5, given);
    assert_eq!(client.publish_half("t", false), 0);
    drop(client);
    open.store(false, Ordering::SeqCst);
    broker.signal("HUP");
    broker.logged("what was learned by HTTP is asked again");

    let mut client = Client::connected(broker.address(), V5, given);
    assert_eq!(client.publish_half("t", true), 0, "a duplicate of what was taken");
    assert_eq!(client.publish("t", "x"), 0x87);
}

#[test]
fn nothing_is_allowed_while_it_cannot_be_asked_and_nobody_waits_longer_than_its_time() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let broker = asking(silent.local_addr().expect("bound").port(), "");
    let mut client = Client::connected(broker.address(), V5, nobody());
    let began = Instant::now();

    assert_eq!((client.publish("t", "x"), client.subscribe("t")), (0x87, 0x87));

    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    client.ping();
    drop(silent);
    assert_eq!(client.publish("t", "x"), 0x87, "nobody there");
}

#[test]
fn a_url_that_is_none_is_a_mistake() {
    let said = refusal("http_access_url = 'ftp://x'");
    assert!(said.contains("auth.http_access_url: must begin with http"), "{said}");
}

/// A broker that lets everybody in and asks the server at `port` what they may do.
fn asking(port: u16, more: &str) -> Broker {
    Broker::start(&format!(
        "http_access_url = 'http://127.0.0.1:{port}/access'\nhttp_timeout_ms = 1_000\n{more}"
    ))
}

#[tokio::test]
async fn the_other_server_decides_about_topics_and_is_asked_once() {
    let server = Server::start(|question| {
        let result = match (question["action"].as_str(), question["topic"].as_str()) {
            (Some("publish"), Some("mine")) if question["username"] == "ann" => "allow",
            (Some("subscribe"), _) => "ignore",
            _ => "deny",
        };
        (200, json!({ "result": result }))
    });
    let callout = callout(server.port);

    for _ in 0..2 {
        for (action, topic, expected) in [
            (Action::Publish, "mine", Permission::Allow),
            (Action::Publish, "theirs", Permission::Deny),
            (Action::Receive, "mine", Permission::Deny),
            (Action::Subscribe, "#", Permission::NotMine),
        ] {
            let ruling = callout.authorize(&access(action, topic)).await;
            assert_eq!(ruling.permission, expected, "{topic}");
        }
    }
    assert_eq!(server.asked(), 4);
}

#[tokio::test]
async fn what_clients_may_do_is_asked_however_many_logins_wait() {
    let open = Arc::new(AtomicBool::new(false));
    let waits = Arc::clone(&open);
    let server = Server::start(move |question| {
        while question.get("action").is_none() && !waits.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        (200, json!({ "result": "allow" }))
    });
    let callout = callout(server.port);
    let flood: Vec<_> = (0..20).map(|_| tokio::spawn(login(callout.clone()))).collect();
    while server.asked() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let ruling = callout.authorize(&access(Action::Publish, "t")).await;

    assert_eq!(ruling.permission, Permission::Allow);
    open.store(true, Ordering::SeqCst);
    let mut accepted = 0;
    for login in flood {
        accepted += usize::from(matches!(login.await, Ok(Verdict::Accept { .. })));
    }
    assert!(accepted >= 8, "as many as may wait: {accepted}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_denied_and_asked_again() {
    let broken = Server::start(|_| (500, json!({ "result": "allow" })));
    let callout = callout(broken.port);

    for asked in 1..=2 {
        let permission = callout.authorize(&access(Action::Publish, "t")).await.permission;
        assert_eq!((permission, broken.asked()), (Permission::Deny, asked));
    }
}

fn callout(port: u16) -> Callout {
    let options = CalloutOptions {
        login_url: format!("http://127.0.0.1:{port}/login"),
        access_url: format!("http://127.0.0.1:{port}/access"),
        ca: None,
        timeout: Duration::from_secs(2),
        connections_max: 2,
        waiting_max: 8,
        cache_entries_max: 100,
        cache_time: Duration::from_secs(60),
    };
    Callout::start(options, [7; 32], Clock::start()).expect("threads")
}

/// A server that allows everything, and denies it once the switch is off.
fn switched() -> (Arc<AtomicBool>, Server) {
    let open = Arc::new(AtomicBool::new(true));
    let says = Arc::clone(&open);
    let server = Server::start(move |_| {
        let result = if says.load(Ordering::SeqCst) { "allow" } else { "deny" };
        (200, json!({ "result": result }))
    });
    (open, server)
}

async fn login(callout: Callout) -> Verdict {
    let (client_id, peer) = (ClientId::new("c"), PeerInfo::default());
    callout.check(&Login { client_id, username: None, password: None, peer }).await
}

fn access(action: Action, topic: &str) -> Access {
    Access {
        client_id: ClientId::new("c"),
        username: Some(Arc::from("ann")),
        peer: PeerInfo::default(),
        action,
        topic: topic.into(),
    }
}
