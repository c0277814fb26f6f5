use super::choice::{name_in, named};
use super::key::{Key, keys};
use super::value::Entry;
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

impl RuleDraft {
    pub(super) const KEYS: &[Key<Self>] = keys! { "acl.rules":
        /// What the rule allows: "read", "write" and "subscribe".
        "allow" is allow: Vec<Access>;
        /// What the rule denies, instead.
        "deny" is deny: Vec<Access>;
        /// Topic filters with %u for the user name, %c for the client identifier; none for every topic.
        "topics" is topics: Vec<Pattern>;
        /// Only clients with one of these user names.
        "users" is who.users: Vec<String>;
        /// Only clients without a user name.
        "anonymous" is who.anonymous: bool;
        /// Only clients with one of these client identifiers.
        "clients" is who.clients: Vec<String>;
        /// Only clients that belong to one of these groups.
        "groups" is who.groups: Vec<String>;
        /// Only clients from these addresses and networks, as in 192.0.2.0/24.
        "addresses" is who.addresses: Vec<Network>;
        /// Only clients that have shown a certificate.
        "certificate" is who.certificate: bool;
        /// Only clients with one of these common names in their certificate.
        "common_names" is who.common_names: Vec<String>;
    };

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
        named(&NAMES, text)
    }

    fn show(&self) -> String {
        name_in(&NAMES, self).to_owned()
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
