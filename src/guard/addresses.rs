use std::collections::{HashMap, VecDeque};

use ahash::RandomState;

use super::{AddressGroup, Bucket, Rate, Refusal};
use crate::types::Timestamp;

/// What one address may have. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddressLimits {
    /// Connections at one time.
    pub connections_max: Option<u32>,
    /// Those of them whose CONNECT has not been accepted yet.
    pub unauthenticated_max: Option<u32>,
    /// New connections.
    pub rate: Option<Rate>,
}

/// What each address has. An address that has nothing, and whose bucket is full, takes no memory.
#[derive(Debug)]
pub struct Addresses {
    limits: AddressLimits,
    places: HashMap<AddressGroup, Place, RandomState>,
    /// Those without a connection that are known for their buckets alone, by the time since when.
    idle: VecDeque<AddressGroup>,
}

#[derive(Debug, Default)]
struct Place {
    /// Counted only where that is limited.
    connections: u32,
    unauthenticated: u32,
    bucket: Bucket,
    /// Stands in the list of those that are idle.
    is_listed: bool,
}

/// Addresses without a connection whose buckets are remembered: of more the oldest is forgotten, which
/// gives that address a full bucket.
pub const IDLE_ADDRESSES_MAX: usize = 65_536;
/// Idle addresses looked at whenever one is added.
const LOOKED_AT: usize = 2;

impl AddressLimits {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Addresses {
    /// None has anything yet. `hasher` is seeded so that nobody chooses addresses that collide.
    pub fn new(limits: AddressLimits, hasher: RandomState) -> Self {
        Self { limits, places: HashMap::with_hasher(hasher), idle: VecDeque::new() }
    }

    /// A connection from `group` asks to come in.
    ///
    /// # Errors
    ///
    /// The limit that is reached. Nothing has changed then, but for what the rate counts.
    pub fn admit(&mut self, group: AddressGroup, now: Timestamp) -> Result<(), Refusal> {
        let Some(place) = self.places.get_mut(&group) else {
            return self.admit_first(group, now);
        };
        place.check(&self.limits, now)?;
        place.enter(&self.limits);
        Ok(())
    }

    /// A connection of `group` was accepted. Whether it is still counted, so that [`Self::leave`] has
    /// to be told of it.
    pub fn handle_authenticated(&mut self, group: AddressGroup, now: Timestamp) -> bool {
        if let Some(place) = self.places.get_mut(&group) {
            place.unauthenticated = place.unauthenticated.saturating_sub(1);
        }
        let counted = self.limits.connections_max.is_some();
        if !counted {
            self.rest(group, now);
        }
        counted
    }

    /// A connection of `group` is over.
    pub fn leave(&mut self, group: AddressGroup, authenticated: bool, now: Timestamp) {
        if let Some(place) = self.places.get_mut(&group) {
            place.connections = place.connections.saturating_sub(1);
            place.unauthenticated = place.unauthenticated.saturating_sub(u32::from(!authenticated));
        }
        self.rest(group, now);
    }

    /// How many addresses are known.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn admit_first(&mut self, group: AddressGroup, now: Timestamp) -> Result<(), Refusal> {
        let mut place = Place::default();
        place.check(&self.limits, now)?;
        place.enter(&self.limits);
        self.places.insert(group, place);
        Ok(())
    }

    /// Forgets the address if it has nothing and owes nothing.
    fn rest(&mut self, group: AddressGroup, now: Timestamp) {
        let Some(place) = self.places.get_mut(&group) else { return };
        if !place.is_idle() || place.is_listed {
            return;
        }
        if place.bucket.is_full(now) {
            self.places.remove(&group);
        } else {
            place.is_listed = true;
            self.idle.push_back(group);
        }
        for _ in 0..LOOKED_AT {
            self.forget_oldest(now);
        }
    }

    /// Forgets the address that has been idle for longest, if its bucket is full or there are too many.
    fn forget_oldest(&mut self, now: Timestamp) {
        let Some(group) = self.idle.front() else { return };
        let place = self.places.get_mut(group).expect("listed addresses are known");
        if place.is_idle() {
            if !place.bucket.is_full(now) && self.idle.len() <= IDLE_ADDRESSES_MAX {
                return;
            }
            self.places.remove(group);
        } else {
            place.is_listed = false;
        }
        self.idle.pop_front();
    }
}

impl Place {
    fn check(&mut self, limits: &AddressLimits, now: Timestamp) -> Result<(), Refusal> {
        if limits.connections_max.is_some_and(|max| self.connections >= max) {
            return Err(Refusal::AddressConnections);
        }
        if limits.unauthenticated_max.is_some_and(|max| self.unauthenticated >= max) {
            return Err(Refusal::AddressUnauthenticated);
        }
        match limits.rate.is_none_or(|rate| self.bucket.take(&rate, now)) {
            true => Ok(()),
            false => Err(Refusal::AddressRate),
        }
    }

