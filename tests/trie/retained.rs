use std::collections::{BTreeMap, BTreeSet};

use fulmar::retained::{Cursor, Retained, RetainedLimits, Walk};
use fulmar::types::{Filter, Message, MessageHead, Timestamp};
use proptest::prelude::*;

use crate::text;

const ROOMY: RetainedLimits = RetainedLimits { messages_max: usize::MAX, bytes_max: usize::MAX };

#[derive(Debug, Clone)]
enum Step {
    Set { topic: String, payload_bytes: usize, expires_in: Option<u64> },
    Clear(String),
    Expire(usize),
    Pass(u64),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_retained_is_what_a_map_would_hold(
        steps in proptest::collection::vec(step(), 1..100),
        filters in proptest::collection::vec(text::topic_filter(), 1..6),
        limits in (1..20usize, 50..600usize),
    ) {
        let limits = RetainedLimits { messages_max: limits.0, bytes_max: limits.1 };
        let mut broker = Retained::new(limits);
        let mut plain = Plain::new(limits);
        for step in &steps {
            plain.take(step, &mut broker)?;

            prop_assert_eq!(broker.len(), plain.messages.len());
            prop_assert_eq!(broker.bytes(), plain.bytes());
            prop_assert_eq!(broker.next_expiry(), plain.next_expiry());
            for filter in &filters {
                let shown = walk_all(&broker, filter, plain.now);
                prop_assert_eq!(shown, plain.matching(filter), "filter {:?}", filter);
            }
        }
    }

    #[test]
    fn a_walk_shows_what_stays_in_place_exactly_once(
        before in proptest::collection::vec(step(), 1..80),
        filter in text::topic_filter(),
        calls in proptest::collection::vec(
            (0..6usize, proptest::collection::vec(step(), 0..4)), 1..60
        ),
    ) {
        // Given retained messages
        let mut broker = Retained::new(ROOMY);
        let mut plain = Plain::new(ROOMY);
        for step in &before {
            plain.take(step, &mut broker)?;
        }
        let up_to = broker.version();
        let at_start: BTreeSet<_> = plain.matching(&filter);
        let mut in_place = at_start.clone();

        // When a walk goes on between changes
        let (mut cursor, mut shown) = (Cursor::default(), Vec::new());
        let mut end = Walk::More;
        for (budget, changes) in calls {
            if end == Walk::Done {
                break;
            }
            let shown_before = shown.len();
            end = broker.walk(&filter, up_to, &mut cursor, budget, plain.now, &mut shown);
            prop_assert!(shown.len() - shown_before <= budget.max(1));
            prop_assert!(shown[shown_before..].iter().all(|message| !message.is_expired(plain.now)));
            for step in &changes {
                plain.take(step, &mut broker)?;
                in_place = &in_place & &plain.matching(&filter);
                in_place.retain(|topic| !matches!(step, Step::Set { topic: set, .. } if set == topic));
            }
        }
        while end == Walk::More {
            end = broker.walk(&filter, up_to, &mut cursor, 1, plain.now, &mut shown);
        }

        // Then it has shown all that stayed, nothing twice and nothing that was not there at its start
        let topics: BTreeSet<_> = shown.iter().map(|message| message.topic().to_owned()).collect();
        prop_assert_eq!(topics.len(), shown.len());
        prop_assert!(topics.is_superset(&in_place), "{:?} lacks some of {:?}", topics, in_place);
        prop_assert!(topics.is_subset(&at_start));
    }
}

/// The retained messages as a map.
struct Plain {
    limits: RetainedLimits,
    messages: BTreeMap<String, Message>,
    now: Timestamp,
}

impl Plain {
    fn new(limits: RetainedLimits) -> Self {
        Self { limits, messages: BTreeMap::new(), now: Timestamp(0) }
    }

    /// Does the same with both, and compares what it comes to.
    fn take(&mut self, step: &Step, broker: &mut Retained) -> Result<(), TestCaseError> {
        match step {
            Step::Set { topic, payload_bytes, expires_in } => {
                let message =
                    message(topic, *payload_bytes, expires_in.map(|ms| Timestamp(self.now.0 + ms)));
                prop_assert_eq!(broker.set(message.clone()).is_ok(), self.set(message));
            }
            Step::Clear(topic) => {
                prop_assert_eq!(broker.clear(topic), self.messages.remove(topic).is_some());
            }
            Step::Expire(budget) => {
                let topics = broker.expire(self.now, *budget);
                let over = self.messages.values().filter(|message| message.is_expired(self.now));
                prop_assert_eq!(topics.len(), over.count().min(*budget));
                for topic in topics {
                    let expired = self.messages.remove(&topic).expect("was retained");
                    prop_assert!(expired.is_expired(self.now));
                }
            }
            Step::Pass(ms) => self.now.0 += ms,
        }
        Ok(())
    }

    fn set(&mut self, message: Message) -> bool {
        let had = self.messages.insert(message.topic().to_owned(), message.clone());
        let fits = self.messages.len() <= self.limits.messages_max
            && self.bytes() <= self.limits.bytes_max;
        if !fits {
            self.messages.remove(message.topic());
            self.messages.extend(had.map(|had| (had.topic().to_owned(), had)));
        }
        fits
    }

    fn bytes(&self) -> usize {
        self.messages.values().map(Message::len).sum()
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        self.messages.values().filter_map(Message::expires_at).min()
    }

    fn matching(&self, filter: &str) -> BTreeSet<String> {
        let filter = Filter::parse(filter, false).expect("valid");
        let live = self.messages.values().filter(|message| !message.is_expired(self.now));
        live.map(|message| message.topic().to_owned())
            .filter(|topic| filter.matches(topic))
            .collect()
    }
}

fn walk_all(broker: &Retained, filter: &str, now: Timestamp) -> BTreeSet<String> {
    let (mut cursor, mut shown) = (Cursor::default(), Vec::new());
    while broker.walk(filter, broker.version(), &mut cursor, 3, now, &mut shown) == Walk::More {}
    shown.iter().map(|message| message.topic().to_owned()).collect()
}

fn message(topic: &str, payload_bytes: usize, expires_at: Option<Timestamp>) -> Message {
    let head = MessageHead { expires_at, ..MessageHead::default() };
    Message::new(head, topic, &[], &vec![b'x'; payload_bytes])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (text::topic(), 0..60usize, proptest::option::weighted(0.3, 1..50u64)).prop_map(
            |(topic, payload_bytes, expires_in)| Step::Set { topic, payload_bytes, expires_in }
        ),
        3 => text::topic().prop_map(Step::Clear),
        1 => (0..4usize).prop_map(Step::Expire),
        1 => (1..30u64).prop_map(Step::Pass),
    ]
}
