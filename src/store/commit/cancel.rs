use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ahash::RandomState;

use crate::journal::{Change, SessionNumber};
use crate::types::{Filter, InboundId, Message};

/// The same effect in fewer changes: what is made and undone in one list, or set and set again,
/// never reaches the disk.
///
/// The order of what is left is the order it had.
pub fn cancel(changes: impl IntoIterator<Item = Change>, before: Before) -> Vec<Change> {
    let changes = changes.into_iter();
    let mut list = List::for_about(changes.size_hint().0, before);
    changes.for_each(|change| list.handle(change));
    list.into_changes().collect()
}

/// Takes one change after the other, for those who cannot do all at once.
pub struct List {
    slots: Vec<Slot>,
    facts: HashMap<Fact, Latest, RandomState>,
    /// By number, where it stands in `sessions`.
    index: HashMap<SessionNumber, usize, RandomState>,
    sessions: Vec<Session>,
    /// The one that was asked for last: the next change is mostly of the same session.
    at_hand: Option<(SessionNumber, usize)>,
    before: Before,
}

/// What was there before the first change of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing: what is not in the list does not exist, and to remove it says nothing.
    Nothing,
    /// State that the list does not show.
    Unknown,
}

/// What at most one change says, the latest.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Fact {
    Presence(SessionNumber),
    Subscription(SessionNumber, Filter),
    Inbound(SessionNumber, InboundId),
    Delivery(SessionNumber, u64),
    Sent(SessionNumber),
    Will(SessionNumber),
    Retained(Topic),
}

/// A topic that lives in its message, or alone where there is none.
#[derive(Debug)]
enum Topic {
    Of(Message),
    Bare(String),
}

/// A place in the list; empty once its change has no effect any more.
struct Slot {
    change: Option<Change>,
    /// The slot before it that is of the same session.
    previous: Option<usize>,
}

/// What the list says of a fact.
#[derive(Debug, Clone, Copy)]
struct Latest {
    /// Nothing is left of it where it was made and undone in the list.
    slot: Option<usize>,
    /// The list is what made it: before, it was not.
    made_here: bool,
}

struct Session {
    last: Option<usize>,
    /// All there is of it is in the list.
    whole: bool,
}

impl List {
    /// A list of nothing.
    pub fn new(before: Before) -> Self {
        Self::for_about(0, before)
    }

    /// The same, with room for so many changes.
    pub fn for_about(changes: usize, before: Before) -> Self {
        let hasher = RandomState::new();
        Self {
            slots: Vec::with_capacity(changes),
            facts: HashMap::with_capacity_and_hasher(changes, hasher.clone()),
            index: HashMap::with_hasher(hasher),
            sessions: Vec::new(),
            at_hand: None,
            before,
        }
    }

    /// What is left of all that were taken, in their order.
    pub fn into_changes(self) -> impl Iterator<Item = Change> + Send {
        self.slots.into_iter().filter_map(|slot| slot.change)
    }

    /// Takes the next one.
    pub fn handle(&mut self, change: Change) {
        match &change {
            Change::SessionOpened { session, .. } => {
                self.session(*session).whole = true;
                self.push(Some(*session), change);
            }
            Change::SessionEnded { session } => self.end(*session, change),
            Change::SessionResumed { session, .. } | Change::SessionDetached { session, .. } => {
                self.set(Some(*session), Fact::Presence(*session), change);
            }
            Change::Subscribed { session, filter, .. } => {
                let fact = Fact::Subscription(*session, filter.clone());
                self.set(Some(*session), fact, change);
            }
            Change::Unsubscribed { session, filter } => {
                let fact = Fact::Subscription(*session, filter.clone());
                self.unset_any(Some(*session), fact, change);
            }
            Change::InboundTaken { session, id } => {
                self.make(*session, Fact::Inbound(*session, *id), change);
            }
            Change::InboundReleased { session, id } => {
                self.unmake(*session, Fact::Inbound(*session, *id), change);
            }
            Change::Queued { session, number, .. } => {
                self.make(*session, Fact::Delivery(*session, *number), change);
            }
            Change::PubRecSeen { session, number } => {
                self.set(Some(*session), Fact::Delivery(*session, *number), change);
            }
            Change::Settled { session, number } => {
                self.unmake(*session, Fact::Delivery(*session, *number), change);
            }
            Change::Sent { session, .. } => self.set(Some(*session), Fact::Sent(*session), change),
            Change::RetainedSet { message } => {
                let fact = Fact::Retained(Topic::Of(message.clone()));
                self.set(None, fact, change);
            }
            Change::RetainedCleared { topic } => {
                let fact = Fact::Retained(Topic::Bare(topic.clone()));
                self.unset_any(None, fact, change);
            }
            Change::WillArmed { session, .. } => {
                self.set(Some(*session), Fact::Will(*session), change);
            }
            Change::WillCleared { session } => {
                self.unset_any(Some(*session), Fact::Will(*session), change);
            }
        }
    }

