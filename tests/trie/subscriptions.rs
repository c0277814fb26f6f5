use std::collections::BTreeMap;

use fulmar::subscriptions::{
    Delivered, Match, MemberState, Own, RandomState, ShareStrategy, Subscriptions,
};
use fulmar::types::{Filter, QoS, SessionKey, SubscriptionId, SubscriptionOptions};
use proptest::prelude::*;

use crate::text;

#[derive(Debug, Clone)]
enum Step {
    Subscribe(SessionKey, Filter, SubscriptionOptions),
    Unsubscribe(SessionKey, Filter),
    /// Takes away the subscription that is at this place, so that tries get empty again.
    UnsubscribeOld(prop::sample::Index),
    Publish(String),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn matches_are_those_of_the_plain_definition(
        steps in proptest::collection::vec(step(), 1..120),
        topics in proptest::collection::vec(text::topic(), 1..8),
    ) {
        // Given one broker that remembers, one that must soon forget and one that never remembers
        let mut all = [8192, 2, 0].map(|topics_max| Subscriptions::new(hasher(), topics_max));
        let mut plain = Plain::default();

        // When subscriptions come and go among the messages
        for step in steps {
            let (step, was_there) = plain.take(step);
            for subscriptions in &mut all {
                prop_assert_eq!(take(subscriptions, &step), was_there);
                // Then each message has the receivers that it should have
                if let Step::Publish(topic) = &step {
                    check(subscriptions, &plain, topic)?;
                }
                for topic in &topics {
                    check(subscriptions, &plain, topic)?;
                }
            }
        }
        for subscriptions in &mut all {
            check_counts(subscriptions, &plain)?;
        }
    }

    #[test]
    fn nothing_is_left_when_all_have_unsubscribed(
        made in proptest::collection::vec((session(), text::filter(), options()), 1..60),
        topics in proptest::collection::vec(text::topic(), 1..8),
    ) {
        let mut subscriptions = Subscriptions::new(hasher(), 16);
        for (session, filter, options) in &made {
            subscriptions.subscribe(*session, filter, *options);
            for topic in &topics {
                subscriptions.matching(topic);
            }
        }
        for (session, filter, _) in &made {
            subscriptions.unsubscribe(*session, filter);
        }
        for topic in &topics {
            prop_assert!(subscriptions.matching(topic).is_empty());
        }
        check_counts(&subscriptions, &Plain::default())?;
    }

    #[test]
    fn round_robin_gives_every_member_its_turn(
        changes in proptest::collection::vec((0..6u32, any::<bool>()), 0..60),
    ) {
        let filter = Filter::parse("$share/g/a", true).expect("valid");
        let mut subscriptions = Subscriptions::new(hasher(), 16);
        for (session, joins) in changes {
            match joins {
                true => subscriptions.subscribe(SessionKey(session), &filter, Default::default()),
                false => subscriptions.unsubscribe(SessionKey(session), &filter),
            };
            let Some(group) = subscriptions.group_of(&filter) else { continue };
            let mut members: Vec<_> = subscriptions.members(group).map(|(member, _)| member).collect();
            let online = &mut |_| MemberState::Online { backlog: 0 };
            let mut chosen: Vec<_> = (0..members.len())
                .filter_map(|_| subscriptions.choose(group, ShareStrategy::RoundRobin, online))
                .map(|(member, _)| member)
                .collect();
            members.sort();
            chosen.sort();
            prop_assert_eq!(chosen, members);
        }
    }
}

/// The subscriptions as a list.
#[derive(Default)]
struct Plain(BTreeMap<(SessionKey, Filter), SubscriptionOptions>);

impl Plain {
    /// The step with the subscription it is about, and whether that was there.
    fn take(&mut self, step: Step) -> (Step, bool) {
        let step = match step {
            Step::UnsubscribeOld(_) if self.0.is_empty() => Step::Publish("a".into()),
            Step::UnsubscribeOld(at) => {
                let (session, filter) =
                    self.0.keys().nth(at.index(self.0.len())).expect("in range").clone();
                Step::Unsubscribe(session, filter)
            }
            step => step,
        };
        let was_there = match &step {
            Step::Subscribe(session, filter, options) => {
                self.0.insert((*session, filter.clone()), *options).is_some()
            }
            Step::Unsubscribe(session, filter) => {
                self.0.remove(&(*session, filter.clone())).is_some()
            }
            Step::UnsubscribeOld(_) | Step::Publish(_) => false,
        };
        (step, was_there)
    }

