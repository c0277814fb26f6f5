use super::payload::clears;
use super::{Ledger, Topic, Violation};

impl Ledger {
    /// A new subscription to all that is retained is about to be made.
    pub fn expect_retained(&mut self) {
        self.shown.clear();
    }

    /// It was shown this one.
    pub fn shown(&mut self, topic: &str, number: u64) {
        self.shown.insert(topic.to_owned(), number);
    }

    pub fn has_all_retained(&self) -> bool {
        let kept = self.retained().filter(|(name, topic)| topic.is_kept(name));
        let wills = self.wills.keys().filter(|name| self.is_will_kept(name));
        kept.map(|(name, _)| name).chain(wills).all(|name| self.shown.contains_key(name))
    }

    /// What it was shown, against what was acknowledged or seen.
    pub fn check_retained(&mut self) {
        let mut wrong = Vec::new();
        for (name, topic) in self.retained() {
            let Topic { accepted, sent, .. } = topic;
            let right = match self.shown.get(name) {
                Some(shown) => (*accepted..=*sent).contains(shown),
                None => !topic.is_kept(name),
            };
            if !right {
                let shown = self.shown.get(name);
                wrong.push(format!("{name} is {shown:?}, accepted {accepted}, sent {sent}"));
            }
        }
        for (name, will) in &self.wills {
            let shown = self.shown.contains_key(name);
            if (shown && !will.retain) || (!shown && self.is_will_kept(name)) {
                wrong.push(format!("{name}: retained {shown}, to be retained {}", will.retain));
            }
        }
        wrong.iter().for_each(|case| self.violation(Violation::RetainedWrong, case));
    }

    fn retained(&self) -> impl Iterator<Item = (&String, &Topic)> {
        self.topics.iter().filter(|(name, _)| name.starts_with("r/"))
    }

    /// A will that somebody has seen was published, and that was on disk before.
    fn is_will_kept(&self, name: &str) -> bool {
        let seen = || self.receivers.values().any(|receiver| !receiver.got(name).is_empty());
        self.wills[name].retain && seen()
    }
}

impl Topic {
    /// Whether something must be retained: nothing that may have cleared it came behind.
    fn is_kept(&self, name: &str) -> bool {
        self.accepted > 0 && !(self.accepted..=self.sent).any(|number| clears(name, number))
    }
}
