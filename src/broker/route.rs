use std::collections::VecDeque;
use std::sync::Arc;

use super::conns::Conn;
use super::{Actions, Broker};
use crate::auth::rules::Topic;
use crate::request::Request;
use crate::session::Terms;
use crate::subscriptions::{Delivered, Match, Matches, Own};
use crate::types::{ConnId, InboundId, Lsn, Message, QoS, ReasonCode, SessionKey, Timestamp};

/// The packet ids of messages of QoS 1 and 2, each with what its answer waits for.
pub(super) type Answers = Vec<(InboundId, Lsn)>;

/// A receiver takes so many further messages in the time of its first, for which all that it has must
/// be fetched.
const FURTHER_PER_FIRST: usize = 4;
/// So many deliveries take the time of a search for the receivers of a topic that is not remembered.
const SEARCH_WORK: usize = 16;
/// And so many that of keeping a retained message.
const RETAIN_WORK: usize = 8;

impl Broker {
    /// PUBLISH: route, record, acknowledge, in that order. With the first of `requests` go those right
    /// behind it, as far as `work_left` goes, that go the same way: of the same topic and QoS, not to be
    /// retained. All that depends on that is found out once for all of them. Returns how much work it
    /// was.
    pub(super) fn handle_publish(
        &mut self,
        (id, key): (ConnId, SessionKey),
        requests: &mut VecDeque<Request>,
        work_left: usize,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let Some(Request::Publish { id: packet, message, .. }) = requests.front() else { return 0 };
        let (packet, first) = (*packet, message.clone());
        self.stats.packets_received += 1;
        let gate = match self.take_message(id, key, packet, &first, now, actions) {
            Ok(gate) => gate,
            Err(work) => {
                requests.pop_front();
                return 1 + work;
            }
        };
        let (matches, work_beside) = self.receivers_of(&first);
        let receivers = matches.direct.len() + matches.groups.len();
        let count_max = if matches.keep_order() { count_within(work_left, receivers) } else { 1 };
        let mut answers = std::mem::take(&mut self.answers);
        answers.extend(packet.map(|packet| (packet, gate)));
        let count = self.join((id, key), requests, count_max, &mut answers, now, actions);

        let way = Way { first: &first, publisher: Some(key), gate: self.origin_gate(&first, key) };
        let routed = self.route_to(&matches, &way, Run { requests, count }, actions);
        let reason = match (receivers, first.qos()) {
            // PUBREC could say it, too; clients know it from Mosquitto in PUBACK only.
            (0, QoS::AtLeastOnce) => ReasonCode::NoMatchingSubscribers,
            _ => ReasonCode::Success,
        };
        let session = &mut self.sessions[key];
        session.gate = session.gate.max(routed).max(gate);
        let gated = answers.drain(..).map(|(packet, taken)| (packet, routed.max(taken)));
        self.acknowledge(id, gated, first.qos(), reason);
        self.answers = answers;
        work(count, receivers) + work_beside
    }

    /// How many of `requests`, up to `count_max`, go the way of the first. Takes them as it has been.
    fn join(
        &mut self,
        (id, key): (ConnId, SessionKey),
        requests: &VecDeque<Request>,
        count_max: usize,
        answers: &mut Answers,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let mut publishes = requests.iter().map_while(Request::as_publish);
        let Some((_, first)) = publishes.next() else { return 0 };
        let is_plain = !first.retain() && !self.memory_is_short && !self.fullness.is_full();
        if !is_plain || self.conns.get(id).is_none_or(|conn| conn.turned_away) {
            return 1;
        }
        let mut count = 1;
        for (packet, message) in publishes.take(count_max.saturating_sub(1)) {
            if !message.goes_as(first) || !self.goes_along((id, key), packet, first.qos(), answers)
            {
                break;
            }
            count += 1;
            self.count_publish(message);
            if let Some(packet) = packet {
                let admitted = self.admit(id, now, actions);
                debug_assert!(admitted, "there is room for it");
                answers.push((packet, self.take_packet_id(key, Some(packet), message.qos())));
            }
        }
        self.stats.packets_received += count as u64 - 1;
        count
    }

    /// Whether nothing is to be found out about a message with this packet id that is not known of those
    /// before it.
    fn goes_along(
        &self,
        (id, key): (ConnId, SessionKey),
        packet: Option<InboundId>,
        qos: QoS,
        answers: &Answers,
    ) -> bool {
        let Some(packet) = packet else { return true };
        let is_duplicate = qos == QoS::ExactlyOnce && self.sessions[key].inbound.is_taken(packet);
        let conn = self.conns.get(id).expect("a request comes over a connection");
        let replies_left = self.settings.replies_max.saturating_sub(answers.len());
        !is_duplicate && !self.is_full(conn) && !conn.owes_reading(replies_left)
    }

    fn is_full(&self, conn: &Conn) -> bool {
        conn.protocol.is_v5() && conn.unfinished >= u32::from(self.settings.receive_maximum)
    }

    /// Who gets the message, and how much work it is beside its deliveries.
    fn receivers_of(&mut self, message: &Message) -> (Arc<Matches>, usize) {
        let (matches, searched) = self.subscriptions.look_up(message.topic_bytes());
        let search = if searched { SEARCH_WORK } else { 0 };
        (matches, search + if message.retain() { RETAIN_WORK } else { 0 })
    }

