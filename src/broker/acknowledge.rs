use std::collections::VecDeque;

use super::{Actions, Broker};
use crate::journal::Change;
use crate::request::{Outgoing, Request};
use crate::session::AckError;
use crate::types::{ConnId, Lsn, OutboundId, ReasonCode, SessionKey, Timestamp};

impl Broker {
    /// PUBACK: a delivery of QoS 1 is done, refused or not (`[MQTT-4.3.2-3]`). Handles those at the front of
    /// `requests`, up to `count_max`; returns how many they were.
    pub(super) fn handle_pubacks(
        &mut self,
        (id, key): (ConnId, SessionKey),
        requests: &mut VecDeque<Request>,
        count_max: usize,
        now: Timestamp,
        actions: &mut Actions,
    ) -> usize {
        let (mut count, mut in_place) = (0, true);
        while let Some(Request::PubAck { id: packet, .. }) = requests.front()
            && in_place
            && count < count_max
        {
            match self.sessions[key].outbound.handle_puback(*packet) {
                Ok(number) => self.record_settled(key, number),
                Err(AckError::Unknown | AckError::NotLoaded) => {}
                Err(AckError::OutOfPlace) => in_place = false,
            }
            requests.pop_front();
            count += 1;
        }
        self.stats.packets_received += count as u64;
        self.sessions[key].outbound.trim_into(&mut self.spare);
        if !in_place {
            self.close_out_of_place(id, now, actions);
        }
        count
    }

    /// PUBREC: the client has a delivery of QoS 2, PUBREL answers once that is on disk; or it has
    /// refused it, and the exchange is over (`[MQTT-4.3.3-4]`).
    pub(super) fn handle_pubrec(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: OutboundId,
        reason: ReasonCode,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        let outbound = &mut self.sessions[key].outbound;
        if reason.is_error() {
            let settled = outbound.handle_pubrec_refusal(packet);
            return self.settle(id, key, settled, now, actions);
        }
        let reason = match outbound.handle_pubrec(packet) {
            Ok((number, true)) => {
                self.record_pubrec(key, packet, number);
                ReasonCode::Success
            }
            Ok((_, false)) => ReasonCode::Success,
            Err(AckError::Unknown) => ReasonCode::PacketIdentifierNotFound,
            Err(AckError::NotLoaded) => return,
            Err(AckError::OutOfPlace) => return self.close_out_of_place(id, now, actions),
        };
        let gate = self.sessions[key].outbound.pubrel_gate(packet);
        self.reply(id, gate, Outgoing::PubRel { id: packet, reason });
    }

    /// PUBCOMP: a delivery of QoS 2 is done.
    pub(super) fn handle_pubcomp(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: OutboundId,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        let settled = self.sessions[key].outbound.handle_pubcomp(packet);
        self.settle(id, key, settled, now, actions);
    }

    fn record_pubrec(&mut self, key: SessionKey, packet: OutboundId, number: u64) {
        let session = &mut self.sessions[key];
        let gate = match session.is_durable() {
            true => {
                let session = session.number;
                self.journal.record(|| Change::PubRecSeen { session, number })
            }
            false => Lsn::NONE,
        };
        session.outbound.gate_pubrel(packet, gate);
    }

    /// Forgets a finished delivery. One that nobody knows of is passed over: the client may answer
    /// what a lost connection has already settled.
    fn settle(
        &mut self,
        id: ConnId,
        key: SessionKey,
        settled: Result<u64, AckError>,
        now: Timestamp,
        actions: &mut Actions,
    ) {
        match settled {
            Ok(number) => self.record_settled(key, number),
            Err(AckError::Unknown | AckError::NotLoaded) => {}
            Err(AckError::OutOfPlace) => self.close_out_of_place(id, now, actions),
        }
    }

    fn record_settled(&mut self, key: SessionKey, number: u64) {
        let session = &self.sessions[key];
        if session.is_durable() {
            let session = session.number;
            self.journal.record(|| Change::Settled { session, number });
        }
    }

    fn close_out_of_place(&mut self, id: ConnId, now: Timestamp, actions: &mut Actions) {
        let why = "acknowledgement does not belong to the step its exchange is at";
        self.close(id, ReasonCode::ProtocolError, why, now, actions);
    }
}
