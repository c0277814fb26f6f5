//! What clients may do with which topics: rules in order, the first that fits decides.

mod guard;
mod mosquitto;
mod network;
mod pattern;
mod rule;

use std::collections::BTreeMap;

pub use guard::{Guard, Topic};
pub use mosquitto::{FILE_BYTES_MAX, Mistake, parse};
pub use network::{Network, NetworkError};
pub use pattern::{Names, Pattern, PatternError};
pub use rule::{Accesses, Rule, Subject, Who};

use crate::auth::Action;

/// The most rules of a server.
pub const RULES_MAX: usize = 100_000;

/// Rules in the order in which they are asked.
///
/// While there is none, everything is allowed. Once there is one, what none fits is denied. A client
/// whose credentials name topics ([`crate::request::Grants`]) is allowed those behind all rules, and
/// nothing that neither they nor a rule allow, be there rules or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Where those stand that are about one user or another, so that the rules of a thousand users
    /// cost each of them only its own.
    by_user: BTreeMap<String, Vec<u32>>,
    /// Where all others stand.
    general: Vec<u32>,
}

/// What decides about a topic, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// There is nothing to go by: allowed.
    NoRules,
    /// This rule, by this topic of it; `None` for a rule that is about every topic.
    Rule(&'a Rule, Option<&'a Pattern>),
    /// This topic filter in the client's credentials: allowed.
    Grant(&'a str),
    /// No rule fits: denied.
    NoRuleFits,
}

impl Rules {
    /// Rules that are asked in this order; those behind [`RULES_MAX`] are left out.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.truncate(RULES_MAX);
        let mut by_user: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut general = Vec::new();
        for (index, rule) in (0..).zip(&rules) {
            if rule.who.users.is_empty() {
                general.push(index);
            }
            for user in &rule.who.users {
                by_user.entry(user.clone()).or_default().push(index);
            }
        }
        Self { rules, by_user, general }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Who decides whether `subject` may do `action` with `topic`: a topic name, or a topic filter to
    /// subscribe to without `$share` and its name.
    pub fn decide<'a>(&'a self, subject: &'a Subject, action: Action, topic: &str) -> Decision<'a> {
        self.decide_among(&self.about(subject), subject, action, topic)
    }

    /// The same where it is known which rules are [about](Self::about) the client.
    fn decide_among<'a>(
        &'a self,
        about: &[u32],
        subject: &'a Subject,
        action: Action,
        topic: &str,
    ) -> Decision<'a> {
        let names = subject.names();
        for index in about {
            let rule = &self.rules[*index as usize];
            if rule.accesses.has(action)
                && let Some(pattern) = rule.covering(topic, &names)
            {
                return Decision::Rule(rule, pattern);
            }
        }
        match (&subject.identity.grants, subject.granted(action, topic)) {
            (_, Some(filter)) => Decision::Grant(filter),
            (None, None) if self.is_empty() => Decision::NoRules,
            _ => Decision::NoRuleFits,
        }
    }

    /// Where the rules stand that are about this client, in order.
    fn about(&self, subject: &Subject) -> Box<[u32]> {
        let user = subject.identity.username.as_ref();
        let own = user.and_then(|user| self.by_user.get(user)).map_or(&[][..], Vec::as_slice);
        let mut about: Vec<u32> = own.iter().chain(&self.general).copied().collect();
        about.retain(|index| self.rules[*index as usize].who.includes(subject));
        about.sort_unstable();
        // A rule may name a user twice.
        about.dedup();
        about.into()
    }
}

impl Decision<'_> {
    /// Whether the client may.
    pub fn is_allowed(&self) -> bool {
        match self {
            Self::NoRules | Self::Grant(_) => true,
            Self::Rule(rule, _) => rule.allow,
            Self::NoRuleFits => false,
        }
    }
}
