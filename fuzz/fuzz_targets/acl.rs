//! Any bytes as Mosquitto's acl_file: rules or a mistake with its line, never a panic; and whatever the
//! rules are, a client with a name full of wildcards gets no pattern's topics.
#![no_main]

use fulmar::auth::Action;
use fulmar::auth::rules::{Decision, Guard, Rules, Subject, Topic, parse};
use fulmar::request::{Identity, Origin};
use fulmar::types::ClientId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let rules = match parse(bytes, "acl") {
        Ok(rules) => Rules::new(rules),
        Err(mistake) => return assert!(mistake.line <= 1 + bytes.len()),
    };
    for name in ["ann", "+", "a/b"] {
        let identity = Identity { username: Some(name.to_owned()), ..Identity::default() };
        let client_id = ClientId::new(name);
        let subject = Subject { client_id, identity, origin: Origin::default() };
        for action in [Action::Publish, Action::Receive, Action::Subscribe] {
            check(&rules, &subject, action, "a/b", name != "ann");
        }
    }
});

fn check(rules: &Rules, subject: &Subject, action: Action, topic: &str, is_wild: bool) {
    let decision = rules.decide(subject, action, topic);
    if let (Decision::Rule(_, Some(pattern)), true) = (decision, is_wild)
        && rules.len() == 2
    {
        // The rule in the file, and the one that allows subscriptions.
        let text = pattern.as_str();
        assert!(!text.contains("%u") && !text.contains("%c"), "{text}");
    }
    let mut guard = Guard::new(subject.clone());
    guard.renew(rules);
    let asked = Topic { name: topic, hash: 0 };
    assert_eq!(guard.may(rules, action, asked, 1), decision.is_allowed());
    assert_eq!(guard.may(rules, action, asked, 1), decision.is_allowed());
}
