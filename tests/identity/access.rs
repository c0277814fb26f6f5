//! What the other server says of topics.

use std::sync::Arc;
use std::time::Duration;

use fulmar::auth::{Access, Action, Authorizer, PeerInfo, Permission};
use fulmar::identity::{Callout, CalloutOptions};
use fulmar::net::Clock;
use fulmar::types::ClientId;
use serde_json::json;

use crate::http::Server;

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
            assert_eq!(callout.authorize(&access(action, topic)).await, expected, "{topic}");
        }
    }
    assert_eq!(server.asked(), 4);
}

#[tokio::test]
async fn what_cannot_be_asked_is_denied_and_asked_again() {
    let broken = Server::start(|_| (500, json!({ "result": "allow" })));
    let callout = callout(broken.port);

    for asked in 1..=2 {
        let permission = callout.authorize(&access(Action::Publish, "t")).await;
        assert_eq!((permission, broken.asked()), (Permission::Deny, asked));
    }
}

fn callout(port: u16) -> Callout {
    let options = CalloutOptions {
        login_url: String::new(),
        access_url: format!("http://127.0.0.1:{port}/access"),
        ca: None,
        timeout: Duration::from_secs(10),
        connections_max: 2,
        waiting_max: 8,
        cache_entries_max: 100,
        cache_time: Duration::from_secs(60),
    };
    Callout::start(options, [7; 32], Clock::start()).expect("threads")
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
