use std::collections::BTreeMap;

use super::{Actions, Broker};
use crate::auth::Action;
use crate::auth::rules::Topic;
use crate::journal::Change;
use crate::session::{NewDelivery, Terms};
use crate::subscriptions::{Delivered, MemberState};
use crate::types::{GroupKey, Lsn, Message, SessionKey, SubscriptionIds};

impl Broker {
    /// Queues a message for the member of a shared subscription whose turn it is (section 4.8.2), of
    /// those that may receive its `topic`.
    pub(super) fn deliver_to_group(
        &mut self,
        group: GroupKey,
        message: &Message,
        topic: Option<Topic<'_>>,
        gate: Lsn,
        actions: &mut Actions,
    ) -> Lsn {
        let Some((member, options)) = self.choose_member(group, None, topic) else {
            self.stats.dropped.denied += 1;
            return Lsn::NONE;
        };
        let terms = terms(message, &options, gate, group);
        self.deliver(member, std::iter::once(message.clone()), terms, actions)
    }

    /// The client is gone for now: what came to it through shared subscriptions goes to members
    /// that are connected, as far as it may. Without such a member it waits here.
    /// Returns how many messages went.
    pub(super) fn hand_on_to_others(&mut self, key: SessionKey, actions: &mut Actions) -> usize {
        let mut outbound = std::mem::take(&mut self.sessions[key].outbound);
        let mut online = BTreeMap::new();
        let may_go = |group| {
            // Asked once for each group, not for each message: a group may have many members.
            *online.entry(group).or_insert_with(|| self.has_online_member(group, key))
        };
        let numbered = outbound.take_shared(may_go);
        let direct = match self.settings.queue_qos0_offline {
            true => Vec::new(),
            false => outbound.take_shared_direct(),
        };
        let session = &mut self.sessions[key];
        session.outbound = outbound;
        let session_number = session.number;
        for (number, _) in &numbered {
            let number = *number;
            self.journal.record(|| Change::Settled { session: session_number, number });
        }
        self.hand_on(key, numbered.into_iter().map(|(_, new)| new).chain(direct), actions)
    }

    /// The session is over: other members get what came to it through shared subscriptions, but
    /// not a message of QoS 2 that it may have (`[MQTT-4.8.2-5]`). Returns how many messages went.
    pub(super) fn hand_on_all(&mut self, key: SessionKey, actions: &mut Actions) -> usize {
        let outbound = &mut self.sessions[key].outbound;
        let numbered = outbound.take_shared(|_| true);
        let direct = outbound.take_shared_direct();
        self.hand_on(key, numbered.into_iter().map(|(_, new)| new).chain(direct), actions)
    }

    fn hand_on(
        &mut self,
        from: SessionKey,
        deliveries: impl Iterator<Item = NewDelivery>,
        actions: &mut Actions,
    ) -> usize {
        // A crash that took back that the message left would give it to both.
        let left = match self.sessions[from].is_durable() {
            true => self.journal.current(),
            false => Lsn::NONE,
        };
        let mut count = 0;
        for delivery in deliveries {
            count += 1;
            let group = delivery.group.expect("it came through a shared subscription");
            let topic = self.guards.question(&delivery.message);
            let Some((member, options)) = self.choose_member(group, Some(from), topic) else {
                self.stats.dropped.session_ended += 1;
                continue;
            };
            let gate = delivery.gate.max(left);
            let terms = terms(&delivery.message, &options, gate, group);
            self.deliver(member, std::iter::once(delivery.message), terms, actions);
        }
        count
    }

    fn choose_member(
        &mut self,
        group: GroupKey,
        except: Option<SessionKey>,
        topic: Option<Topic<'_>>,
    ) -> Option<(SessionKey, Delivered)> {
        let (sessions, guards) = (&self.sessions, &mut self.guards);
        let mut state = |key: SessionKey| {
            let session = &sessions[key];
            let backlog = session.outbound.queued() + session.outbound.in_flight();
            match session.conn {
                _ if Some(key) == except => MemberState::Unavailable,
                _ if !guards.may(key, Action::Receive, topic) => MemberState::Unavailable,
                Some(_) => MemberState::Online { backlog },
                None => MemberState::Offline { backlog },
            }
        };
        let strategy = self.settings.share_strategy;
        let (member, options) = self.subscriptions.choose(group, strategy, &mut state)?;
        let mut ids = SubscriptionIds::None;
        ids.insert(options.id);
        let retain_as_published = options.retain_as_published;
        Some((member, Delivered { qos: options.qos, retain_as_published, ids }))
    }

    fn has_online_member(&self, group: GroupKey, except: SessionKey) -> bool {
        self.subscriptions
            .members(group)
            .any(|(key, _)| key != except && self.sessions[key].conn.is_some())
    }
}

/// What a member gets by its own options, whoever had the message before.
fn terms<'a>(message: &Message, options: &'a Delivered, gate: Lsn, group: GroupKey) -> Terms<'a> {
    Terms {
        qos: message.qos().min(options.qos),
        // `[MQTT-3.3.1-12]`, `[MQTT-3.3.1-13]`
        retain: options.retain_as_published && message.retain(),
        subscription_ids: &options.ids,
        gate,
        group: Some(group),
    }
}
