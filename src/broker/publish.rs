use super::{Actions, Broker};
use crate::journal::Change;
use crate::request::Outgoing;
use crate::retained::Full;
use crate::session::{Offer, Taken};
use crate::subscriptions::{Delivered, Match, Own};
use crate::types::{ConnId, InboundId, Lsn, Message, QoS, ReasonCode, SessionKey, Timestamp};

/// This topic and all under it are the server's own to publish.
const SYS: &[u8] = b"$SYS";

/// What became of a message.
pub(super) struct Routed {
    /// Sessions and shared subscriptions that it matched, among them those with No Local and those that
    /// may not receive it.
    pub receivers: usize,
    /// What must be durable before it is acknowledged.
    gate: Lsn,
}

impl Broker {
    /// PUBLISH: route, record, acknowledge, in that order. Returns how many receivers it had.
    pub(super) fn handle_publish(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: Option<InboundId>,
        message: &Message,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        self.stats.publishes_received += 1;
        self.stats.publish_bytes_received += message.payload().len() as u64;
        if self.answer_duplicate(id, key, packet, message.qos()) {
            return 0;
        }
        if self.refuse_for_memory(id, key, packet, message, now, actions) {
            return 0;
        }
        if packet.is_some()
            && let Some(work) = self.turn_away(id, key, packet, message, now, actions)
        {
            return work;
        }
        if packet.is_some() && !self.admit(id, now, actions) {
            return 0;
        }
        let kept = match self.permit(id, key, message) {
            Ok(gate) => gate,
            Err(reason) => {
                self.refuse_publish(id, key, packet, message.qos(), reason);
                return 0;
            }
        };
        let taken = self.take_packet_id(key, packet, message.qos());
        let routed = self.route(message, Some(key), actions);

        let session = &mut self.sessions[key];
        let gate = routed.gate.max(taken).max(kept);
        session.gate = session.gate.max(gate);
        let reason = match (routed.receivers, message.qos()) {
            // PUBREC could say it, too; clients know it from Mosquitto in PUBACK only.
            (0, QoS::AtLeastOnce) => ReasonCode::NoMatchingSubscribers,
            _ => ReasonCode::Success,
        };
        self.acknowledge(id, packet, message.qos(), reason, gate);
        routed.receivers
    }

    /// A PUBLISH that somebody else has found not to be taken.
    pub(super) fn handle_refused_publish(
        &mut self,
        id: ConnId,
        key: SessionKey,
        (packet, qos): (Option<InboundId>, QoS),
        reason: ReasonCode,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        self.stats.publishes_received += 1;
        self.stats.denied += u64::from(reason == ReasonCode::NotAuthorized);
        if self.answer_duplicate(id, key, packet, qos) {
            return;
        }
        if packet.is_none() || self.admit(id, now, actions) {
            self.refuse_publish(id, key, packet, qos, reason);
        }
    }

    /// Whether the message was taken before: then the exchange goes on, whatever is said of it now
    /// (`[MQTT-4.3.3-10]`).
    fn answer_duplicate(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: Option<InboundId>,
        qos: QoS,
    ) -> bool {
        let session = &self.sessions[key];
        let duplicate = qos == QoS::ExactlyOnce
            && packet.is_some_and(|packet| session.inbound.is_taken(packet));
        if duplicate {
            self.acknowledge(id, packet, qos, ReasonCode::Success, session.gate);
        }
        duplicate
    }

    /// A PUBLISH that is not taken: its exchange ends with this answer.
    pub(super) fn refuse_publish(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: Option<InboundId>,
        qos: QoS,
        reason: ReasonCode,
    ) {
        let Some(packet) = packet else { return };
        // MQTT 3.1.1 has no word for "refused": the exchange goes its way (`[MQTT-3.3.5-2]`).
        let is_v5 = self.conns.get(id).is_some_and(|conn| conn.protocol.is_v5());
        let mut gate = Lsn::NONE;
        if !is_v5 {
            gate = self.take_packet_id(key, Some(packet), qos);
        }
        self.acknowledge(id, Some(packet), qos, reason, gate);
    }

    /// PUBREL: the packet id may be used again (`[MQTT-4.3.3-11]`).
    pub(super) fn handle_pubrel(&mut self, id: ConnId, key: SessionKey, packet: InboundId) {
        let session = &mut self.sessions[key];
        let known = session.inbound.release(packet);
        if known && session.is_durable() {
            let session_number = session.number;
            session.gate = self
                .journal
                .record(|| Change::InboundReleased { session: session_number, id: packet });
        }
        let reason = match known {
            true => ReasonCode::Success,
            false => ReasonCode::PacketIdentifierNotFound,
        };
        // A crash that took back the release would have the next message under this id taken for the
        // one before it. A session that ends with its connection has no ids to come back to.
        let gate = if session.is_durable() { session.gate } else { Lsn::NONE };
        self.reply(id, gate, Outgoing::PubComp { id: packet, reason });
    }

    /// Counts a new exchange against our receive maximum (`[MQTT-3.3.4-7]`, `[MQTT-3.3.4-8]`).
    pub(super) fn admit(&mut self, id: ConnId, now: Timestamp, actions: &mut Actions) -> bool {
        let conn = self.conns.get_mut(id).expect("a request comes over a connection");
        let full = conn.unfinished >= u32::from(self.settings.receive_maximum);
        if full && conn.protocol.is_v5() {
            let why = "more messages unacknowledged than the receive maximum allows";
            self.close(id, ReasonCode::ReceiveMaximumExceeded, why, now, actions);
            return false;
        }
        conn.unfinished += 1;
        true
    }

