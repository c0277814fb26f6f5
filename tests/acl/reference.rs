//! Decisions against a reference that tries everything.

use fulmar::auth::Action;
use fulmar::auth::rules::{Accesses, Guard, Pattern, Rule, Rules, Subject, Topic, Who};
use fulmar::request::{Grants, Identity, Origin};
use fulmar::types::{ClientId, Filter};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const LEVELS: [&str; 4] = ["a", "b", "", "$x"];
const ACTIONS: [Action; 3] = [Action::Publish, Action::Receive, Action::Subscribe];

proptest! {
    #[test]
    fn the_first_rule_that_fits_decides(
        rules in prop::collection::vec(rule(), 0..6),
        subject in subject(),
        name in name(),
        filter in filter(LEVELS.to_vec()),
    ) {
        let all = Rules::new(rules.clone());
        let mut guard = Guard::new(subject.clone());
        guard.renew(&all);
        for action in ACTIONS {
            let topic = if action == Action::Subscribe { &filter } else { &name };
            let expected = expected(&rules, &subject, action, topic);

            prop_assert_eq!(all.decide(&subject, action, topic).is_allowed(), expected);
            for _ in 0..2 {
                let asked = Topic { name: topic, hash: topic.len() as u64 };
                prop_assert_eq!(guard.may(&all, action, asked, 1), expected);
            }
        }
    }
}

/// The definition, by way of every topic there is.
fn expected(rules: &[Rule], subject: &Subject, action: Action, topic: &str) -> bool {
    let meant = meant(action, topic);
    let is_covered = |filter: &str| {
        let filter = Filter::parse(filter, false).expect("valid");
        !meant.is_empty() && meant.iter().all(|name| filter.matches(name))
    };
    for rule in rules {
        let topics: Vec<String> =
            rule.topics.iter().filter_map(|it| filled_in(it.as_str(), subject)).collect();
        let fits = rule.topics.is_empty() || topics.iter().any(|it| is_covered(it));
        if is_about(&rule.who, subject) && rule.accesses.has(action) && fits {
            return rule.allow;
        }
    }
    let Some(grants) = &subject.identity.grants else { return rules.is_empty() };
    let granted = if action == Action::Publish { &grants.publish } else { &grants.subscribe };
    granted.iter().any(|it| is_covered(it))
}

fn is_about(who: &Who, subject: &Subject) -> bool {
    let user = subject.identity.username.as_deref();
    let ids = [subject.client_id.as_str().to_owned()];
    let any = |list: &[String], of: &[String]| list.iter().any(|one| of.contains(one));
    (!who.anonymous || user.is_none())
        && (who.users.is_empty() || user.is_some_and(|user| any(&who.users, &[user.to_owned()])))
        && (who.clients.is_empty() || any(&who.clients, &ids))
        && (who.groups.is_empty() || any(&who.groups, &subject.identity.groups))
        && (!who.certificate || subject.origin.certificate)
}

/// The filter for this client; `None` where a name in it is none to be used.
fn filled_in(pattern: &str, subject: &Subject) -> Option<String> {
    let name = |name: Option<&str>| {
        name.filter(|name| !name.is_empty() && !name.contains(['+', '#', '/'])).map(str::to_owned)
    };
    let mut text = pattern.to_owned();
    for (sign, name) in [
        ("%u", name(subject.identity.username.as_deref())),
        ("%c", name(Some(subject.client_id.as_str()))),
    ] {
        if text.contains(sign) {
            text = text.replace(sign, &name?);
        }
    }
    // A name does not lead to topics that the pattern passes by.
    Some(text).filter(|text| !text.starts_with('$') || pattern.starts_with('$'))
}

/// Every topic that `topic` means. One level more than any filter here names, and one text that none
/// of them has, tell all of them apart.
fn meant(action: Action, topic: &str) -> Vec<String> {
    if action != Action::Subscribe {
        return vec![topic.to_owned()];
    }
    let filter = Filter::parse(topic, false).expect("valid");
    names().filter(|name| filter.matches(name)).collect()
}

/// Every topic name of up to three levels.
fn names() -> impl Iterator<Item = String> {
    let levels = [&LEVELS[..], &["ann", "$c", "other"]].concat();
    let mut names = Vec::new();
    let mut last = vec![Vec::new()];
    for _ in 0..3 {
        last = last
            .iter()
            .flat_map(|start: &Vec<&str>| levels.iter().map(|it| [&start[..], &[*it]].concat()))
            .collect();
        names.extend(last.iter().map(|name| name.join("/")));
    }
    names.into_iter().filter(|name| !name.is_empty())
}

fn rule() -> impl Strategy<Value = Rule> {
    let accesses = (any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(write, read, subscribe)| Accesses { write, read, subscribe });
    let pattern = filter([&LEVELS[..], &["%u", "%c"]].concat());
    let pattern = pattern.prop_map(|text| Pattern::parse(&text).expect("valid"));
    (any::<bool>(), accesses, who(), prop::collection::vec(pattern, 0..3)).prop_map(
        |(allow, accesses, who, topics)| Rule { allow, accesses, who, topics, place: "".into() },
    )
}

fn who() -> impl Strategy<Value = Who> {
    let some = |names: [&str; 2]| subsequence(names.map(String::from).to_vec(), 0..=2);
    let lists = (some(["ann", "bob"]), some(["$c", "d"]), some(["g", "h"]));
    // Mostly about everybody.
    (0..4, lists, any::<bool>(), any::<bool>()).prop_map(
        |(kind, (users, clients, groups), anonymous, certificate)| match kind {
            0 => Who { users, ..Who::default() },
            1 => Who { clients, groups, ..Who::default() },
            2 => Who { anonymous, certificate, ..Who::default() },
            _ => Who::default(),
        },
    )
}

fn subject() -> impl Strategy<Value = Subject> {
    let username = select(vec![None, Some("ann"), Some("bob"), Some("a/b"), Some("+"), Some("")]);
    let client_id = select(vec!["$c", "d", "a#"]);
    let groups = subsequence(vec!["g".to_owned(), "h".to_owned()], 0..=2);
    let list = || prop::collection::vec(filter(LEVELS.to_vec()), 0..2);
    let grants = prop::option::weighted(0.3, (list(), list()));
    (username, client_id, groups, grants, any::<bool>()).prop_map(
        |(username, client_id, groups, grants, certificate)| Subject {
            client_id: ClientId::new(client_id),
            identity: Identity {
                username: username.map(String::from),
                groups,
                grants: grants.map(|(publish, subscribe)| Box::new(Grants { publish, subscribe })),
            },
            origin: Origin { certificate, ..Origin::default() },
        },
    )
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(select([&LEVELS[..], &["ann", "$c"]].concat()), 1..4)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a topic name is not empty", |name| !name.is_empty())
}

fn filter(mut levels: Vec<&'static str>) -> impl Strategy<Value = String> {
    levels.push("+");
    (prop::collection::vec(select(levels), 0..3), any::<bool>())
        .prop_map(|(mut levels, hash)| {
            levels.extend(hash.then_some("#"));
            levels.join("/")
        })
        .prop_filter("a filter is not empty", |filter| !filter.is_empty())
}
