use super::choice::one_of;
use super::key::Key;
use super::value::{Entry, Value};
use crate::auth::rules::{Accesses, Network, Pattern, Rule, Who};

/// One rule about topics as far as it has been read.
#[derive(Default)]
pub struct RuleDraft {
    allow: Vec<Access>,
    deny: Vec<Access>,
    topics: Vec<Pattern>,
    who: Who,
}

/// What a rule is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Subscribe,
}

const NAMES: [(&str, Access); 3] =
    [("read", Access::Read), ("write", Access::Write), ("subscribe", Access::Subscribe)];

/// A key of a rule, which is one field of the draft.
macro_rules! key {
    ($name:ident, $($field:ident).+, $Value:ty, $about:literal) => {
        Key {
            section: "acl.rules",
            name: stringify!($name),
            about: $about,
            range: None,
            allowed: <$Value as Value>::allowed,
            set: |draft, written, range| {
                draft.$($field).+ = Value::read(written, range)?;
                Ok(())
            },
            show: |draft| draft.$($field).+.show(),
        }
    };
}

impl RuleDraft {
    pub(super) const KEYS: &[Key<Self>] = &[
        key!(
            allow,
            allow,
            Vec<Access>,
            "What the rule allows: \"read\", \"write\" and \"subscribe\"."
        ),
        key!(deny, deny, Vec<Access>, "What the rule denies, instead."),
        key!(
            topics,
            topics,
            Vec<Pattern>,
            "Topic filters with %u for the user name, %c for the client identifier; none for every topic."
        ),
        key!(users, who.users, Vec<String>, "Only clients with one of these user names."),
        key!(anonymous, who.anonymous, bool, "Only clients without a user name."),
        key!(
            clients,
            who.clients,
            Vec<String>,
            "Only clients with one of these client identifiers."
        ),
        key!(groups, who.groups, Vec<String>, "Only clients that belong to one of these groups."),
        key!(
            addresses,
            who.addresses,
            Vec<Network>,
            "Only clients from these addresses and networks, as in 192.0.2.0/24."
        ),
        key!(certificate, who.certificate, bool, "Only clients that have shown a certificate."),
        key!(
            common_names,
            who.common_names,
            Vec<String>,
            "Only clients with one of these common names in their certificate."
        ),
    ];

    /// The rule, which stands at `place`.
    pub(super) fn finish(self, place: String) -> Result<Rule, &'static str> {
        let Self { allow, deny, topics, who } = self;
        let (is_allowed, listed) = match (allow.is_empty(), deny.is_empty()) {
            (false, true) => (true, allow),
            (true, false) => (false, deny),
            (true, true) => return Err("needs allow or deny, as in allow = [\"read\"]"),
            (false, false) => return Err("has both allow and deny: make two of it"),
        };
        if who.anonymous && !who.users.is_empty() {
            return Err("is about nobody: clients without a user name, and with one of users");
        }
        let has = |access| listed.contains(&access);
        let accesses = Accesses {
            read: has(Access::Read),
            write: has(Access::Write),
            subscribe: has(Access::Subscribe),
        };
        Ok(Rule { allow: is_allowed, accesses, topics, who, place: place.into() })
    }
}

impl From<&Rule> for RuleDraft {
    fn from(rule: &Rule) -> Self {
        let Accesses { read, write, subscribe } = rule.accesses;
        let flags = [read, write, subscribe];
        let listed = NAMES.iter().zip(flags).filter(|(_, is)| *is).map(|((_, it), _)| *it);
        let (allow, deny) = match rule.allow {
            true => (listed.collect(), Vec::new()),
            false => (Vec::new(), listed.collect()),
        };
        Self { allow, deny, topics: rule.topics.clone(), who: rule.who.clone() }
    }
}

impl Entry for Access {
    fn read(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text).map(|(_, access)| *access);
        found.ok_or_else(|| format!("{text:?} is none of {}", one_of(&NAMES.map(|(name, _)| name))))
    }

    fn show(&self) -> String {
        let name = NAMES.iter().find(|(_, access)| access == self).map(|(name, _)| *name);
        name.expect("every access has a name").to_owned()
    }
}

impl Entry for Pattern {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| format!("{text:?}: {error}"))
    }

    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Entry for Network {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{text:?} {error}"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}