    /// Whether the message may go its way; what is to be retained of it is then retained.
    ///
    /// While the disk is full or memory is short nothing new is retained: whoever gets an answer was turned away before.
    /// To clear a topic makes room.
    ///
    /// An MQTT 5 client learns that there is no room to retain a message that it gets an answer for;
    /// for all others the message is delivered all the same, and counted as not retained.
    fn permit(
        &mut self,
        id: ConnId,
        key: SessionKey,
        message: &Message,
    ) -> Result<Lsn, ReasonCode> {
        if is_servers_own(message) || !self.may_publish(key, message) {
            self.stats.denied += 1;
            return Err(ReasonCode::NotAuthorized);
        }
        if !message.retain() {
            return Ok(Lsn::NONE);
        }
        let no_room = self.fullness.is_full() || self.memory_is_short;
        if no_room && !message.payload().is_empty() {
            self.stats.dropped.retained_full += 1;
            return Ok(Lsn::NONE);
        }
        let is_told = message.qos() > QoS::AtMostOnce
            && self.conns.get(id).is_some_and(|conn| conn.protocol.is_v5());
        match self.retain(message) {
            Err(Full) if is_told => Err(ReasonCode::QuotaExceeded),
            kept => Ok(kept.unwrap_or(Lsn::NONE)),
        }
    }

    /// From here on the same PUBLISH is a duplicate (`[MQTT-4.3.3-9]`).
    fn take_packet_id(&mut self, key: SessionKey, packet: Option<InboundId>, qos: QoS) -> Lsn {
        let (Some(packet), QoS::ExactlyOnce) = (packet, qos) else { return Lsn::NONE };
        let session = &mut self.sessions[key];
        if session.inbound.take(packet) == Taken::Duplicate || !session.is_durable() {
            return session.gate;
        }
        let session_number = session.number;
        session.gate =
            self.journal.record(|| Change::InboundTaken { session: session_number, id: packet });
        session.gate
    }

    fn acknowledge(
        &mut self,
        id: ConnId,
        packet: Option<InboundId>,
        qos: QoS,
        reason: ReasonCode,
        gate: Lsn,
    ) {
        let Some(packet) = packet else { return };
        let answer = match qos {
            QoS::ExactlyOnce => Outgoing::PubRec { id: packet, reason },
            _ => Outgoing::PubAck { id: packet, reason },
        };
        let Some(conn) = self.conns.get_mut(id) else { return };
        let gate = if conn.acknowledged_at_once { Lsn::NONE } else { gate };
        conn.push_reply(gate, answer);
        self.wait_for(id, gate);
    }

    /// Keeps the message as the one of its topic, or clears the topic if it has no payload
    /// (`[MQTT-3.3.1-5]`, `[MQTT-3.3.1-6]`). Without room it is counted as dropped.
    pub(super) fn retain(&mut self, message: &Message) -> Result<Lsn, Full> {
        if message.payload().is_empty() {
            if !self.retained.clear(message.topic()) {
                return Ok(Lsn::NONE);
            }
            let cleared = || Change::RetainedCleared { topic: message.topic().to_owned() };
            return Ok(self.journal.record(cleared));
        }
        self.retained
            .set(message.clone())
            .inspect_err(|Full| self.stats.dropped.retained_full += 1)?;
        Ok(self.journal.record(|| Change::RetainedSet { message: message.clone() }))
    }

    /// Queues the message for everyone who subscribed to its topic.
    pub(super) fn route(
        &mut self,
        message: &Message,
        publisher: Option<SessionKey>,
        actions: &mut Actions,
    ) -> Routed {
        let origin_gate = self.origin_gate(message, publisher);
        self.route_behind(origin_gate, message, publisher, actions)
    }

    /// Queues the message for everyone who subscribed to its topic; nobody sees it before
    /// `origin_gate` is durable.
    pub(super) fn route_behind(
        &mut self,
        origin_gate: Lsn,
        message: &Message,
        publisher: Option<SessionKey>,
        actions: &mut Actions,
    ) -> Routed {
        let matches = self.subscriptions.matching(message.topic_bytes());
        let mut routed = Routed { receivers: 0, gate: Lsn::NONE };
        let topic = self.guards.question(message);
        for found in &matches.direct {
            routed.receivers += 1;
            let Some(options) = options_for(found, publisher) else { continue };
            if !self.may_receive(found.session, topic) {
                continue;
            }
            let new = offer(message, options, origin_gate);
            routed.gate = routed.gate.max(self.deliver(found.session, new, actions));
        }
        for group in &matches.groups {
            routed.receivers += 1;
            let gate = self.deliver_to_group(*group, message, topic, origin_gate, actions);
            routed.gate = routed.gate.max(gate);
        }
        routed
    }

    /// What every delivery of this message waits for: that a crash cannot make its publisher send
    /// it again as a new one.
    fn origin_gate(&self, message: &Message, publisher: Option<SessionKey>) -> Lsn {
        let durable = publisher.is_some_and(|key| self.sessions[key].is_durable());
        match message.qos() {
            QoS::ExactlyOnce if durable => self.journal.current(),
            _ => Lsn::NONE,
        }
    }
}

/// Whether only the server itself may publish it.
pub(super) fn is_servers_own(message: &Message) -> bool {
    let rest = message.topic_bytes().strip_prefix(SYS);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
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

fn offer<'a>(message: &'a Message, options: &'a Delivered, gate: Lsn) -> Offer<'a> {
    Offer {
        message,
        qos: message.qos().min(options.qos),
        // `[MQTT-3.3.1-12]`, `[MQTT-3.3.1-13]`
        retain: options.retain_as_published && message.retain(),
        subscription_ids: &options.ids,
        gate,
        group: None,
    }
}
