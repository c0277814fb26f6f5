use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::RandomState;
use super::matches::Matches;
use crate::types::Filter;

/// A longer topic is not kept.
const TOPIC_BYTES_MAX: usize = 256;
/// What all entries may hold together.
const BYTES_MAX: usize = 32 << 20;
/// Larger matches are not kept: beside that many deliveries, finding them again costs little.
const MATCHES_BYTES_MAX: usize = 1 << 20;
/// What an entry takes besides its topic and matches: two pointers to the topic, its place in the
/// map, the reference counts.
const ENTRY_BYTES: usize = 128;
/// How many entries that were used an insertion passes over, in search of one that was not.
const SECOND_CHANCES: usize = 8;
/// How many changes are remembered.
const CHANGES_MAX: usize = 1024;
/// How many changes are worth checking to save the search for one receiver.
const CHECKS_MIN: usize = 16;

/// Who gets the messages of the topics published to lately.
///
/// A change of the subscriptions to one filter leaves the entries of all other topics valid: each
/// is checked, when it is next used, against the filters that have changed since.
pub(super) struct Cache {
    topics_max: usize,
    entries: HashMap<Arc<str>, Entry, RandomState>,
    /// The topics of all entries; the next to go in front.
    order: VecDeque<Arc<str>>,
    /// What all entries hold, at most [`BYTES_MAX`].
    bytes: usize,
    changes: Changes,
    last: Last,
}

/// What was found last: a burst is mostly about one topic.
#[derive(Default)]
struct Last {
    topic: String,
    matches: Option<Arc<Matches>>,
    /// How many changes had happened then.
    checked: u64,
}

struct Entry {
    /// `None` where they have become too large to keep.
    matches: Option<Arc<Matches>>,
    bytes: usize,
    /// How many changes had happened when it was last known to be right.
    checked: u64,
    used: bool,
}

/// The filters whose subscriptions changed last.
#[derive(Default)]
struct Changes {
    count: u64,
    recent: VecDeque<Filter>,
}

impl Cache {
    /// A cache of at most `topics_max` topics; 0 keeps none.
    pub(super) fn new(hasher: RandomState, topics_max: usize) -> Self {
        Self {
            topics_max,
            entries: HashMap::with_hasher(hasher),
            order: VecDeque::new(),
            bytes: 0,
            changes: Changes::default(),
            last: Last::default(),
        }
    }

    /// Who gets the messages of `topic`, if that was asked last.
    pub(super) fn find_again(&self, topic: &[u8]) -> Option<Arc<Matches>> {
        let Last { topic: last, matches, checked } = &self.last;
        let holds = *checked == self.changes.count && last.as_bytes() == topic;
        matches.as_ref().filter(|_| holds).cloned()
    }

    /// Who gets the messages of `topic`, if that is known.
    pub(super) fn find(&mut self, topic: &str) -> Option<Arc<Matches>> {
        let found = self.look_up(topic)?;
        self.last.topic.clear();
        self.last.topic.push_str(topic);
        self.last.checked = self.changes.count;
        self.last.matches = Some(Arc::clone(&found));
        Some(found)
    }

    fn look_up(&mut self, topic: &str) -> Option<Arc<Matches>> {
        let entry = self.entries.get_mut(topic)?;
        let matches = entry.matches.as_ref()?;
        let checks_max = CHECKS_MIN + matches.direct.len();
        if !self.changes.spare(topic, entry.checked, checks_max) {
            return None;
        }
        entry.checked = self.changes.count;
        entry.used = true;
        Some(Arc::clone(matches))
    }

    /// Keeps what was found now, if it is worth it.
    pub(super) fn insert(&mut self, topic: &str, matches: &Arc<Matches>) {
        if self.topics_max == 0 || topic.len() > TOPIC_BYTES_MAX {
            return;
        }
        self.last.matches = None;
        let entry = Entry::new(topic, matches, self.changes.count);
        self.bytes += entry.bytes;
        match self.entries.get_mut(topic) {
            Some(had) => self.bytes -= std::mem::replace(had, entry).bytes,
            None => self.add(topic.into(), entry),
        }
        while self.entries.len() > self.topics_max || self.bytes > BYTES_MAX {
            self.evict();
        }
    }

    /// Subscriptions to `filter` have changed.
    pub(super) fn handle_change(&mut self, filter: &Filter) {
        self.changes.record(filter);
    }

    fn add(&mut self, topic: Arc<str>, entry: Entry) {
        self.order.push_back(Arc::clone(&topic));
        self.entries.insert(topic, entry);
    }

    fn evict(&mut self) {
        for _ in 0..SECOND_CHANCES {
            let next = self.order.front().expect("there is an entry too many");
            let entry = self.entries.get_mut(next).expect("every topic in order has an entry");
            if !std::mem::take(&mut entry.used) {
                break;
            }
            self.order.rotate_left(1);
        }
        let topic = self.order.pop_front().expect("there is an entry too many");
        let entry = self.entries.remove(&topic).expect("every topic in order has an entry");
        self.bytes -= entry.bytes;
    }
}

impl Entry {
    fn new(topic: &str, matches: &Arc<Matches>, checked: u64) -> Self {
        let matches_bytes = matches.bytes();
        let fits = matches_bytes <= MATCHES_BYTES_MAX;
        Self {
            matches: fits.then(|| Arc::clone(matches)),
            bytes: ENTRY_BYTES + topic.len() + if fits { matches_bytes } else { 0 },
            checked,
            used: false,
        }
    }
}

