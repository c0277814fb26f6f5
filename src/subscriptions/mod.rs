//! Who has subscribed to what, and so who gets the messages of a topic.

mod cache;
mod level;
mod matches;
mod receivers;
mod share;
mod trie;

use std::sync::Arc;

pub use ahash::RandomState;
pub use matches::{Delivered, Match, Matches, Own};
pub use share::{MemberState, ShareStrategy};
use smallvec::SmallVec;

use crate::types::{Filter, GroupKey, SessionKey, SubscriptionOptions};
use cache::Cache;
use share::Groups;
use trie::Trie;

/// How many topics a broker remembers the matches of, where nothing else is configured.
pub const CACHE_TOPICS_MAX: usize = 8192;

/// All subscriptions of all sessions: one for each session and full filter text, so that
/// `$share/g/a` and `a` are two.
pub struct Subscriptions {
    trie: Trie,
    groups: Groups,
    cache: Cache,
    /// What most topics of a quiet broker come to, shared by them all.
    nobody: Arc<Matches>,
    len: usize,
    shared_len: usize,
}

impl Subscriptions {
    /// `hasher` has to be seeded so that no client can foresee it. The matches of at most
    /// `cache_topics_max` topics are remembered; 0 for none.
    pub fn new(hasher: RandomState, cache_topics_max: usize) -> Self {
        Self {
            trie: Trie::new(hasher.clone()),
            groups: Groups::new(hasher.clone()),
            cache: Cache::new(hasher, cache_topics_max),
            nobody: Arc::default(),
            len: 0,
            shared_len: 0,
        }
    }

    /// Adds a subscription, or replaces its options without a gap (`[MQTT-3.8.4-3]`); whether it
    /// was there before.
    pub fn subscribe(
        &mut self,
        session: SessionKey,
        filter: &Filter,
        options: SubscriptionOptions,
    ) -> bool {
        let shared = filter.share_name().is_some();
        let was_there = match shared {
            true => self.subscribe_shared(session, filter, options),
            false => self.subscribe_direct(session, filter, options),
        };
        self.len += usize::from(!was_there);
        self.shared_len += usize::from(shared && !was_there);
        was_there
    }

    /// Removes a subscription (`[MQTT-3.10.4-1]`); whether it was there.
    pub fn unsubscribe(&mut self, session: SessionKey, filter: &Filter) -> bool {
        let shared = filter.share_name().is_some();
        let was_there = match shared {
            true => self.unsubscribe_shared(session, filter),
            false => self.unsubscribe_direct(session, filter),
        };
        self.len -= usize::from(was_there);
        self.shared_len -= usize::from(shared && was_there);
        was_there
    }

    /// Who gets the messages of the topic name with these bytes: the order is the same for the same
    /// subscriptions, whatever has been before.
    ///
    /// Panics if `topic` is not UTF-8.
    pub fn matching(&mut self, topic: impl AsRef<[u8]>) -> Arc<Matches> {
        self.look_up(topic.as_ref()).0
    }

    /// As [`Self::matching`], and whether that took a search, because the topic was not remembered.
    pub fn look_up(&mut self, topic: &[u8]) -> (Arc<Matches>, bool) {
        if let Some(matches) = self.cache.find_again(topic) {
            return (matches, false);
        }
        let topic = str::from_utf8(topic).expect("a topic name is UTF-8");
        if let Some(matches) = self.cache.find(topic) {
            return (matches, false);
        }
        let matches = self.find(topic);
        self.cache.insert(topic, &matches);
        (matches, true)
    }

    /// Picks the member of a shared subscription that gets a message, and says with which options.
    /// `None` if no member may have it, or the group is gone.
    ///
    /// Asks `state` about each member at most once; under [`ShareStrategy::LeastBacklog`] about
    /// all of them.
    pub fn choose(
        &mut self,
        group: GroupKey,
        strategy: ShareStrategy,
        state: &mut dyn FnMut(SessionKey) -> MemberState,
    ) -> Option<(SessionKey, SubscriptionOptions)> {
        self.groups.choose(group, strategy, state)
    }

    /// The shared subscription that `filter` names, if it has members.
    pub fn group_of(&self, filter: &Filter) -> Option<GroupKey> {
        self.groups.key(filter)
    }

    /// Whether the shared subscription has members. The key of one that is gone is not given to
    /// another before all other keys have been.
    pub fn group_exists(&self, group: GroupKey) -> bool {
        self.groups.contains(group)
    }

