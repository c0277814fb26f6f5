//! The subscription trie against a list of filters.
//!
//! Input: for each operation one byte that says what to do and for whom, one byte for the length of
//! a text, and the text. Texts that are no topic filter or no topic name are passed over.

#![no_main]

use std::collections::BTreeSet;

use fulmar::subscriptions::{RandomState, Subscriptions};
use fulmar::types::{Filter, GroupKey, SessionKey, SubscriptionOptions, topic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut broker = Broker::new();
    let mut rest = bytes;
    while let [what, len, tail @ ..] = rest {
        let (text, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        if let Ok(text) = std::str::from_utf8(text) {
            broker.handle(*what, text);
        }
        rest = tail;
    }
});

struct Broker {
    /// With caches of three sizes: remembering all, little and nothing.
    all: [Subscriptions; 3],
    plain: BTreeSet<(SessionKey, Filter)>,
}

impl Broker {
    fn new() -> Self {
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        Self {
            all: [8192, 2, 0].map(|topics_max| Subscriptions::new(hasher.clone(), topics_max)),
            plain: BTreeSet::new(),
        }
    }

    /// The two lowest bits say what, the next two who.
    fn handle(&mut self, what: u8, text: &str) {
        let session = SessionKey(u32::from(what >> 2 & 3));
        match (what & 3, Filter::parse(text, what & 16 == 0)) {
            (0 | 1, Ok(filter)) => self.subscribe(session, filter),
            (2, Ok(filter)) => self.unsubscribe(session, filter),
            (3, _) if topic::is_valid_name(text) => self.publish(text),
            _ => {}
        }
    }

    fn subscribe(&mut self, session: SessionKey, filter: Filter) {
        let was_there = self.plain.contains(&(session, filter.clone()));
        for subscriptions in &mut self.all {
            let options = SubscriptionOptions::default();
            assert_eq!(subscriptions.subscribe(session, &filter, options), was_there);
        }
        self.plain.insert((session, filter));
    }

    fn unsubscribe(&mut self, session: SessionKey, filter: Filter) {
        let was_there = self.plain.remove(&(session, filter.clone()));
        for subscriptions in &mut self.all {
            assert_eq!(subscriptions.unsubscribe(session, &filter), was_there);
            assert_eq!(subscriptions.len(), self.plain.len());
        }
    }

    fn publish(&mut self, topic: &str) {
        let hits = || self.plain.iter().filter(|(_, filter)| filter.matches(topic));
        let direct = hits().filter(|(_, filter)| filter.share_name().is_none());
        let direct: BTreeSet<SessionKey> = direct.map(|(session, _)| *session).collect();
        let shared: BTreeSet<&Filter> = hits()
            .map(|(_, filter)| filter)
            .filter(|filter| filter.share_name().is_some())
            .collect();
        for subscriptions in &mut self.all {
            let matches = subscriptions.matching(topic);
            assert!(matches.direct.iter().map(|to| to.session).eq(direct.iter().copied()));
            let groups: BTreeSet<Option<GroupKey>> =
                shared.iter().map(|filter| subscriptions.group_of(filter)).collect();
            assert!(matches.groups.iter().copied().map(Some).eq(groups));
        }
    }
}
