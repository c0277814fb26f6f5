use std::collections::{BTreeMap, HashMap};

use super::RandomState;
use crate::types::{Filter, GroupKey, SessionKey, SubscriptionOptions};

/// How a shared subscription picks the member that gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShareStrategy {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The same as last time, as long as it is online.
    Sticky,
    /// The one with the fewest messages waiting; of several such, one after the other.
    LeastBacklog,
}

/// Whether a member can take a message. Members online are preferred, whatever their backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// Connected, with so many messages waiting.
    Online {
        /// In messages.
        backlog: usize,
    },
    /// Not connected, with so many messages waiting for its return.
    Offline {
        /// In messages.
        backlog: usize,
    },
    /// It must not get the message.
    Unavailable,
}

/// All shared subscriptions.
pub(super) struct Groups {
    by_filter: HashMap<Filter, GroupKey, RandomState>,
    groups: HashMap<GroupKey, Group, RandomState>,
    last_key: GroupKey,
}

/// One shared subscription: at least one member.
struct Group {
    filter: Filter,
    /// In the order of subscribing: by seat.
    members: BTreeMap<Seat, Member>,
    seats: BTreeMap<SessionKey, Seat>,
    /// The newest that was given out.
    last_seat: Seat,
    /// Who got the last message; it need not be a member any more.
    chosen: Seat,
}

/// A member's place in the turn; not reused, and never 0.
type Seat = u64;

struct Member {
    session: SessionKey,
    options: SubscriptionOptions,
}

impl Groups {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            by_filter: HashMap::with_hasher(hasher.clone()),
            groups: HashMap::with_hasher(hasher),
            last_key: GroupKey(u32::MAX),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn key(&self, filter: &Filter) -> Option<GroupKey> {
        self.by_filter.get(filter).copied()
    }

    pub(super) fn contains(&self, key: GroupKey) -> bool {
        self.groups.contains_key(&key)
    }

    /// A new group without members: [`Self::join`] it at once.
    pub(super) fn found(&mut self, filter: &Filter) -> GroupKey {
        let key = self.free_key();
        self.last_key = key;
        self.by_filter.insert(filter.clone(), key);
        self.groups.insert(key, Group::new(filter.clone()));
        key
    }

    /// Whether `session` was a member before.
    pub(super) fn join(
        &mut self,
        key: GroupKey,
        session: SessionKey,
        options: SubscriptionOptions,
    ) -> bool {
        self.groups.get_mut(&key).expect("the group was founded").join(session, options)
    }

    /// Whether `session` was a member. Without members the group is gone.
    pub(super) fn leave(&mut self, key: GroupKey, session: SessionKey) -> bool {
        let Some(group) = self.groups.get_mut(&key) else { return false };
        let was_member = group.leave(session);
        if group.members.is_empty() {
            self.by_filter.remove(&group.filter);
            self.groups.remove(&key);
        }
        was_member
    }

    pub(super) fn choose(
        &mut self,
        key: GroupKey,
        strategy: ShareStrategy,
        state: &mut dyn FnMut(SessionKey) -> MemberState,
    ) -> Option<(SessionKey, SubscriptionOptions)> {
        self.groups.get_mut(&key)?.choose(strategy, state)
    }

    pub(super) fn members(
        &self,
        key: GroupKey,
    ) -> impl Iterator<Item = (SessionKey, SubscriptionOptions)> + '_ {
        let members = self.groups.get(&key).into_iter().flat_map(|group| group.members.values());
        members.map(|member| (member.session, member.options))
    }

    /// Comes back to a key only after all the others: what still remembers the key of a group that
    /// is gone does not find another under it.
    fn free_key(&self) -> GroupKey {
        let mut key = self.last_key;
        loop {
            key = GroupKey(key.0.wrapping_add(1));
            if !self.contains(key) {
                return key;
            }
        }
    }
}

impl Group {
    fn new(filter: Filter) -> Self {
        Self { filter, members: BTreeMap::new(), seats: BTreeMap::new(), last_seat: 0, chosen: 0 }
    }

