use std::collections::{BTreeSet, HashMap};

use ahash::RandomState;

use super::Pace;
use crate::types::{ClientId, Timestamp};

/// What has been published of late, and by whom: who goes and comes back finds its buckets as it left
/// them. `T` is what the connections of one publisher share.
///
/// Publishers are known by a number made of their names, so a long name takes no memory.
#[derive(Debug)]
pub struct Paces<T> {
    here: HashMap<PaceKey, Here<T>, RandomState>,
    /// Of those without a connection, until their buckets are full.
    away: HashMap<PaceKey, Pace, RandomState>,
    /// All of them: first those whose buckets are full first.
    order: BTreeSet<(Timestamp, PaceKey)>,
}

/// Whose publishing is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Publisher<'a> {
    /// A client. Of another user with the same identifier nothing is known.
    Client(Option<&'a str>, &'a ClientId),
    /// All clients of a user.
    User(&'a str),
}

/// By what [`Paces`] knows a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PaceKey(u64);

#[derive(Debug)]
struct Here<T> {
    connections: u32,
    shared: T,
}

/// Publishers without a connection whose buckets are remembered: of more the one that is closest to a
/// full bucket is forgotten, which gives it one.
pub const AWAY_PUBLISHERS_MAX: usize = 65_536;
/// Publishers looked at whenever one goes away.
const LOOKED_AT: usize = 2;

impl<T: Clone> Paces<T> {
    /// Nobody has published anything. `hasher` is seeded so that nobody chooses names that collide.
    pub fn new(hasher: RandomState) -> Self {
        let (here, away) = (hasher.clone(), hasher);
        Self {
            here: HashMap::with_hasher(here),
            away: HashMap::with_hasher(away),
            order: BTreeSet::new(),
        }
    }

    /// A connection of `publisher` begins; the first one shares what `share` makes of its pace. Each
    /// call is followed by one of [`Self::leave`].
    pub fn enter(
        &mut self,
        publisher: Publisher<'_>,
        share: impl FnOnce(Pace) -> T,
    ) -> (PaceKey, T) {
        let key = PaceKey(self.here.hasher().hash_one(publisher));
        let known = self.away.remove(&key);
        if let Some(pace) = known {
            self.order.remove(&(pace.full_at(), key));
        }
        let here = self
            .here
            .entry(key)
            .or_insert_with(|| Here { connections: 0, shared: share(known.unwrap_or_default()) });
        here.connections += 1;
        (key, here.shared.clone())
    }

    /// A connection is over. What the last one of a publisher leaves behind is what `pace` reads.
    pub fn leave(&mut self, key: PaceKey, pace: impl FnOnce(&T) -> Pace, now: Timestamp) {
        let Some(here) = self.here.get_mut(&key) else { return };
        here.connections -= 1;
        if here.connections > 0 {
            return;
        }
        let pace = pace(&here.shared);
        self.here.remove(&key);
        if pace.full_at() > now {
            self.away.insert(key, pace);
            self.order.insert((pace.full_at(), key));
        }
        for _ in 0..LOOKED_AT {
            self.forget_fullest(now);
        }
    }

