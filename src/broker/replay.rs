use super::{Actions, Broker, wake_session};
use crate::retained::{Cursor, Walk};
use crate::session::{QueueLimits, QueueRule, Terms};
use crate::types::{
    Filter, Lsn, Message, QoS, SessionKey, SubscriptionIds, SubscriptionOptions, Timestamp,
};

/// Messages that a replay keeps queued at a time: the rest stays where it is retained, however slow
/// the client reads. Also how many topics one step looks at.
const WINDOW: usize = 256;

/// A replay's messages are held by the retained store anyway: only their number is bounded here.
const LIMITS: QueueLimits =
    QueueLimits { messages_max: usize::MAX, bytes_max: usize::MAX, rule: QueueRule::RefuseNew };

/// The retained messages that a new subscription is still owed.
#[derive(Debug)]
pub struct Replay {
    filter: Filter,
    /// Only what was retained before the subscription was made: the rest was delivered live.
    up_to: u64,
    cursor: Cursor,
}

impl Replay {
    /// A replay from the first topic on.
    pub fn new(filter: Filter, up_to: u64) -> Self {
        Self { filter, up_to, cursor: Cursor::default() }
    }
}

impl Broker {
    /// Owes the session a replay. The caller has stopped one of the same filter: so they are no more
    /// than the session has subscriptions.
    pub(super) fn start_replay(&mut self, key: SessionKey, replay: Replay) {
        self.replays.entry(key).or_default().push_back(replay);
    }

    pub(super) fn stop_replay(&mut self, key: SessionKey, filter: &Filter) {
        let Some(replays) = self.replays.get_mut(&key) else { return };
        replays.retain(|replay| replay.filter != *filter);
        if replays.is_empty() {
            self.replays.remove(&key);
        }
    }

    /// Whether the session is owed retained messages and its queue has room for some.
    pub(super) fn can_replay(&self, key: SessionKey) -> bool {
        self.replays.contains_key(&key) && self.room_for_replay(key) > 0
    }

    /// Wakes the sessions whose replays have waited for room on the disk.
    pub(super) fn resume_replays(&mut self, actions: &mut Actions) {
        for key in self.replays.keys() {
            wake_session(&mut self.sessions[*key], actions);
        }
    }

    fn room_for_replay(&self, key: SessionKey) -> usize {
        if self.fullness.is_full() && self.sessions[key].is_durable() {
            // What it is owed is retained, and waits there.
            return 0;
        }
        WINDOW.saturating_sub(self.sessions[key].outbound.queued())
    }

    /// Queues the next retained messages that the session is owed, as far as its queue has room.
    pub(super) fn continue_replay(&mut self, key: SessionKey, now: Timestamp) {
        if self.replays.is_empty() {
            return;
        }
        let room = self.room_for_replay(key);
        let Some(replays) = self.replays.get_mut(&key).filter(|_| room > 0) else { return };
        let session = &self.sessions[key];
        let replay = replays.front_mut().expect("a session without replays has no entry");
        let options =
            session.subscriptions.get(&replay.filter).expect("a replay ends with its subscription");
        let filter = replay.filter.topic_filter();
        let mut messages = Vec::new();
        let walk =
            self.retained.walk(filter, replay.up_to, &mut replay.cursor, room, now, &mut messages);
        if walk == Walk::Done {
            replays.pop_front();
        }
        if replays.is_empty() {
            self.replays.remove(&key);
        }
        let mut subscription_ids = SubscriptionIds::None;
        subscription_ids.insert(options.id);
        for message in messages {
            let topic = self.guards.question(&message);
            if !self.may_receive(key, topic, 1) {
                continue;
            }
            // The session is being polled: it needs no waking.
            let terms = self.replayed(&message, options, &subscription_ids);
            let message = std::iter::once(message);
            self.queue(key, message, terms, LIMITS, &mut Actions::default());
        }
    }

    /// Of a message of QoS 2 nothing is seen before it is certain that its publisher will not send it
    /// again as a new one.
    fn replayed<'a>(
        &self,
        message: &Message,
        options: SubscriptionOptions,
        subscription_ids: &'a SubscriptionIds,
    ) -> Terms<'a> {
        let last = self.journal.last();
        Terms {
            qos: message.qos().min(options.qos),
            // `[MQTT-3.3.1-8]`
            retain: true,
            subscription_ids,
            gate: if message.qos() == QoS::ExactlyOnce { last } else { Lsn::NONE },
            group: None,
        }
    }
}
