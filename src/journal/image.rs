//! What a journal comes to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Backlog, Change, SessionNumber};
use crate::request::Will;
use crate::types::{
    ClientId, Filter, InboundId, Message, QoS, SubscriptionIds, SubscriptionOptions, Timestamp,
};

/// The state that all changes so far, applied in their order, have left.
///
/// Every change sets or removes something that it names, whatever was there before, or raises the
/// next queue number. So a stretch of the journal that is applied a second time changes nothing, as long as
/// all that came behind it follows again: whoever folds old groups into [`Self::changes`] may stop
/// anywhere between writing those and removing the groups. What must not happen is that a group is
/// left out and one behind it is not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Image {
    /// The sessions that have not ended.
    pub sessions: BTreeMap<SessionNumber, SessionImage>,
    /// The retained messages, by topic.
    pub retained: BTreeMap<String, Message>,
    /// The highest number that a session ever had; those above it are free.
    pub last_session: Option<SessionNumber>,
}

/// What is to be known of a session after a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionImage {
    /// Names the session.
    pub client_id: ClientId,
    /// Seconds it outlives its connection.
    pub expiry_secs: u32,
    /// When it lost its connection; `None` while it has one.
    pub detached_at: Option<Timestamp>,
    /// What the client asked for.
    pub subscriptions: BTreeMap<Filter, SubscriptionOptions>,
    /// QoS 2 exchanges that the client started.
    pub inbound: BTreeSet<InboundId>,
    /// Unfinished deliveries by queue number.
    pub queue: BTreeMap<u64, Unfinished>,
    /// Further unfinished deliveries, none of them [`Unfinished::Released`], that only a store has:
    /// their numbers are not in `queue`. [`Image::changes`] does not tell of them.
    pub backlog: Backlog,
    /// One more than the highest queue number that a change has told of. A message whose changes
    /// have cancelled out is told of by none: the next one gets a number that is neither below this
    /// one nor below `sent_before`.
    pub next_number: u64,
    /// Messages with numbers below this may have been sent, and those from it on have not.
    pub sent_before: u64,
    /// To be published.
    pub will: Option<Will>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Unfinished {
    /// PUBACK or PUBREC has not come.
    Message(QueuedMessage),
    /// PUBREC has come, PUBCOMP has not: the message is the client's.
    Released,
}

/// A message that is, or may have to be, sent.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedMessage {
    /// The message.
    pub message: Message,
    /// Of the delivery.
    pub qos: QoS,
    /// The RETAIN flag of the delivery.
    pub retain: bool,
    /// Which subscriptions it stems from.
    pub subscription_ids: SubscriptionIds,
}

impl Image {
    /// What these changes have left.
    pub fn of(changes: impl IntoIterator<Item = Change>) -> Self {
        let mut image = Self::default();
        changes.into_iter().for_each(|change| image.apply(change));
        image
    }

    /// Takes in the next change. What concerns a session that has ended is passed over.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::SessionOpened { session, client_id, expiry_secs } => {
                self.note_number(session);
                let image = SessionImage::new(client_id, expiry_secs);
                let opened = self.sessions.entry(session).or_insert(image);
                (opened.expiry_secs, opened.detached_at) = (expiry_secs, None);
            }
            Change::SessionEnded { session } => {
                self.note_number(session);
                self.sessions.remove(&session);
            }
            Change::RetainedSet { message } => {
                self.retained.insert(message.topic().to_owned(), message);
            }
            Change::RetainedCleared { topic } => {
                self.retained.remove(&topic);
            }
            Change::SessionResumed { session, .. }
            | Change::SessionDetached { session, .. }
            | Change::Subscribed { session, .. }
            | Change::Unsubscribed { session, .. }
            | Change::InboundTaken { session, .. }
            | Change::InboundReleased { session, .. }
            | Change::Queued { session, .. }
            | Change::Sent { session, .. }
            | Change::PubRecSeen { session, .. }
            | Change::Settled { session, .. }
            | Change::WillArmed { session, .. }
            | Change::WillCleared { session } => {
                if let Some(image) = self.sessions.get_mut(&session) {
                    image.apply(change);
                }
            }
        }
    }

    /// The fewest changes that come to this image.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let sessions = self.sessions.iter().flat_map(|(number, image)| image.changes(*number));
        let retained = self.retained.values().cloned();
        let unused = |last: &SessionNumber| !self.sessions.contains_key(last);
        // The end of a session that is not there says that its number was used.
        let last = self.last_session.filter(unused);
        sessions
            .chain(last.map(|session| Change::SessionEnded { session }))
            .chain(retained.map(|message| Change::RetainedSet { message }))
    }

    fn note_number(&mut self, session: SessionNumber) {
        self.last_session = self.last_session.max(Some(session));
    }
}

