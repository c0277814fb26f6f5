use super::{Actions, Broker};
use crate::journal::Change;
use crate::request::Outgoing;
use crate::retained::Full;
use crate::session::Taken;
use crate::types::{ConnId, InboundId, Lsn, Message, QoS, ReasonCode, SessionKey, Timestamp};

/// This topic and all under it are the server's own to publish.
const SYS: &[u8] = b"$SYS";

impl Broker {
    /// Whether the message is taken, and then what must be durable before it is acknowledged. If it is
    /// not, whoever has to be told is; the error is how much work that was.
    pub(super) fn take_message(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: Option<InboundId>,
        message: &Message,
        now: Timestamp,
        actions: &mut Actions,
    ) -> Result<Lsn, usize> {
        self.count_publish(message);
        if self.answer_duplicate(id, key, packet, message.qos()) {
            return Err(0);
        }
        if self.refuse_for_memory(id, key, packet, message, now, actions) {
            return Err(0);
        }
        if packet.is_some()
            && let Some(work) = self.turn_away(id, key, packet, message, now, actions)
        {
            return Err(work);
        }
        if packet.is_some() && !self.admit(id, now, actions) {
            return Err(0);
        }
        match self.permit(id, key, message) {
            Ok(kept) => Ok(kept.max(self.take_packet_id(key, packet, message.qos()))),
            Err(reason) => {
                self.refuse_publish(id, key, packet, message.qos(), reason);
                Err(0)
            }
        }
    }

    pub(super) fn count_publish(&mut self, message: &Message) {
        self.stats.publishes_received += 1;
        self.stats.publish_bytes_received += message.payload().len() as u64;
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
    pub(super) fn take_packet_id(
        &mut self,
        key: SessionKey,
        packet: Option<InboundId>,
        qos: QoS,
    ) -> Lsn {
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

    pub(super) fn acknowledge(
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
}

/// Whether only the server itself may publish it.
pub(super) fn is_servers_own(message: &Message) -> bool {
    let rest = message.topic_bytes().strip_prefix(SYS);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