impl Changes {
    fn record(&mut self, filter: &Filter) {
        if self.recent.len() == CHANGES_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(filter.clone());
        self.count += 1;
    }

    /// Whether no change after the first `checked` ones was about `topic`. It is "no" without a
    /// look where that would take more than `checks_max` comparisons, or is not known any more.
    fn spare(&self, topic: &str, checked: u64, checks_max: usize) -> bool {
        let since = self.count - checked;
        let affordable = self.recent.len().min(checks_max);
        if since > affordable as u64 {
            return false;
        }
        let newest_first = self.recent.iter().rev();
        newest_first.take(since as usize).all(|filter| !filter.matches(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriptions::matches::{Delivered, Match, Own};
    use crate::types::SessionKey;

    #[test]
    fn a_change_stales_the_topics_that_its_filter_matches_and_no_other() {
        let mut cache = filled(10, &["a/b", "a/c"]);
        cache.handle_change(&filter("a/+/#"));
        assert!(cache.find("a/b").is_none());

        let mut cache = filled(10, &["a/b", "a/c"]);
        cache.handle_change(&filter("$share/g/a/b"));
        assert!(cache.find("a/b").is_none());
        assert!(cache.find("a/c").is_some());
    }

    #[test]
    fn as_many_changes_are_checked_as_are_worth_it() {
        let mut cache = filled(10, &[]);
        cache.insert("a", &receivers(0));
        change(&mut cache, CHECKS_MIN);
        assert!(cache.find("a").is_some());
        change(&mut cache, CHECKS_MIN + 1);
        assert!(cache.find("a").is_none());
    }

    #[test]
    fn more_receivers_make_more_checks_worth_it() {
        let mut cache = filled(10, &[]);
        cache.insert("a", &receivers(100));
        change(&mut cache, CHECKS_MIN + 100);
        assert!(cache.find("a").is_some());
        change(&mut cache, CHECKS_MIN + 101);
        assert!(cache.find("a").is_none());
    }

    #[test]
    fn what_is_older_than_the_remembered_changes_is_stale() {
        let mut cache = filled(10, &[]);
        cache.insert("a", &receivers(2 * CHANGES_MAX));
        change(&mut cache, CHANGES_MAX);
        assert!(cache.find("a").is_some());
        change(&mut cache, CHANGES_MAX + 1);
        assert!(cache.find("a").is_none());
        assert_eq!(cache.changes.recent.len(), CHANGES_MAX);
    }

    #[test]
    fn the_topic_not_used_goes_first() {
        let mut cache = filled(2, &["a", "b"]);
        cache.find("a");
        cache.insert("c", &receivers(1));

        assert!(cache.find("a").is_some());
        assert!(cache.find("b").is_none());
        assert!(cache.find("c").is_some());
    }

    #[test]
    fn one_goes_even_if_all_were_used() {
        let topics: Vec<_> = (0..100).map(|n| n.to_string()).collect();
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        let mut cache = filled(100, &topics);
        for topic in &topics {
            cache.find(topic);
        }
        cache.insert("new", &receivers(1));
        assert_eq!(cache.entries.len(), 100);
        assert_eq!(cache.order.len(), 100);
    }

    #[test]
    fn long_topics_are_not_kept() {
        let longest = "t".repeat(TOPIC_BYTES_MAX);
        let too_long = "t".repeat(TOPIC_BYTES_MAX + 1);
        let mut cache = filled(10, &[&longest, &too_long]);
        assert!(cache.find(&longest).is_some());
        assert!(cache.find(&too_long).is_none());
    }

    #[test]
    fn matches_that_have_grown_too_large_are_let_go() {
        let largest = (MATCHES_BYTES_MAX - size_of::<Matches>()) / size_of::<Match>();
        let mut cache = filled(10, &[]);
        cache.insert("a", &receivers(largest));
        assert!(cache.find("a").is_some());
        cache.insert("a", &receivers(largest + 1));
        assert!(cache.find("a").is_none());
        assert_eq!(cache.bytes, ENTRY_BYTES + 1);
    }

    #[test]
    fn all_entries_together_stay_within_their_bytes() {
        let large = receivers(MATCHES_BYTES_MAX / size_of::<Match>() - 1);
        let fitting = BYTES_MAX / (ENTRY_BYTES + 3 + large.bytes());
        let mut cache = filled(1000, &[]);
        for n in 0..fitting {
            cache.insert(&format!("{n:03}"), &large);
        }
        assert_eq!(cache.entries.len(), fitting);

        cache.insert("new", &large);
        assert_eq!(cache.entries.len(), fitting);
        assert!(cache.find("000").is_none());
        assert!(cache.bytes <= BYTES_MAX);
    }

    #[test]
    fn a_cache_of_no_topics_keeps_none() {
        assert!(filled(0, &["a"]).find("a").is_none());
    }

    fn filled(topics_max: usize, topics: &[&str]) -> Cache {
        let mut cache = Cache::new(RandomState::with_seeds(1, 2, 3, 4), topics_max);
        for topic in topics {
            cache.insert(topic, &receivers(1));
        }
        cache
    }

    fn change(cache: &mut Cache, times: usize) {
        for _ in 0..times {
            cache.handle_change(&filter("other"));
        }
    }

    fn filter(text: &str) -> Filter {
        Filter::parse(text, true).expect("valid filter")
    }

    fn receivers(count: usize) -> Arc<Matches> {
        let session = |n| Match {
            session: SessionKey(n as u32),
            options: Delivered::default(),
            own: Own::Same,
        };
        Arc::new(Matches { direct: (0..count).map(session).collect(), groups: Vec::new() })
    }
}
