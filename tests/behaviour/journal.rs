//! The journal against the broker: whoever replays it must come to what the broker holds.

use std::collections::{BTreeMap, BTreeSet};

use fulmar::codec::Packet;
use fulmar::journal::{Batch, Change, SessionNumber, session_ends_at};
use fulmar::request::Will;
use fulmar::session::Session;
use fulmar::types::{
    ClientId, Filter, InboundId, Message, PacketId, QoS, SubscriptionOptions, Timestamp,
};

use crate::common::World;

/// State rebuilt from batches. A change that does not fit what is there fails the test: each must
/// be recorded once, and in the order in which it was decided.
#[derive(Default)]
pub struct Replayed {
    sessions: BTreeMap<SessionNumber, Kept>,
    retained: BTreeMap<String, Message>,
}

pub struct Kept {
    pub client_id: ClientId,
    expiry_secs: u32,
    detached_at: Option<Timestamp>,
    subscriptions: BTreeMap<Filter, SubscriptionOptions>,
    inbound: BTreeSet<InboundId>,
    /// Each message with its PUBREC seen or not.
    pub queue: BTreeMap<u64, (Message, bool)>,
    last_number: Option<u64>,
    will: Option<Will>,
}

impl Replayed {
    /// The sessions that outlive their connections.
    pub fn durable(&self) -> impl Iterator<Item = &Kept> {
        self.sessions.values().filter(|kept| kept.expiry_secs > 0)
    }

    pub fn apply(&mut self, batch: &Batch) {
        batch.changes.iter().for_each(|change| self.apply_change(change));
    }

    fn apply_change(&mut self, change: &Change) {
        match change.clone() {
            Change::SessionOpened { session, client_id, expiry_secs } => {
                assert!(self.sessions.values().all(|kept| kept.client_id != client_id));
                let had = self.sessions.insert(session, Kept::new(client_id, expiry_secs));
                assert!(had.is_none(), "{change:?}");
            }
            Change::SessionEnded { session } => {
                assert!(self.sessions.remove(&session).is_some(), "{change:?}");
            }
            // Says nothing of what there is, only of what was seen.
            Change::Sent { .. } => {}
            Change::RetainedSet { message } => {
                self.retained.insert(message.topic().to_owned(), message);
            }
            Change::RetainedCleared { topic } => {
                assert!(self.retained.remove(&topic).is_some(), "{change:?}");
            }
            Change::SessionResumed { session, .. }
            | Change::SessionDetached { session, .. }
            | Change::Subscribed { session, .. }
            | Change::Unsubscribed { session, .. }
            | Change::InboundTaken { session, .. }
            | Change::InboundReleased { session, .. }
            | Change::Queued { session, .. }
            | Change::PubRecSeen { session, .. }
            | Change::Settled { session, .. }
            | Change::WillArmed { session, .. }
            | Change::WillCleared { session } => {
                let kept = self.sessions.get_mut(&session);
                let fits = kept.is_some_and(|kept| kept.apply(change.clone()));
                assert!(fits, "{change:?}");
            }
        }
    }

    /// A packet that its client has got says nothing that is not on disk.
    pub fn assert_shown(&self, client_id: &str, packet: &Packet<'_>) {
        let Some(kept) = self.durable().find(|kept| kept.client_id.as_str() == client_id) else {
            return;
        };
        let is_on_disk = match packet {
            Packet::Publish(it) if it.qos == QoS::ExactlyOnce => {
                kept.last_number >= it.packet_id.map(queue_number)
            }
            Packet::PubRel(it) if !it.reason.is_error() => {
                kept.queue.get(&queue_number(it.packet_id)).is_none_or(|(_, seen)| *seen)
            }
            Packet::PubRec(it) if !it.reason.is_error() => {
                kept.inbound.contains(&InboundId(it.packet_id))
            }
            _ => true,
        };
        assert!(is_on_disk, "{client_id} was shown {packet:?}");
    }

    /// Everything but the queues, which only their clients see.
    pub fn assert_matches(&self, world: &World, client_ids: &[&str]) {
        let shell = world.shell().borrow();
        for id in client_ids {
            let id = ClientId::new(id);
            let kept = self.durable().find(|kept| kept.client_id == id);
            let session = shell.broker.session(&id).filter(|session| session.is_durable());
            match (kept, session) {
                (Some(kept), Some(session)) => kept.assert_matches(session),
                (None, None) => {}
                (kept, _) => panic!("{id:?} is journalled: {}", kept.is_some()),
            }
        }
        let retained: BTreeMap<_, _> =
            shell.broker.retained().iter().map(|it| (it.topic().to_owned(), it.clone())).collect();
        assert_eq!(self.retained, retained);
    }
}

/// Of a session with fewer messages than there are packet ids.
fn queue_number(id: PacketId) -> u64 {
    u64::from(id.get()) - 1
}

impl Kept {
    fn new(client_id: ClientId, expiry_secs: u32) -> Self {
        Self {
            client_id,
            expiry_secs,
            detached_at: None,
            subscriptions: BTreeMap::new(),
            inbound: BTreeSet::new(),
            queue: BTreeMap::new(),
            last_number: None,
            will: None,
        }
    }

    /// Whether the change fits what is there.
    fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::SessionResumed { expiry_secs, .. } => {
                self.expiry_secs = expiry_secs;
                self.detached_at.take().is_some()
            }
            Change::SessionDetached { expiry_secs, at, .. } => {
                self.expiry_secs = expiry_secs;
                self.detached_at.replace(at).is_none()
            }
            Change::Subscribed { filter, options, .. } => {
                self.subscriptions.insert(filter, options);
                true
            }
            Change::Unsubscribed { filter, .. } => self.subscriptions.remove(&filter).is_some(),
            Change::InboundTaken { id, .. } => self.inbound.insert(id),
            Change::InboundReleased { id, .. } => self.inbound.remove(&id),
            Change::Queued { number, message, .. } => {
                self.queue.insert(number, (message, false));
                self.last_number.replace(number) < Some(number)
            }
            Change::PubRecSeen { number, .. } => {
                self.queue.get_mut(&number).is_some_and(|(_, seen)| !std::mem::replace(seen, true))
            }
            Change::Settled { number, .. } => self.queue.remove(&number).is_some(),
            Change::WillArmed { will, .. } => self.will.replace(will).is_none(),
            Change::WillCleared { .. } => {
                self.will = None;
                true
            }
            _ => false,
        }
    }

    fn assert_matches(&self, session: &Session) {
        let id = &self.client_id;
        assert_eq!(self.expiry_secs, session.expiry_secs, "{id:?}");
        let subscriptions = session.subscriptions.iter();
        let subscriptions: BTreeMap<_, _> =
            subscriptions.map(|(f, options)| (f.clone(), options)).collect();
        assert_eq!(self.subscriptions, subscriptions, "{id:?}");
        assert_eq!(self.will.as_ref(), session.will.as_deref(), "{id:?}");
        assert_eq!(self.inbound.len(), session.inbound.len(), "{id:?}");
        assert!(self.inbound.iter().all(|taken| session.inbound.is_taken(*taken)), "{id:?}");
        assert_eq!(self.detached_at.is_some(), session.conn.is_none(), "{id:?}");
        let Some(at) = self.detached_at else { return };
        let ends_at = session_ends_at(at, self.expiry_secs);
        assert_eq!(Some(ends_at), session.ends_at, "{id:?}");
        let delay = |will: &Will| at.plus_secs(will.delay_secs.into()).min(ends_at);
        assert_eq!(self.will.as_ref().map(delay), session.will_due, "{id:?}");
    }
}