    fn enter(&mut self, limits: &AddressLimits) {
        self.connections += u32::from(limits.connections_max.is_some());
        self.unauthenticated += 1;
    }

    fn is_idle(&self) -> bool {
        self.connections == 0 && self.unauthenticated == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn an_address_has_its_connections_and_not_one_more() {
        let mut addresses = limited(AddressLimits { connections_max: Some(2), ..none() });
        let (one, other) = (group(1), group(2));
        assert_eq!(addresses.admit(one, NOW), Ok(()));
        assert_eq!(addresses.admit(one, NOW), Ok(()));

        assert_eq!(addresses.admit(one, NOW), Err(Refusal::AddressConnections));
        assert_eq!(addresses.admit(other, NOW), Ok(()), "nobody pays for another's");

        assert!(addresses.handle_authenticated(one, NOW), "it counts for as long as it is there");
        assert_eq!(addresses.admit(one, NOW), Err(Refusal::AddressConnections));
        addresses.leave(one, true, NOW);
        assert_eq!(addresses.admit(one, NOW), Ok(()));
    }

    #[test]
    fn those_that_have_not_introduced_themselves_are_counted_apart() {
        let mut addresses = limited(AddressLimits { unauthenticated_max: Some(2), ..none() });
        let one = group(1);
        assert_eq!([addresses.admit(one, NOW), addresses.admit(one, NOW)], [Ok(()), Ok(())]);
        assert_eq!(addresses.admit(one, NOW), Err(Refusal::AddressUnauthenticated));

        assert!(!addresses.handle_authenticated(one, NOW), "from here on nobody counts it");
        assert_eq!(addresses.admit(one, NOW), Ok(()));
        addresses.leave(one, false, NOW);
        assert_eq!(addresses.admit(one, NOW), Ok(()));
        addresses.leave(one, false, NOW);
        addresses.leave(one, false, NOW);

        assert!(addresses.is_empty(), "who has nothing takes no memory");
    }

    #[test]
    fn an_address_connects_at_its_rate_and_no_faster() {
        let rate = Rate::new(1, Duration::from_secs(1), 2);
        let mut addresses = limited(AddressLimits { rate: Some(rate), ..none() });
        let one = group(1);
        for _ in 0..2 {
            assert_eq!(addresses.admit(one, NOW), Ok(()));
            addresses.leave(one, false, NOW);
        }

        assert_eq!(addresses.admit(one, NOW), Err(Refusal::AddressRate));
        assert_eq!(addresses.admit(group(2), NOW), Ok(()));
        assert_eq!(addresses.admit(one, NOW.plus_secs(1)), Ok(()));
    }

    #[test]
    fn an_address_is_forgotten_when_its_bucket_is_full_again() {
        let rate = Rate::new(1, Duration::from_secs(1), 1);
        let mut addresses = limited(AddressLimits { rate: Some(rate), ..none() });
        for number in 0..10 {
            addresses.admit(group(number), NOW).expect("the first of its address");
            addresses.leave(group(number), false, NOW);
        }
        assert_eq!(addresses.len(), 10);

        for number in 10..20 {
            addresses.admit(group(number), NOW.plus_secs(1)).expect("the first of its address");
            addresses.leave(group(number), false, NOW.plus_secs(1));
        }

        assert_eq!(addresses.len(), 10, "the first ten are gone");
    }

    #[test]
    fn so_many_buckets_are_remembered_and_of_one_more_the_oldest_is_not() {
        let rate = Rate::new(1, Duration::from_secs(3_600), 1);
        let mut addresses = limited(AddressLimits { rate: Some(rate), ..none() });
        let mut pass = |number| {
            let admitted = addresses.admit(group(number), NOW);
            addresses.leave(group(number), false, NOW);
            (admitted, addresses.len())
        };
        for number in 0..IDLE_ADDRESSES_MAX as u32 {
            assert_eq!(pass(number).0, Ok(()));
        }
        assert_eq!(pass(0), (Err(Refusal::AddressRate), IDLE_ADDRESSES_MAX));

        assert_eq!(pass(IDLE_ADDRESSES_MAX as u32), (Ok(()), IDLE_ADDRESSES_MAX));

        assert_eq!(pass(0).0, Ok(()), "it was the oldest");
        assert_eq!(pass(2).0, Err(Refusal::AddressRate));
    }

    fn limited(limits: AddressLimits) -> Addresses {
        Addresses::new(limits, RandomState::with_seeds(1, 2, 3, 4))
    }

    fn none() -> AddressLimits {
        AddressLimits::default()
    }

    fn group(number: u32) -> AddressGroup {
        AddressGroup::V4(number.into())
    }
}