    /// Everything of the session is void; if nothing of it was there before the list, so is its end.
    fn end(&mut self, session: SessionNumber, change: Change) {
        let whole = self.is_whole(Some(session));
        let state = self.session(session);
        state.whole = true;
        let mut next = state.last.take();
        while let Some(slot) = next {
            next = self.slots[slot].previous;
            self.slots[slot].change = None;
        }
        if !whole {
            self.push(None, change);
        }
    }

    /// The latest change decides, whatever was before.
    fn set(&mut self, session: Option<SessionNumber>, fact: Fact, change: Change) {
        let slot = Some(self.push(session, change));
        match self.facts.entry(fact) {
            Entry::Occupied(mut latest) => {
                if let Some(before) = std::mem::replace(&mut latest.get_mut().slot, slot) {
                    self.slots[before].change = None;
                }
            }
            Entry::Vacant(place) => _ = place.insert(Latest { slot, made_here: false }),
        }
    }

    /// Takes back what may also have been there before the list.
    fn unset_any(&mut self, session: Option<SessionNumber>, fact: Fact, change: Change) {
        self.clear(&fact);
        if !self.is_whole(session) {
            self.set(session, fact, change);
        }
    }

    /// Makes what was not there a moment ago. A change that took it away before stays: without it,
    /// the list would claim that there was nothing to take away.
    fn make(&mut self, session: SessionNumber, fact: Fact, change: Change) {
        let slot = Some(self.push(Some(session), change));
        let before = self.facts.insert(fact, Latest { slot, made_here: true });
        if let Some(Latest { slot: Some(before), made_here: true }) = before {
            self.slots[before].change = None;
        }
    }

    /// Undoes what [`Self::make`] made here or in an earlier list.
    fn unmake(&mut self, session: SessionNumber, fact: Fact, change: Change) {
        if self.clear(&fact) || self.is_whole(Some(session)) {
            return;
        }
        self.set(Some(session), fact, change);
    }

    /// Empties the slot of a fact; returns whether the fact was made in the list.
    fn clear(&mut self, fact: &Fact) -> bool {
        let Some(latest) = self.facts.get_mut(fact) else { return false };
        if let Some(slot) = latest.slot.take() {
            self.slots[slot].change = None;
        }
        latest.made_here
    }

    fn is_whole(&self, session: Option<SessionNumber>) -> bool {
        let whole = |session| self.index.get(&session).is_some_and(|at| self.sessions[*at].whole);
        self.before == Before::Nothing || session.is_some_and(whole)
    }

    fn session(&mut self, session: SessionNumber) -> &mut Session {
        let at = match self.at_hand {
            Some((at_hand, at)) if at_hand == session => at,
            _ => {
                let next = self.sessions.len();
                let at = *self.index.entry(session).or_insert(next);
                if at == next {
                    self.sessions.push(Session { last: None, whole: false });
                }
                at
            }
        };
        self.at_hand = Some((session, at));
        &mut self.sessions[at]
    }

    fn push(&mut self, session: Option<SessionNumber>, change: Change) -> usize {
        let slot = self.slots.len();
        let last = session.map(|session| &mut self.session(session).last);
        let previous = last.and_then(|last| last.replace(slot));
        self.slots.push(Slot { change: Some(change), previous });
        slot
    }
}

impl Topic {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Of(message) => message.topic_bytes(),
            Self::Bare(topic) => topic.as_bytes(),
        }
    }
}

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Topic {}

impl std::hash::Hash for Topic {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}