impl SessionImage {
    fn new(client_id: ClientId, expiry_secs: u32) -> Self {
        Self {
            client_id,
            expiry_secs,
            detached_at: None,
            subscriptions: BTreeMap::new(),
            inbound: BTreeSet::new(),
            queue: BTreeMap::new(),
            backlog: Backlog::default(),
            next_number: 0,
            sent_before: 0,
            will: None,
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::SessionResumed { expiry_secs, .. } => {
                (self.expiry_secs, self.detached_at) = (expiry_secs, None);
            }
            Change::SessionDetached { expiry_secs, at, .. } => {
                (self.expiry_secs, self.detached_at) = (expiry_secs, Some(at));
            }
            Change::Subscribed { filter, options, .. } => {
                self.subscriptions.insert(filter, options);
            }
            Change::Unsubscribed { filter, .. } => {
                self.subscriptions.remove(&filter);
            }
            Change::InboundTaken { id, .. } => {
                self.inbound.insert(id);
            }
            Change::InboundReleased { id, .. } => {
                self.inbound.remove(&id);
            }
            Change::Queued { number, message, qos, retain, subscription_ids, .. } => {
                let queued = QueuedMessage { message, qos, retain, subscription_ids };
                self.use_up(number);
                self.queue.insert(number, Unfinished::Message(queued));
            }
            Change::PubRecSeen { number, .. } => {
                self.use_up(number);
                self.queue.insert(number, Unfinished::Released);
            }
            Change::Settled { number, .. } => {
                self.use_up(number);
                self.queue.remove(&number);
            }
            Change::Sent { before, .. } => self.sent_before = before,
            Change::WillArmed { will, .. } => self.will = Some(will),
            Change::WillCleared { .. } => self.will = None,
            Change::SessionOpened { .. }
            | Change::SessionEnded { .. }
            | Change::RetainedSet { .. }
            | Change::RetainedCleared { .. } => unreachable!("the image itself has seen to it"),
        }
    }

    fn use_up(&mut self, number: u64) {
        self.next_number = self.next_number.max(number.saturating_add(1));
    }

    fn changes(&self, session: SessionNumber) -> impl Iterator<Item = Change> + '_ {
        let (client_id, expiry_secs) = (self.client_id.clone(), self.expiry_secs);
        let opened = Change::SessionOpened { session, client_id, expiry_secs };
        let detached = |at| Change::SessionDetached { session, expiry_secs, at };
        let subscribed = move |(filter, options): (&Filter, &SubscriptionOptions)| {
            Change::Subscribed { session, filter: filter.clone(), options: *options }
        };
        let taken = move |id: &InboundId| Change::InboundTaken { session, id: *id };
        let armed = |will: &Will| Change::WillArmed { session, will: will.clone() };
        std::iter::once(opened)
            .chain(self.detached_at.map(detached))
            .chain(self.subscriptions.iter().map(subscribed))
            .chain(self.inbound.iter().map(taken))
            .chain(self.queue.iter().map(move |(number, step)| step.change(session, *number)))
            .chain(self.numbers(session))
            .chain(self.will.as_ref().map(armed))
    }

    /// What says how far the numbers have come, where the queue does not.
    fn numbers(&self, session: SessionNumber) -> impl Iterator<Item = Change> + use<> {
        let sent = Change::Sent { session, before: self.sent_before };
        let sent = (self.sent_before > 0).then_some(sent);
        let told = self.queue.keys().last().map_or(0, |last| last + 1).max(self.backlog.to);
        let last = self.next_number.checked_sub(1).filter(|_| told < self.next_number);
        sent.into_iter().chain(last.map(|number| Change::Settled { session, number }))
    }
}

impl Unfinished {
    fn change(&self, session: SessionNumber, number: u64) -> Change {
        match self.clone() {
            Self::Released => Change::PubRecSeen { session, number },
            Self::Message(QueuedMessage { message, qos, retain, subscription_ids }) => {
                Change::Queued { session, number, message, qos, retain, subscription_ids }
            }
        }
    }
}

#[cfg(test)]
mod tests;
