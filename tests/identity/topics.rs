//! Every place at which rules about topics are asked, as clients see it, and who is asked again.

use fulmar::types::Protocol;
use fulmar::types::ReasonCode::{ReAuthenticate, Success};
use serde_json::json;

use crate::broker::{Broker, Files};
use crate::client::{Client, Given, V5, V311, by_method, login};
use crate::keys::{SECRET, secret_token};

const BOTH: [Protocol; 2] = [V5, V311];

const RULES: &str = "
[[acl.rules]]
deny = ['read']
topics = ['secret/#']
groups = ['visitors']
[[acl.rules]]
deny = ['write', 'subscribe']
topics = ['closed']
[[acl.rules]]
allow = ['read', 'write', 'subscribe']
topics = ['#']
";

#[test]
fn what_may_not_be_published_is_refused_or_dropped() {
    let (_files, broker) = broker("", RULES);
    let mut reader = user(&broker, V5, "reader", &[]);
    assert_eq!(reader.subscribe("#"), 0);
    for (version, refused) in [(V5, 0x87), (V311, 0)] {
        let mut ann = user(&broker, version, "ann", &[]);

        assert_eq!(ann.publish("closed", "x"), refused, "{version}");
        assert_eq!(ann.publish("open", "x"), 0, "{version}");

        assert_eq!(reader.read_topic(), "open", "and nothing before it");
    }
}

#[test]
fn what_may_not_be_subscribed_to_is_refused() {
    let (_files, broker) = broker("", RULES);
    for (version, refused) in [(V5, 0x87), (V311, 0x80)] {
        let mut ann = user(&broker, version, "ann", &[]);

        assert_eq!((ann.subscribe("closed"), ann.subscribe("open")), (refused, 0), "{version}");
    }
}

#[test]
fn what_may_not_be_read_is_not_delivered() {
    let (_files, broker) = broker("", RULES);
    let mut ann = user(&broker, V5, "ann", &[]);
    ann.publish_retained("secret/kept", "x");
    for version in BOTH {
        let mut visitor = user(&broker, version, "visitor", &["visitors"]);
        assert_eq!(visitor.subscribe("secret/#"), 0, "it is let in, and shown nothing");
        assert_eq!(visitor.subscribe("open"), 0);

        ann.publish("secret/t", "x");
        ann.publish("open", "x");

        assert_eq!(visitor.read_topic(), "open", "{version}");
    }
    assert_eq!(ann.subscribe("secret/#"), 0);
    assert_eq!(ann.read_topic(), "secret/kept");
}

#[test]
fn a_will_that_may_not_be_published_keeps_its_client_out() {
    let (_files, broker) = broker("", RULES);
    for (version, refused) in [(V5, 0x87), (V311, 5)] {
        let token = secret_token(json!({}));
        let with_will = |topic| Given { will: Some(topic), ..login("ann", &token) };

        let mut denied = Client::begin(broker.address(), version, with_will("closed"));
        assert_eq!(denied.read_connack(), refused, "{version}");
        let mut allowed = Client::begin(broker.address(), version, with_will("open"));
        assert_eq!(allowed.read_connack(), 0, "{version}");
    }
}

#[test]
fn a_will_is_checked_again_when_it_is_published() {
    let files = Files::new();
    let acl = files.write("acl", "pattern readwrite #\n");
    let (_keys, broker) = broker("", &format!("[acl]\nfile = '{}'", acl.display()));
    let mut reader = user(&broker, V5, "reader", &[]);
    assert_eq!(reader.subscribe("#"), 0);
    let token = secret_token(json!({}));
    let given = Given { will: Some("will"), ..login("ann", &token) };
    let mourned = Client::connected(broker.address(), V5, given);

    files.write("acl", "pattern deny will\npattern readwrite #\n");
    broker.logged("rules about topics read again");
    drop(mourned);
    broker.logged("client closed the socket without DISCONNECT");
    user(&broker, V5, "late", &[]).publish("open", "x");

    assert_eq!(reader.read_topic(), "open");
}

#[test]
fn new_rules_hold_for_those_who_are_there() {
    let files = Files::new();
    let acl = files.write("acl", "pattern readwrite #\n");
    let (_keys, broker) = broker("", &format!("[acl]\nfile = '{}'", acl.display()));
    let mut ann = user(&broker, V5, "ann", &[]);
    assert_eq!((ann.publish("t", "x"), ann.subscribe("#")), (0x10, 0));

    files.write("acl", "pattern read t\npattern write u\n");
    broker.logged("rules about topics read again");

    assert_eq!((ann.publish("t", "x"), ann.publish("u", "x")), (0x87, 0));
    files.write("acl", "pattern readwrite t\n");
    broker.logged_times("rules about topics read again", 2);
    assert_eq!(ann.publish("t", "x"), 0);
    assert_eq!(ann.read_topic(), "t", "and never u");
}

#[test]
fn who_authenticates_again_may_do_what_the_new_credentials_say() {
    let (_files, broker) = broker("", "");
    let first = secret_token(json!({ "publish": ["a"], "subscribe": ["a"] }));
    let given = by_method("JWT", &first);
    let mut client = Client::connected(broker.address(), V5, given);
    assert_eq!((client.publish("a", "x"), client.publish("b", "x")), (0x10, 0x87));
    assert_eq!((client.subscribe("a"), client.subscribe("b")), (0, 0x87));

    let second = secret_token(json!({ "publish": ["b"], "subscribe": ["b"] }));
    client.send_auth(ReAuthenticate, "JWT", second.as_bytes());
    assert_eq!(client.read_auth().0, Success);

    assert_eq!((client.publish("a", "x"), client.publish("b", "x")), (0x87, 0x10));
    assert_eq!((client.subscribe("a"), client.subscribe("b")), (0x87, 0));
}

#[test]
fn who_leaves_a_group_by_authenticating_again_reads_what_the_others_read() {
    let (_files, broker) = broker("", RULES);
    let token = secret_token(json!({ "groups": ["visitors"] }));
    let given = by_method("JWT", &token);
    let mut client = Client::connected(broker.address(), V5, given);
    assert_eq!(client.subscribe("#"), 0);
    let mut ann = user(&broker, V5, "ann", &[]);
    ann.publish("secret/1", "x");
    ann.publish("open", "x");
    assert_eq!(client.read_topic(), "open");

    client.send_auth(ReAuthenticate, "JWT", secret_token(json!({})).as_bytes());
    assert_eq!(client.read_auth().0, Success);
    ann.publish("secret/2", "x");

    assert_eq!(client.read_topic(), "secret/2");
}

/// Which takes tokens, with `auth` in the section of that name and `more` behind it.
pub fn broker(auth: &str, more: &str) -> (Files, Broker) {
    let files = Files::new();
    let secret = files.write("secret", SECRET);
    let config = format!(
        "[[listeners]]\naddress = '127.0.0.1:0'\n\
         [auth]\nchain = ['jwt']\njwt_secret_files = ['{}']\nreload_secs = 1\n{auth}\n{more}",
        secret.display()
    );
    (files, Broker::with(&config, 1))
}

/// A client of that user name and identifier.
pub fn user(broker: &Broker, protocol: Protocol, name: &str, groups: &[&str]) -> Client {
    let token = secret_token(json!({ "sub": name, "groups": groups }));
    let given = Given { client_id: name, ..login(name, &token) };
    Client::connected(broker.address(), protocol, given)
}
