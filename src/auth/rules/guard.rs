use super::{Rules, Subject};
use crate::auth::Action;

/// What one client may do, by one state of the rules, with the last decisions remembered.
///
/// To decide allocates nothing; to remember a decision does, until there are as many as may be.
#[derive(Debug)]
pub struct Guard {
    subject: Subject,
    /// The rules that are about the client.
    about: Box<[u32]>,
    known: Vec<Known>,
    /// Which of them makes room for the next one.
    oldest: usize,
}

/// A topic name that many may be asked about.
#[derive(Debug, Clone, Copy)]
pub struct Topic<'a> {
    /// The name.
    pub name: &'a str,
    /// A hash of it, always by the same function.
    pub hash: u64,
}

#[derive(Debug)]
struct Known {
    hash: u64,
    name: String,
    action: Action,
    allowed: bool,
}

impl Guard {
    /// Of `subject`, to be [renewed](Self::renew) before it is asked.
    pub fn new(subject: Subject) -> Self {
        Self { subject, about: [].into(), known: Vec::new(), oldest: 0 }
    }

    /// The client.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// From here on `rules` are those that it goes by.
    pub fn renew(&mut self, rules: &Rules) {
        self.about = rules.about(&self.subject);
        self.known = Vec::new();
        self.oldest = 0;
    }

    /// Whether the client may do `action` with `topic`, by the rules that this guard was renewed
    /// with. At most `known_max` decisions are remembered.
    pub fn may(
        &mut self,
        rules: &Rules,
        action: Action,
        topic: Topic<'_>,
        known_max: usize,
    ) -> bool {
        let same = |known: &&Known| {
            known.hash == topic.hash && known.action == action && known.name == topic.name
        };
        if let Some(known) = self.known.iter().find(same) {
            return known.allowed;
        }
        let allowed = self.decide(rules, action, topic.name);
        self.remember(action, topic, allowed, known_max);
        allowed
    }

    /// The same for a topic name or a topic filter, with nothing remembered.
    pub fn decide(&self, rules: &Rules, action: Action, topic: &str) -> bool {
        rules.decide_among(&self.about, &self.subject, action, topic).is_allowed()
    }

    fn remember(&mut self, action: Action, topic: Topic<'_>, allowed: bool, known_max: usize) {
        let Topic { name, hash } = topic;
        if self.known.len() < known_max {
            self.known.push(Known { hash, name: name.to_owned(), action, allowed });
            return;
        }
        let Some(known) = self.known.get_mut(self.oldest) else { return };
        name.clone_into(&mut known.name);
        (known.hash, known.action, known.allowed) = (hash, action, allowed);
        self.oldest = (self.oldest + 1) % known_max;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::rules::{Accesses, Pattern, Rule};
    use crate::request::{Identity, Origin};
    use crate::types::ClientId;

    #[test]
    fn a_decision_is_remembered_and_the_oldest_makes_room() {
        let (allowing, denying) = (rules(true), rules(false));
        let mut guard = guard(&allowing);
        for name in ["a", "b"] {
            assert!(may(&mut guard, &allowing, name, 2));
        }

        assert!(may(&mut guard, &denying, "a", 2), "remembered");
        assert!(!may(&mut guard, &denying, "c", 2), "one more than may be");
        assert!(!may(&mut guard, &denying, "a", 2), "it was the oldest");
        assert_eq!(guard.known.len(), 2);
    }

    #[test]
    fn nothing_is_remembered_where_nothing_may_be() {
        let mut guard = guard(&rules(true));

        assert!(may(&mut guard, &rules(true), "a", 0));
        assert!(!may(&mut guard, &rules(false), "a", 0));
    }

    #[test]
    fn topics_of_one_hash_and_actions_on_one_topic_are_told_apart() {
        let rules = rules(true);
        let mut guard = guard(&rules);

        for (action, name, expected) in [
            (Action::Publish, "a", true),
            (Action::Publish, "x", false),
            (Action::Receive, "a", false),
            (Action::Publish, "a", true),
        ] {
            let topic = Topic { name, hash: 7 };
            assert_eq!(guard.may(&rules, action, topic, 8), expected, "{action:?} {name}");
        }
    }

    #[test]
    fn a_guard_that_is_renewed_knows_nothing() {
        let mut guard = guard(&rules(true));
        assert!(may(&mut guard, &rules(true), "a", 8));

        guard.renew(&rules(false));

        assert!(!may(&mut guard, &rules(false), "a", 8));
    }

    fn may(guard: &mut Guard, rules: &Rules, name: &str, known_max: usize) -> bool {
        let hash = name.len() as u64;
        guard.may(rules, Action::Publish, Topic { name, hash }, known_max)
    }

    /// About publishing to a, b and c.
    fn rules(allow: bool) -> Rules {
        let topics = ["a", "b", "c"].map(|topic| Pattern::parse(topic).expect("valid"));
        let accesses = Accesses { write: true, ..Accesses::default() };
        Rules::new(vec![Rule { allow, accesses, topics: topics.into(), ..Rule::default() }])
    }

    fn guard(rules: &Rules) -> Guard {
        let (identity, origin) = (Identity::default(), Origin::default());
        let mut guard = Guard::new(Subject { client_id: ClientId::new("c"), identity, origin });
        guard.renew(rules);
        guard
    }
}