    /// A member that subscribes again keeps its seat.
    fn join(&mut self, session: SessionKey, options: SubscriptionOptions) -> bool {
        let had = self.seats.get(&session).copied();
        let seat = had.unwrap_or(self.last_seat + 1);
        self.last_seat = self.last_seat.max(seat);
        self.seats.insert(session, seat);
        self.members.insert(seat, Member { session, options });
        had.is_some()
    }

    fn leave(&mut self, session: SessionKey) -> bool {
        let Some(seat) = self.seats.remove(&session) else { return false };
        self.members.remove(&seat);
        true
    }

    fn choose(
        &mut self,
        strategy: ShareStrategy,
        state: &mut dyn FnMut(SessionKey) -> MemberState,
    ) -> Option<(SessionKey, SubscriptionOptions)> {
        let seat = match strategy {
            ShareStrategy::RoundRobin => first(self.turn(self.chosen + 1), state),
            ShareStrategy::Sticky => first(self.turn(self.chosen), state),
            ShareStrategy::LeastBacklog => least(self.turn(self.chosen + 1), state),
        }?;
        self.chosen = seat;
        self.members.get(&seat).map(|member| (member.session, member.options))
    }

    /// Everybody once, starting with the first at or after `start`.
    fn turn(&self, start: Seat) -> impl Iterator<Item = (Seat, SessionKey)> + '_ {
        let turn = self.members.range(start..).chain(self.members.range(..start));
        turn.map(|(seat, member)| (*seat, member.session))
    }
}

/// The first online, or else the first offline.
fn first(
    turn: impl Iterator<Item = (Seat, SessionKey)>,
    state: &mut dyn FnMut(SessionKey) -> MemberState,
) -> Option<Seat> {
    let mut offline = None;
    for (seat, session) in turn {
        match state(session) {
            MemberState::Online { .. } => return Some(seat),
            MemberState::Offline { .. } => offline = offline.or(Some(seat)),
            MemberState::Unavailable => {}
        }
    }
    offline
}

/// The least backlog online, or else offline; of several such, the first.
fn least(
    turn: impl Iterator<Item = (Seat, SessionKey)>,
    state: &mut dyn FnMut(SessionKey) -> MemberState,
) -> Option<Seat> {
    let ranked = turn.filter_map(|(seat, session)| match state(session) {
        MemberState::Online { backlog } => Some((false, backlog, seat)),
        MemberState::Offline { backlog } => Some((true, backlog, seat)),
        MemberState::Unavailable => None,
    });
    let best = ranked.min_by_key(|(offline, backlog, _)| (*offline, *backlog))?;
    Some(best.2)
}

#[cfg(test)]
mod tests {
    use super::MemberState::{Offline, Online, Unavailable};
    use super::*;

    const A: SessionKey = SessionKey(30);
    const B: SessionKey = SessionKey(20);
    const C: SessionKey = SessionKey(10);

    #[test]
    fn round_robin_goes_by_the_order_of_subscribing() {
        let mut group = group();
        let chosen = [(); 5].map(|()| round_robin(&mut group, |_| Online { backlog: 0 }));
        assert_eq!(chosen, [A, B, C, A, B].map(Some));
    }

    #[test]
    fn a_member_that_leaves_costs_nobody_a_turn() {
        let mut group = group();
        round_robin(&mut group, |_| Online { backlog: 0 });
        round_robin(&mut group, |_| Online { backlog: 0 });
        group.leave(A);
        assert_eq!(round_robin(&mut group, |_| Online { backlog: 0 }), Some(C));
        assert_eq!(round_robin(&mut group, |_| Online { backlog: 0 }), Some(B));
    }

    #[test]
    fn the_member_that_was_just_chosen_may_leave() {
        let mut group = group();
        round_robin(&mut group, |_| Online { backlog: 0 });
        group.leave(A);
        assert_eq!(round_robin(&mut group, |_| Online { backlog: 0 }), Some(B));
    }

