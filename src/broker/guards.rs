use std::sync::Arc;

use ahash::RandomState;

use super::{Broker, Settings};
use crate::auth::Action;
use crate::auth::rules::{Guard, Rules, Subject, Topic};
use crate::request::Identity;
use crate::types::{ClientId, Filter, Message, SessionKey};

/// What the clients of sessions may do.
///
/// A client that is not known yet, because an earlier process talked to it, is sent nothing unchecked
/// either: what waits for it is checked when it is sent.
pub(super) struct Guards {
    rules: Arc<Rules>,
    /// Which state of the rules that is, from 1 on.
    version: u64,
    /// Whether anything has to be asked: there are rules, or clients that bring theirs along.
    needed: bool,
    grants_seen: bool,
    /// Whether there may be rules.
    expects_rules: bool,
    decisions_max: usize,
    hasher: RandomState,
    /// By the session's key.
    slots: Vec<Option<Box<Slot>>>,
}

struct Slot {
    guard: Guard,
    /// The state of the rules that the guard knows.
    version: u64,
    /// What waits for the client was let in by other rules, or for somebody else.
    recheck: bool,
}

impl Guards {
    /// Everything is allowed.
    pub fn new(hasher: RandomState, settings: &Settings) -> Self {
        Self {
            rules: Arc::default(),
            version: 1,
            needed: false,
            grants_seen: false,
            expects_rules: settings.access_rules,
            decisions_max: settings.access_decisions_max,
            hasher,
            slots: Vec::new(),
        }
    }

    fn set_rules(&mut self, rules: Arc<Rules>) {
        self.rules = rules;
        self.version += 1;
        self.needed = self.grants_seen || !self.rules.is_empty();
    }

    /// The client of this session is now `subject`.
    pub fn set(&mut self, key: SessionKey, subject: Subject) {
        if subject.identity.grants.is_some() {
            (self.grants_seen, self.needed) = (true, true);
        }
        let slot = key.0 as usize;
        if !self.expects_rules && subject.identity.grants.is_none() {
            return self.remove(key);
        }
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        let guard = Guard::new(subject);
        self.slots[slot] = Some(Box::new(Slot { guard, version: 0, recheck: true }));
    }

    /// The rest of what is known of the client stays as it is.
    fn set_identity(&mut self, key: SessionKey, client_id: ClientId, identity: Identity) {
        let known = self.slots.get(key.0 as usize).and_then(Option::as_ref);
        let origin = known.map(|slot| slot.guard.subject().origin.clone()).unwrap_or_default();
        self.set(key, Subject { client_id, identity, origin });
    }

    /// The session is over.
    pub fn remove(&mut self, key: SessionKey) {
        if let Some(slot) = self.slots.get_mut(key.0 as usize) {
            *slot = None;
        }
    }

    /// The topic of `message` as [`Self::may`] wants it; `None` while nothing has to be asked about any.
    pub fn question<'a>(&self, message: &'a Message) -> Option<Topic<'a>> {
        if !self.needed {
            return None;
        }
        let name = message.topic();
        Some(Topic { name, hash: self.hasher.hash_one(name) })
    }

    /// Whether the session's client may do it.
    pub fn may(&mut self, key: SessionKey, action: Action, topic: Option<Topic<'_>>) -> bool {
        let Some(topic) = topic else { return true };
        self.renew(key);
        let Some(Some(slot)) = self.slots.get_mut(key.0 as usize) else { return true };
        slot.guard.may(&self.rules, action, topic, self.decisions_max)
    }

    /// Whether it may subscribe to all that this filter matches.
    pub fn may_subscribe(&mut self, key: SessionKey, filter: &Filter) -> bool {
        if !self.needed {
            return true;
        }
        self.renew(key);
        let Some(Some(slot)) = self.slots.get(key.0 as usize) else { return true };
        slot.guard.decide(&self.rules, Action::Subscribe, filter.topic_filter())
    }

    /// Whether a client that has no session yet may publish to `topic`.
    pub fn may_publish_as(&self, subject: &Subject, topic: &str) -> bool {
        self.rules.decide(subject, Action::Publish, topic).is_allowed()
    }

    /// What has to be asked about each message that waits for the session's client, unless all of
    /// them were let in by the rules as they are: whether it must not be sent.
    pub fn recheck(&mut self, key: SessionKey) -> Option<impl Fn(&str) -> bool + '_> {
        if !self.needed {
            return None;
        }
        self.renew(key);
        let slot = self.slots.get(key.0 as usize)?.as_ref().filter(|slot| slot.recheck)?;
        Some(|topic: &str| !slot.guard.decide(&self.rules, Action::Receive, topic))
    }

    /// Nothing waits for the session's client any more.
    pub fn note_empty(&mut self, key: SessionKey) {
        if self.needed
            && let Some(Some(slot)) = self.slots.get_mut(key.0 as usize)
        {
            slot.recheck = false;
        }
    }

    /// Brings the guard of a session up to date with the rules.
    fn renew(&mut self, key: SessionKey) {
        let Some(Some(slot)) = self.slots.get_mut(key.0 as usize) else { return };
        if slot.version != self.version {
            slot.guard.renew(&self.rules);
            (slot.version, slot.recheck) = (self.version, true);
        }
    }
}

impl Broker {
    /// From now on clients may do what these rules allow: of a broker that expects rules
    /// ([`Settings::access_rules`]). Holds for what waits for them, too;
    /// subscriptions stay.
    pub fn set_rules(&mut self, rules: Arc<Rules>) {
        self.guards.set_rules(rules);
    }

    /// The client has authenticated again, as the same user.
    pub(super) fn handle_identity(&mut self, key: SessionKey, identity: Identity) {
        let client_id = self.sessions[key].client_id.clone();
        self.guards.set_identity(key, client_id, identity);
    }

    /// Whether the session's client may publish `message`.
    pub(super) fn may_publish(&mut self, key: SessionKey, message: &Message) -> bool {
        let topic = self.guards.question(message);
        self.guards.may(key, Action::Publish, topic)
    }

    /// Whether it may receive so many messages of `topic`; counted if not.
    pub(super) fn may_receive(
        &mut self,
        key: SessionKey,
        topic: Option<Topic<'_>>,
        messages: usize,
    ) -> bool {
        let may = self.guards.may(key, Action::Receive, topic);
        self.stats.dropped.denied += if may { 0 } else { messages as u64 };
        may
    }
}
