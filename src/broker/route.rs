use std::collections::VecDeque;

use super::conns::Conn;
use super::{Actions, Broker};
use crate::auth::rules::Topic;
use crate::request::Request;
use crate::session::Terms;
use crate::subscriptions::{Delivered, Match, Matches, Own};
use crate::types::{ConnId, InboundId, Lsn, Message, QoS, ReasonCode, SessionKey, Timestamp};

/// Messages that stand one behind the other in one burst of a client and go the same way: of one topic
/// and QoS, none of them to be retained. All that depends on that is found out once for all of them.
#[derive(Debug, Default)]
pub(super) struct Run {
    messages: Vec<Message>,
    /// The packet ids of those of QoS 1 and 2, each with what its answer waits for.
    answers: Vec<(InboundId, Lsn)>,
}

impl Broker {
    /// PUBLISH: route, record, acknowledge, in that order; with those right behind it that go the same
    /// way, as far as `work_left` goes. Returns how much work it was: a part for each message and for
    /// each of its receivers.
    pub(super) fn handle_publish(
        &mut self,
        (id, key): (ConnId, SessionKey),
        (packet, message): (Option<InboundId>, Message),
        behind: &mut VecDeque<Request>,
        work_left: usize,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let gate = match self.take_message(id, key, packet, &message, now, actions) {
            Ok(gate) => gate,
            Err(work) => return 1 + work,
        };
        let matches = self.subscriptions.matching(message.topic_bytes());
        let receivers = matches.direct.len() + matches.groups.len();
        let mut run = std::mem::take(&mut self.run);
        run.push(packet, message, gate);
        let count_max = if matches.keep_order() { work_left / (1 + receivers) } else { 1 };
        self.join((id, key), &mut run, behind, count_max, now, actions);
        let count = run.messages.len();
        let qos = run.messages[0].qos();

        let origin_gate = self.origin_gate(qos, key);
        let routed = self.route_to(&matches, &mut run.messages, Some(key), origin_gate, actions);
        let reason = match (receivers, qos) {
            // PUBREC could say it, too; clients know it from Mosquitto in PUBACK only.
            (0, QoS::AtLeastOnce) => ReasonCode::NoMatchingSubscribers,
            _ => ReasonCode::Success,
        };
        let session = &mut self.sessions[key];
        session.gate = session.gate.max(routed).max(gate);
        for (packet, taken) in run.answers.drain(..) {
            let gate = routed.max(taken);
            self.acknowledge(id, Some(packet), qos, reason, gate);
        }
        self.run = run;
        count * (1 + receivers)
    }

    /// Adds to `run`, up to `count_max`, what goes along with it.
    fn join(
        &mut self,
        (id, key): (ConnId, SessionKey),
        run: &mut Run,
        behind: &mut VecDeque<Request>,
        count_max: usize,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        let is_plain = !run.messages[0].retain() && !self.memory_is_short;
        let is_open =
            !self.fullness.is_full() && self.conns.get(id).is_some_and(|conn| !conn.turned_away);
        if !is_plain || !is_open {
            return;
        }
        while run.messages.len() < count_max && self.goes_along((id, key), run, behind.front()) {
            let Some(Request::Publish { id: packet, message, .. }) = behind.pop_front() else {
                unreachable!("it goes along")
            };
            self.stats.packets_received += 1;
            self.count_publish(&message);
            let admitted = packet.is_none() || self.admit(id, now, actions);
            debug_assert!(admitted, "there is room for it");
            let gate = self.take_packet_id(key, packet, message.qos());
            run.push(packet, message, gate);
        }
    }