    /// Queues a message for everyone who subscribed to its topic; nobody sees it before `origin_gate` is
    /// durable. Returns how much work it was.
    pub(super) fn route(
        &mut self,
        message: &Message,
        publisher: Option<SessionKey>,
        origin_gate: Lsn,
        actions: &mut Actions,
    ) -> usize {
        let (matches, work_beside) = self.receivers_of(message);
        let way = Way { first: message, publisher, gate: origin_gate };
        self.route_to(&matches, &way, One(message), actions);
        matches.direct.len() + matches.groups.len() + work_beside
    }

    /// Queues messages for receivers that are known. Returns what must be durable before they are
    /// acknowledged.
    fn route_to(
        &mut self,
        matches: &Matches,
        way: &Way<'_>,
        messages: impl Messages,
        actions: &mut Actions,
    ) -> Lsn {
        let topic = self.guards.question(way.first);
        let mut gate = Lsn::NONE;
        // The last receiver needs no copies.
        let last = matches.direct.last().filter(|_| matches.groups.is_empty());
        for found in &matches.direct[..matches.direct.len() - usize::from(last.is_some())] {
            gate = gate.max(self.deliver_to(found, way, topic, messages.copies(), actions));
        }
        for group in &matches.groups {
            for message in messages.copies() {
                let queued = self.deliver_to_group(*group, message, topic, way.gate, actions);
                gate = gate.max(queued);
            }
        }
        let all = messages.into_all();
        let Some(found) = last else { return gate };
        gate.max(self.deliver_to(found, way, topic, all, actions))
    }

    fn deliver_to(
        &mut self,
        found: &Match,
        way: &Way<'_>,
        topic: Option<Topic<'_>>,
        messages: impl ExactSizeIterator<Item = Message>,
        actions: &mut Actions,
    ) -> Lsn {
        let Some(options) = options_for(found, way.publisher) else { return Lsn::NONE };
        if !self.may_receive(found.session, topic, messages.len()) {
            return Lsn::NONE;
        }
        self.deliver(found.session, messages, terms(way.first, options, way.gate), actions)
    }

    /// What every delivery of this message waits for: that a crash cannot make its publisher send it
    /// again as a new one.
    fn origin_gate(&self, message: &Message, publisher: SessionKey) -> Lsn {
        match message.qos() {
            QoS::ExactlyOnce if self.sessions[publisher].is_durable() => self.journal.current(),
            _ => Lsn::NONE,
        }
    }
}

/// Work in messages and receivers: `count` messages, at least one, that go to the same receivers.
fn work(count: usize, receivers: usize) -> usize {
    count + receivers + receivers * (count - 1) / FURTHER_PER_FIRST
}

/// How many messages `left` is enough for; of several always for one.
fn count_within(left: usize, receivers: usize) -> usize {
    1 + left.saturating_sub(1 + receivers) * FURTHER_PER_FIRST / (FURTHER_PER_FIRST + receivers)
}

/// What holds for all receivers of messages that go the same way.
struct Way<'a> {
    first: &'a Message,
    publisher: Option<SessionKey>,
    /// What must be durable before any of them is seen.
    gate: Lsn,
}

/// Messages that go the same way.
trait Messages {
    fn copies(&self) -> impl ExactSizeIterator<Item = Message>;

    fn into_all(self) -> impl ExactSizeIterator<Item = Message>;
}

struct One<'a>(&'a Message);

impl Messages for One<'_> {
    fn copies(&self) -> impl ExactSizeIterator<Item = Message> {
        std::iter::once(self.0.clone())
    }

    fn into_all(self) -> impl ExactSizeIterator<Item = Message> {
        std::iter::once(self.0.clone())
    }
}

/// The first ones of `requests`, which are all PUBLISH.
struct Run<'a> {
    requests: &'a mut VecDeque<Request>,
    count: usize,
}

impl Messages for Run<'_> {
    fn copies(&self) -> impl ExactSizeIterator<Item = Message> {
        self.requests.range(..self.count).map(|request| match request.as_publish() {
            Some((_, message)) => message.clone(),
            None => unreachable!("counted as PUBLISH"),
        })
    }

    fn into_all(self) -> impl ExactSizeIterator<Item = Message> {
        self.requests.drain(..self.count).map(|request| match request {
            Request::Publish { message, .. } => message,
            _ => unreachable!("counted as PUBLISH"),
        })
    }
}

/// What a session gets of a message, by the subscriptions that matched: less of its own where it
/// asked for No Local (`[MQTT-3.8.3-3]`).
pub(super) fn options_for(found: &Match, publisher: Option<SessionKey>) -> Option<&Delivered> {
    if publisher != Some(found.session) {
        return Some(&found.options);
    }
    match &found.own {
        Own::Same => Some(&found.options),
        Own::Nothing => None,
        Own::Reduced(options) => Some(options),
    }
}

fn terms<'a>(message: &Message, options: &'a Delivered, gate: Lsn) -> Terms<'a> {
    Terms {
        qos: message.qos().min(options.qos),
        // `[MQTT-3.3.1-12]`, `[MQTT-3.3.1-13]`
        retain: options.retain_as_published && message.retain(),
        subscription_ids: &options.ids,
        gate,
        group: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_messages_go_together_as_the_work_allows() {
        for receivers in [0, 1, 3, 20, 1_000, 1_999, 5_000] {
            for left in [1, 2, 100, 2_000] {
                let count = count_within(left, receivers);
                assert!(count == 1 || work(count, receivers) <= left, "{receivers}, {left}");
                assert!(work(count + 2, receivers) > left, "{receivers}, {left}: {count} are few");
            }
        }
        assert_eq!(count_within(2_000, 1_000), 4);
    }
}