    #[test]
    fn subscribing_again_changes_the_options_and_keeps_the_turn() {
        let mut group = group();
        round_robin(&mut group, |_| Online { backlog: 0 });
        let kept = SubscriptionOptions { retain_as_published: true, ..Default::default() };
        assert!(group.join(A, kept));
        assert_eq!(round_robin(&mut group, |_| Online { backlog: 0 }), Some(B));
        round_robin(&mut group, |_| Online { backlog: 0 });
        let chosen = group.choose(ShareStrategy::RoundRobin, &mut |_| Online { backlog: 0 });
        assert_eq!(chosen, Some((A, kept)));
    }

    #[test]
    fn members_offline_get_messages_only_while_nobody_is_online() {
        let mut group = group();
        let only_b =
            |session| if session == B { Online { backlog: 9 } } else { Offline { backlog: 0 } };
        assert_eq!(round_robin(&mut group, only_b), Some(B));
        assert_eq!(round_robin(&mut group, only_b), Some(B));
        let nobody = |session| if session == C { Unavailable } else { Offline { backlog: 0 } };
        assert_eq!(round_robin(&mut group, nobody), Some(A));
        assert_eq!(round_robin(&mut group, nobody), Some(B));
        assert_eq!(round_robin(&mut group, |_| Unavailable), None);
    }

    #[test]
    fn sticky_keeps_its_member_until_it_is_offline() {
        let mut group = group();
        let sticky = |group: &mut Group, online: &[SessionKey]| {
            let mut state = |session| match online.contains(&session) {
                true => Online { backlog: 0 },
                false => Offline { backlog: 0 },
            };
            group.choose(ShareStrategy::Sticky, &mut state).map(|(session, _)| session)
        };
        assert_eq!(sticky(&mut group, &[A, B, C]), Some(A));
        assert_eq!(sticky(&mut group, &[A, B, C]), Some(A));
        assert_eq!(sticky(&mut group, &[B, C]), Some(B));
        assert_eq!(sticky(&mut group, &[A, B, C]), Some(B));
        assert_eq!(sticky(&mut group, &[]), Some(B));
        group.leave(B);
        assert_eq!(sticky(&mut group, &[A, C]), Some(C));
    }

    #[test]
    fn least_backlog_takes_equals_in_turn() {
        let mut group = group();
        let mut least = |state: fn(SessionKey) -> MemberState| {
            let mut state = state;
            group.choose(ShareStrategy::LeastBacklog, &mut state).map(|(session, _)| session)
        };
        assert_eq!(least(|_| Online { backlog: 4 }), Some(A));
        assert_eq!(least(|_| Online { backlog: 4 }), Some(B));
        assert_eq!(least(|s| Online { backlog: s.0 as usize }), Some(C));
        assert_eq!(
            least(|s| if s == C { Offline { backlog: 0 } } else { Online { backlog: 5 } }),
            Some(A)
        );
        assert_eq!(
            least(|s| if s == A { Unavailable } else { Offline { backlog: s.0 as usize } }),
            Some(C)
        );
    }

    #[test]
    fn keys_start_again_at_the_end_and_pass_over_those_in_use() {
        let mut groups = Groups::new(RandomState::with_seeds(1, 2, 3, 4));
        let first = groups.found(&filter("$share/g/a"));
        assert_eq!(first, GroupKey(0));
        groups.last_key = GroupKey(u32::MAX - 1);
        assert_eq!(groups.found(&filter("$share/g/b")), GroupKey(u32::MAX));
        assert_eq!(groups.found(&filter("$share/g/c")), GroupKey(1));
    }

    fn group() -> Group {
        let mut group = Group::new(filter("$share/g/t"));
        for session in [A, B, C] {
            assert!(!group.join(session, SubscriptionOptions::default()));
        }
        group
    }

    fn round_robin(group: &mut Group, state: fn(SessionKey) -> MemberState) -> Option<SessionKey> {
        let mut state = state;
        group.choose(ShareStrategy::RoundRobin, &mut state).map(|(session, _)| session)
    }

    fn filter(text: &str) -> Filter {
        Filter::parse(text, true).expect("valid filter")
    }
}