    /// How many publishers are known, connected or not.
    pub fn len(&self) -> usize {
        self.here.len() + self.away.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the publisher that is away and has the fullest bucket, if that is full or there are too
    /// many.
    fn forget_fullest(&mut self, now: Timestamp) {
        let Some(&(full_at, key)) = self.order.first() else { return };
        if full_at <= now || self.away.len() > AWAY_PUBLISHERS_MAX {
            self.order.pop_first();
            self.away.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::guard::{PaceLimits, Rate};

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    type Shared = Rc<Cell<Pace>>;

    #[test]
    fn who_comes_back_owes_what_it_owed() {
        let (mut paces, ann) = (paces(), ClientId::new("ann"));
        let client = Publisher::Client(None, &ann);
        pass(&mut paces, client, 3, NOW);

        let (_, back) = enter(&mut paces, client);

        assert_eq!(back.get().owes_until(&limits(), NOW), Some(NOW.plus_secs(1)));
        assert_eq!(paces.len(), 1);
    }

    #[test]
    fn the_connections_of_a_publisher_share_one_bucket_until_the_last_is_over() {
        let (mut paces, ann) = (paces(), ClientId::new("ann"));
        let client = Publisher::Client(None, &ann);
        let (key, old) = enter(&mut paces, client);
        let (_, new) = enter(&mut paces, client);
        spend(&old, 2, NOW);

        paces.leave(key, |shared| shared.get(), NOW);
        spend(&new, 1, NOW);
        paces.leave(key, |shared| shared.get(), NOW);

        let (_, back) = enter(&mut paces, client);
        assert_eq!(back.get().owes_until(&limits(), NOW), Some(NOW.plus_secs(1)));
    }

    #[test]
    fn nobody_owes_what_another_one_spent() {
        let (mut paces, ann, bob) = (paces(), ClientId::new("ann"), ClientId::new("bob"));
        pass(&mut paces, Publisher::Client(Some("ann"), &ann), 3, NOW);

        for other in [
            Publisher::Client(Some("ann"), &bob),
            Publisher::Client(Some("eve"), &ann),
            Publisher::Client(None, &ann),
            Publisher::User("ann"),
        ] {
            let (_, shared) = enter(&mut paces, other);
            assert_eq!(shared.get(), Pace::default(), "{other:?}");
        }
    }

    #[test]
    fn a_publisher_is_forgotten_when_its_bucket_is_full_again() {
        let mut paces = paces();
        (0..10).for_each(|number| pass_number(&mut paces, number, 1, NOW));
        assert_eq!(paces.len(), 10);

        (10..20).for_each(|number| pass_number(&mut paces, number, 1, NOW.plus_secs(1)));
        assert_eq!(paces.len(), 10, "the first ten are gone");

        pass(&mut paces, Publisher::User("idle"), 0, NOW);
        assert_eq!(paces.len(), 10, "of who did nothing there is nothing to know");
    }

    #[test]
    fn so_many_buckets_are_remembered_and_of_one_more_the_fullest_is_not() {
        let mut paces = paces();
        pass_number(&mut paces, 0, 1, NOW);
        (1..AWAY_PUBLISHERS_MAX).for_each(|number| pass_number(&mut paces, number, 3, NOW));
        assert_eq!(paces.len(), AWAY_PUBLISHERS_MAX);
        assert!(!is_full(&mut paces, 0), "at the limit");

        pass_number(&mut paces, AWAY_PUBLISHERS_MAX, 3, NOW);

        assert_eq!(paces.len(), AWAY_PUBLISHERS_MAX);
        assert!(is_full(&mut paces, 0), "it was the fullest");
        assert!(!is_full(&mut paces, 1));
    }

    /// Whether this publisher would find a full bucket; it goes again.
    fn is_full(paces: &mut Paces<Shared>, number: usize) -> bool {
        let id = ClientId::new(&number.to_string());
        let (key, shared) = enter(paces, Publisher::Client(None, &id));
        paces.leave(key, |shared| shared.get(), NOW);
        shared.get() == Pace::default()
    }

    fn pass_number(paces: &mut Paces<Shared>, number: usize, messages: u64, now: Timestamp) {
        let id = ClientId::new(&number.to_string());
        pass(paces, Publisher::Client(None, &id), messages, now);
    }

    /// `publisher` comes, publishes so many messages and goes.
    fn pass(paces: &mut Paces<Shared>, publisher: Publisher<'_>, messages: u64, now: Timestamp) {
        let (key, shared) = enter(paces, publisher);
        spend(&shared, messages, now);
        paces.leave(key, |shared| shared.get(), now);
    }

    fn enter(paces: &mut Paces<Shared>, publisher: Publisher<'_>) -> (PaceKey, Shared) {
        paces.enter(publisher, |pace| Rc::new(Cell::new(pace)))
    }

    fn spend(shared: &Shared, messages: u64, now: Timestamp) {
        let mut pace = shared.get();
        pace.spend(&limits(), messages, 0, now);
        shared.set(pace);
    }

    fn paces() -> Paces<Shared> {
        Paces::new(RandomState::with_seeds(1, 2, 3, 4))
    }

    /// One message in a second, and two at once.
    fn limits() -> PaceLimits {
        PaceLimits { messages: Some(Rate::new(1, Duration::from_secs(1), 2)), bytes: None }
    }
}