    fn direct(&self, topic: &str) -> Vec<Match> {
        let mut by_session = BTreeMap::<_, Vec<_>>::new();
        for ((session, filter), options) in &self.0 {
            if filter.share_name().is_none() && filter.matches(topic) {
                by_session.entry(*session).or_default().push(*options);
            }
        }
        by_session.into_iter().map(|(session, all)| expected(session, &all)).collect()
    }

    fn shared(&self) -> impl Iterator<Item = &Filter> {
        self.0.keys().map(|(_, filter)| filter).filter(|filter| filter.share_name().is_some())
    }

    fn groups(&self, topic: &str) -> Vec<&Filter> {
        let mut groups: Vec<_> = self.shared().filter(|filter| filter.matches(topic)).collect();
        groups.sort();
        groups.dedup();
        groups
    }
}

fn expected(session: SessionKey, all: &[SubscriptionOptions]) -> Match {
    let others: Vec<_> = all.iter().filter(|options| !options.no_local).copied().collect();
    let own = match others.len() {
        0 => Own::Nothing,
        n if n == all.len() => Own::Same,
        _ => Own::Reduced(Box::new(delivered(&others))),
    };
    Match { session, options: delivered(all), own }
}

fn delivered(all: &[SubscriptionOptions]) -> Delivered {
    let mut delivered = Delivered {
        qos: all.iter().map(|options| options.qos).max().expect("at least one"),
        retain_as_published: all.iter().any(|options| options.retain_as_published),
        ..Delivered::default()
    };
    for options in all {
        delivered.ids.insert(options.id);
    }
    delivered
}

fn take(subscriptions: &mut Subscriptions, step: &Step) -> bool {
    match step {
        Step::Subscribe(session, filter, options) => {
            subscriptions.subscribe(*session, filter, *options)
        }
        Step::Unsubscribe(session, filter) => subscriptions.unsubscribe(*session, filter),
        Step::UnsubscribeOld(_) | Step::Publish(_) => false,
    }
}

fn check(
    subscriptions: &mut Subscriptions,
    plain: &Plain,
    topic: &str,
) -> Result<(), TestCaseError> {
    let matches = subscriptions.matching(topic);
    prop_assert_eq!(&matches.direct, &plain.direct(topic), "topic {:?}", topic);

    let groups = plain.groups(topic).into_iter().map(|filter| subscriptions.group_of(filter));
    let mut groups: Vec<_> = groups.map(|group| group.expect("it has members")).collect();
    groups.sort();
    prop_assert_eq!(&matches.groups, &groups, "topic {:?}", topic);
    Ok(())
}

fn check_counts(subscriptions: &Subscriptions, plain: &Plain) -> Result<(), TestCaseError> {
    let mut groups: Vec<_> = plain.shared().collect();
    prop_assert_eq!(subscriptions.len(), plain.0.len());
    prop_assert_eq!(subscriptions.shared_len(), groups.len());
    groups.sort();
    groups.dedup();
    prop_assert_eq!(subscriptions.groups_len(), groups.len());
    Ok(())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (session(), text::filter(), options())
            .prop_map(|(session, filter, options)| Step::Subscribe(session, filter, options)),
        1 => (session(), text::filter()).prop_map(|(session, filter)| Step::Unsubscribe(session, filter)),
        2 => any::<prop::sample::Index>().prop_map(Step::UnsubscribeOld),
        3 => text::topic().prop_map(Step::Publish),
    ]
}

fn session() -> impl Strategy<Value = SessionKey> {
    (0..5u32).prop_map(SessionKey)
}

fn options() -> impl Strategy<Value = SubscriptionOptions> {
    (0..3u8, any::<bool>(), any::<bool>(), 0..4u32).prop_map(
        |(qos, no_local, retain_as_published, id)| SubscriptionOptions {
            qos: QoS::from_bits(qos).expect("0 to 2"),
            no_local,
            retain_as_published,
            id: SubscriptionId::new(id),
            ..SubscriptionOptions::default()
        },
    )
}

fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}
