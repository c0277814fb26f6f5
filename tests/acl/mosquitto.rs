//! Mosquitto's acl_file.

use fulmar::auth::Action::{self, Publish, Receive, Subscribe};
use fulmar::auth::rules::{Rules, Subject, parse};
use fulmar::request::{Identity, Origin};
use fulmar::types::ClientId;

/// The example that comes with Mosquitto, in short, and one of each line that there is.
const EXAMPLE: &str = "\
# This affects access control for clients with no username.
topic read $SYS/#
topic open/#

# This only affects clients with username \"roger\".
user roger
topic foo/bar
topic read some topic/with spaces
topic readwrite both
topic write out/#
topic deny out/secret
topic literal/%u

# This affects all clients.
pattern write $SYS/broker/connection/%c/state
pattern read clients/%u/%c/#
pattern deny clients/%u/%c/no

user ann smith
topic read\thers
";

#[test]
fn each_line_means_what_it_means_to_mosquitto() {
    let rules = rules(EXAMPLE);
    for (user, action, topic, expected) in [
        (None, Receive, "$SYS/broker/uptime", true),
        (None, Publish, "$SYS/broker/uptime", false),
        (None, Publish, "open/t", true),
        (None, Receive, "foo/bar", false),
        (Some("roger"), Receive, "open/t", false),
        (Some("roger"), Receive, "foo/bar", true),
        (Some("roger"), Publish, "foo/bar", true),
        (Some("roger"), Receive, "some topic/with spaces", true),
        (Some("roger"), Publish, "some topic/with spaces", false),
        (Some("roger"), Publish, "both", true),
        (Some("roger"), Receive, "out/t", false),
        (Some("roger"), Publish, "out/t", true),
        (Some("roger"), Publish, "out/secret", false),
        (Some("roger"), Publish, "literal/%u", true),
        (Some("roger"), Publish, "literal/roger", false),
        (Some("roger"), Receive, "clients/roger/c/t", true),
        (Some("roger"), Receive, "clients/roger/c/no", false),
        (Some("roger"), Receive, "clients/roger/d/t", false),
        (Some("bob"), Receive, "clients/bob/c/t", true),
        (None, Receive, "clients//c/t", false),
        (None, Publish, "$SYS/broker/connection/c/state", true),
        (Some("ann smith"), Receive, "hers", true),
        (Some("bob"), Receive, "hers", false),
        (Some("bob"), Subscribe, "#", true),
        (None, Subscribe, "$SYS/#", true),
    ] {
        assert_eq!(may(&rules, user, "c", action, topic), expected, "{user:?} {action:?} {topic}");
    }
}

#[test]
fn names_with_wildcards_or_slashes_match_no_pattern() {
    let rules = rules("pattern readwrite %c/#\npattern readwrite u/%u\n");
    for name in ["+", "#", "a/b", "a+"] {
        let topic = format!("{}/x", name.replace(['+', '#'], "a"));
        assert!(!may(&rules, None, name, Receive, &topic), "{name}");
        assert!(!may(&rules, Some(name), "+", Receive, "u/a"), "{name}");
    }
    assert!(!may(&rules, None, "$SYS", Receive, "$SYS/broker"));
}

#[test]
fn a_mistake_has_its_line() {
    for (text, expected) in [
        ("topic a\ntopic\n", "line 2: a topic is missing"),
        ("user\n", "line 1: a user name is missing"),
        ("\n\n  pattern  \n", "line 3: a topic is missing"),
        ("topic write a#\n", "line 1: wildcard does not fill its level"),
        ("topic reed a\n", "line 1: in front of the topic must be read, write, readwrite or deny"),
        ("topics a\n", "line 1: must begin with user, topic or pattern"),
        ("pattern read $share/g/a\n", "line 1: a rule names the topic filter of a shared"),
    ] {
        let mistake = parse(text.as_bytes(), "acl").expect_err(text).to_string();
        assert!(mistake.starts_with(expected), "{text}: {mistake}");
    }
    let mistake = parse(b"topic a\n\xff\n", "acl").expect_err("no text").to_string();
    assert_eq!(mistake, "line 2: is not UTF-8 text");
}

#[test]
fn a_file_without_rules_has_none() {
    assert_eq!(parse(b"# nothing\n\r\nuser ann\r\n", "acl").expect("valid"), []);
}

#[test]
fn rules_have_a_bounded_number() {
    let max = fulmar::auth::rules::RULES_MAX;
    let lines = |count: usize| "topic a\n".repeat(count);

    assert_eq!(parse(lines(max - 1).as_bytes(), "acl").expect("valid").len(), max);
    let mistake = parse(lines(max).as_bytes(), "acl").expect_err("one more").to_string();
    assert!(mistake.starts_with(&format!("line {max}: there are more than")), "{mistake}");
}

fn rules(text: &str) -> Rules {
    Rules::new(parse(text.as_bytes(), "acl").expect("valid"))
}

fn may(rules: &Rules, user: Option<&str>, client: &str, action: Action, topic: &str) -> bool {
    let username = user.map(String::from);
    let identity = Identity { username, ..Identity::default() };
    let client_id = ClientId::new(client);
    rules
        .decide(&Subject { client_id, identity, origin: Origin::default() }, action, topic)
        .is_allowed()
}