    /// Whether nothing is to be found out about `next` that is not known of the messages of `run`.
    fn goes_along(
        &self,
        (id, key): (ConnId, SessionKey),
        run: &Run,
        next: Option<&Request>,
    ) -> bool {
        let Some(Request::Publish { id: packet, message, .. }) = next else { return false };
        if !message.goes_as(&run.messages[0]) {
            return false;
        }
        let Some(packet) = *packet else { return true };
        let is_duplicate =
            message.qos() == QoS::ExactlyOnce && self.sessions[key].inbound.is_taken(packet);
        let conn = self.conns.get(id).expect("a request comes over a connection");
        !is_duplicate && !self.is_full(conn) && !conn.owes_reading(self.replies_left(run))
    }

    fn is_full(&self, conn: &Conn) -> bool {
        conn.protocol.is_v5() && conn.unfinished >= u32::from(self.settings.receive_maximum)
    }

    /// How many answers may wait beside those of `run`.
    fn replies_left(&self, run: &Run) -> usize {
        self.settings.replies_max.saturating_sub(run.answers.len())
    }

    /// Queues messages of one topic, QoS and RETAIN flag for everyone who subscribed to the topic; nobody
    /// sees them before `origin_gate` is durable. Returns how many receivers that are, among them those
    /// with No Local and those that may not receive it.
    pub(super) fn route(
        &mut self,
        mut messages: Vec<Message>,
        publisher: Option<SessionKey>,
        origin_gate: Lsn,
        actions: &mut Actions,
    ) -> usize {
        let Some(first) = messages.first() else { return 0 };
        let matches = self.subscriptions.matching(first.topic_bytes());
        self.route_to(&matches, &mut messages, publisher, origin_gate, actions);
        matches.direct.len() + matches.groups.len()
    }

    /// The same for receivers that are known; leaves no messages. Returns what must be durable before
    /// they are acknowledged.
    fn route_to(
        &mut self,
        matches: &Matches,
        messages: &mut Vec<Message>,
        publisher: Option<SessionKey>,
        origin_gate: Lsn,
        actions: &mut Actions,
    ) -> Lsn {
        let Some(first) = messages.first().cloned() else { return Lsn::NONE };
        let topic = self.guards.question(&first);
        let way = Way { first: &first, topic, publisher, gate: origin_gate };
        let mut gate = Lsn::NONE;
        // The last receiver needs no copies.
        let last = matches.direct.last().filter(|_| matches.groups.is_empty());
        for found in &matches.direct[..matches.direct.len() - usize::from(last.is_some())] {
            gate = gate.max(self.deliver_to(found, &way, messages.iter().cloned(), actions));
        }
        for group in &matches.groups {
            for message in &*messages {
                let queued = self.deliver_to_group(*group, message, topic, origin_gate, actions);
                gate = gate.max(queued);
            }
        }
        match last {
            Some(found) => gate.max(self.deliver_to(found, &way, messages.drain(..), actions)),
            None => {
                messages.clear();
                gate
            }
        }
    }

    fn deliver_to(
        &mut self,
        found: &Match,
        way: &Way<'_>,
        messages: impl ExactSizeIterator<Item = Message>,
        actions: &mut Actions,
    ) -> Lsn {
        let Some(options) = options_for(found, way.publisher) else { return Lsn::NONE };
        if !self.may_receive(found.session, way.topic, messages.len()) {
            return Lsn::NONE;
        }
        self.deliver(found.session, messages, terms(way.first, options, way.gate), actions)
    }

    /// What every delivery of a message of this QoS waits for: that a crash cannot make its publisher
    /// send it again as a new one.
    fn origin_gate(&self, qos: QoS, publisher: SessionKey) -> Lsn {
        match qos {
            QoS::ExactlyOnce if self.sessions[publisher].is_durable() => self.journal.current(),
            _ => Lsn::NONE,
        }
    }
}

impl Run {
    fn push(&mut self, packet: Option<InboundId>, message: Message, gate: Lsn) {
        self.messages.push(message);
        self.answers.extend(packet.map(|packet| (packet, gate)));
    }
}

/// What holds for all receivers of messages that go the same way.
struct Way<'a> {
    first: &'a Message,
    topic: Option<Topic<'a>>,
    publisher: Option<SessionKey>,
    gate: Lsn,
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