    /// The members of a shared subscription in the order of subscribing; none if it is gone.
    pub fn members(
        &self,
        group: GroupKey,
    ) -> impl Iterator<Item = (SessionKey, SubscriptionOptions)> + '_ {
        self.groups.members(group)
    }

    /// The number of subscriptions, the shared ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of memberships in shared subscriptions.
    pub fn shared_len(&self) -> usize {
        self.shared_len
    }

    /// The number of shared subscriptions that have members.
    pub fn groups_len(&self) -> usize {
        self.groups.len()
    }

    fn subscribe_direct(
        &mut self,
        session: SessionKey,
        filter: &Filter,
        options: SubscriptionOptions,
    ) -> bool {
        let place = self.trie.make(filter.topic_filter());
        let had = self.trie.receivers(place).set(session, options);
        if had != Some(options) {
            self.cache.handle_change(filter);
        }
        had.is_some()
    }

    fn unsubscribe_direct(&mut self, session: SessionKey, filter: &Filter) -> bool {
        let Some(place) = self.trie.find(filter.topic_filter()) else { return false };
        let was_there = self.trie.receivers(place).remove(session);
        if was_there {
            self.trie.prune(place);
            self.cache.handle_change(filter);
        }
        was_there
    }

    /// Matches name groups, not members: only the first member changes any.
    fn subscribe_shared(
        &mut self,
        session: SessionKey,
        filter: &Filter,
        options: SubscriptionOptions,
    ) -> bool {
        let group = match self.groups.key(filter) {
            Some(group) => group,
            None => self.found(filter),
        };
        self.groups.join(group, session, options)
    }

    fn found(&mut self, filter: &Filter) -> GroupKey {
        let group = self.groups.found(filter);
        let place = self.trie.make(filter.topic_filter());
        self.trie.receivers(place).add_group(group);
        self.cache.handle_change(filter);
        group
    }

    fn unsubscribe_shared(&mut self, session: SessionKey, filter: &Filter) -> bool {
        let Some(group) = self.groups.key(filter) else { return false };
        let was_there = self.groups.leave(group, session);
        if !self.groups.contains(group) {
            let place = self.trie.find(filter.topic_filter()).expect("a group has a place");
            self.trie.receivers(place).remove_group(group);
            self.trie.prune(place);
            self.cache.handle_change(filter);
        }
        was_there
    }

    fn find(&self, topic: &str) -> Arc<Matches> {
        let mut hits = SmallVec::<[_; 16]>::new();
        let mut groups = Vec::new();
        self.trie.visit(topic, |receivers| {
            hits.extend(receivers.direct());
            groups.extend(receivers.groups());
        });
        if hits.is_empty() && groups.is_empty() {
            return Arc::clone(&self.nobody);
        }
        Arc::new(Matches::merge(&mut hits, groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::QoS;

    const A: SessionKey = SessionKey(1);
    const B: SessionKey = SessionKey(2);

    #[test]
    fn subscribing_again_replaces_the_options() {
        let mut subscriptions = subscriptions();
        assert!(!subscribe(&mut subscriptions, A, "a/+", QoS::AtMostOnce));
        assert_eq!(qos_of(&mut subscriptions, "a/b"), [(A, QoS::AtMostOnce)]);
        assert!(subscribe(&mut subscriptions, A, "a/+", QoS::AtLeastOnce));

        assert_eq!(qos_of(&mut subscriptions, "a/b"), [(A, QoS::AtLeastOnce)]);
        assert_eq!(subscriptions.len(), 1);
    }

    #[test]
    fn unsubscribing_ends_what_was_there() {
        let mut subscriptions = subscriptions();
        subscribe(&mut subscriptions, A, "a", QoS::AtMostOnce);
        subscribe(&mut subscriptions, B, "a", QoS::AtMostOnce);
        subscriptions.matching("a");

        assert!(subscriptions.unsubscribe(A, &filter("a")));
        assert!(!subscriptions.unsubscribe(A, &filter("a")));
        assert!(!subscriptions.unsubscribe(A, &filter("a/b")));
        assert_eq!(qos_of(&mut subscriptions, "a"), [(B, QoS::AtMostOnce)]);
        assert_eq!(subscriptions.len(), 1);
    }

    #[test]
    fn receivers_are_in_the_order_of_their_keys() {
        let mut subscriptions = subscriptions();
        subscribe(&mut subscriptions, B, "a/b", QoS::AtMostOnce);
        subscribe(&mut subscriptions, A, "#", QoS::AtMostOnce);
        let receivers = qos_of(&mut subscriptions, "a/b");
        assert_eq!(receivers, [(A, QoS::AtMostOnce), (B, QoS::AtMostOnce)]);
    }

    #[test]
    fn a_shared_subscription_is_another_than_the_plain_one() {
        let mut subscriptions = subscriptions();
        subscribe(&mut subscriptions, A, "a", QoS::AtMostOnce);
        assert!(!subscribe(&mut subscriptions, A, "$share/g/a", QoS::AtLeastOnce));
        assert!(!subscribe(&mut subscriptions, A, "$share/h/a", QoS::AtLeastOnce));

        let matches = subscriptions.matching("a");
        assert_eq!(matches.direct.len(), 1);
        assert_eq!(matches.groups.len(), 2);
        assert_eq!((subscriptions.len(), subscriptions.shared_len()), (3, 2));

        assert!(subscriptions.unsubscribe(A, &filter("a")));
        assert_eq!(subscriptions.matching("a").groups.len(), 2);
    }

    #[test]
    fn a_group_goes_with_its_last_member_and_its_key_stays_free() {
        let mut subscriptions = subscriptions();
        subscribe(&mut subscriptions, A, "$share/g/a", QoS::AtMostOnce);
        subscribe(&mut subscriptions, B, "$share/g/a", QoS::AtMostOnce);
        let group = subscriptions.group_of(&filter("$share/g/a")).expect("it has members");
        assert_eq!(subscriptions.matching("a").groups, [group]);

        assert!(subscriptions.unsubscribe(A, &filter("$share/g/a")));
        assert_eq!(
            subscriptions.members(group).map(|(session, _)| session).collect::<Vec<_>>(),
            [B]
        );
        assert!(subscriptions.unsubscribe(B, &filter("$share/g/a")));
        assert!(!subscriptions.group_exists(group));
        assert!(subscriptions.matching("a").is_empty());
        assert_eq!((subscriptions.groups_len(), subscriptions.trie.nodes()), (0, 0));

        subscribe(&mut subscriptions, B, "$share/g/a", QoS::AtMostOnce);
        assert_ne!(subscriptions.group_of(&filter("$share/g/a")), Some(group));
        assert!(!subscriptions.group_exists(group));
    }

    #[test]
    fn leaving_a_group_that_one_is_not_in_changes_nothing() {
        let mut subscriptions = subscriptions();
        subscribe(&mut subscriptions, A, "$share/g/a", QoS::AtMostOnce);
        assert!(!subscriptions.unsubscribe(B, &filter("$share/g/a")));
        assert!(!subscriptions.unsubscribe(B, &filter("$share/h/a")));
        assert_eq!((subscriptions.shared_len(), subscriptions.groups_len()), (1, 1));
    }

    #[test]
    fn without_shared_subscriptions_their_prefix_is_a_topic_like_any_other() {
        let mut subscriptions = subscriptions();
        let plain = Filter::parse("$share/g/a", false).expect("valid filter");
        subscriptions.subscribe(A, &plain, SubscriptionOptions::default());
        assert!(subscriptions.matching("a").is_empty());
        assert_eq!(subscriptions.matching("$share/g/a").direct.len(), 1);
        assert_eq!(subscriptions.shared_len(), 0);
    }

    #[test]
    fn a_new_member_leaves_the_remembered_matches_alone() {
        let mut subscriptions = subscriptions();
        subscribe(&mut subscriptions, A, "$share/g/a", QoS::AtMostOnce);
        let before = subscriptions.matching("a");
        subscribe(&mut subscriptions, B, "$share/g/a", QoS::AtMostOnce);
        assert!(Arc::ptr_eq(&before, &subscriptions.matching("a")));
    }

    fn subscriptions() -> Subscriptions {
        Subscriptions::new(RandomState::with_seeds(1, 2, 3, 4), CACHE_TOPICS_MAX)
    }

    fn subscribe(to: &mut Subscriptions, session: SessionKey, text: &str, qos: QoS) -> bool {
        to.subscribe(session, &filter(text), SubscriptionOptions { qos, ..Default::default() })
    }

    fn filter(text: &str) -> Filter {
        Filter::parse(text, true).expect("valid filter")
    }

    fn qos_of(subscriptions: &mut Subscriptions, topic: &str) -> Vec<(SessionKey, QoS)> {
        let matches = subscriptions.matching(topic);
        matches.direct.iter().map(|to| (to.session, to.options.qos)).collect()
    }
}
