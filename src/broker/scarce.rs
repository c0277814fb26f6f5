use std::collections::VecDeque;

use super::conns::Conn;
use super::{Actions, Broker};
use crate::request::Request;
use crate::types::{ConnId, InboundId, Message, QoS, ReasonCode, SessionKey, Timestamp};

/// What a session counts for beside its messages, in bytes: with a few subscriptions it is about that.
const SESSION_BYTES: usize = 2_048;

impl Broker {
    /// Whether so much memory is in use that nothing new is to be begun: while it is, messages of
    /// QoS 1 and 2 are not taken, nothing new is retained, and whoever does not read gets no QoS 0.
    /// What waits for clients is sent and acknowledged as ever, and that makes room.
    pub fn handle_memory_short(&mut self, short: bool, now: Timestamp, actions: &mut Actions) {
        if short == std::mem::replace(&mut self.memory_is_short, short) {
            return;
        }
        self.sys.hurry(now);
        if short {
            return;
        }
        for id in self.conns.held_back().collect::<Vec<_>>() {
            let conn = self.conns.get_mut(id).expect("just listed");
            (conn.held_back, conn.last_received) = (false, now);
            self.wake(id, actions);
        }
    }

    /// About how many bytes the sessions hold, a part of them at a time: the first part begins at 0, and
    /// the answer says where the next one does, if there is one. Retained messages are in the first.
    pub fn held_bytes(&self, from: usize) -> (u64, Option<usize>) {
        let (sessions, next) = self.sessions.some(from, self.settings.work_max);
        let retained = if from == 0 { self.retained.bytes() } else { 0 };
        let held = sessions.map(|session| SESSION_BYTES + session.outbound.held_bytes());
        let bytes = held.fold(retained, usize::saturating_add);
        (bytes as u64, next)
    }

    /// Does not take a PUBLISH of QoS 1 or 2 while memory is short: whether that is so. The client is
    /// told (0x97, Quota exceeded) and may send it again later.
    pub(super) fn refuse_for_memory(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: Option<InboundId>,
        message: &Message,
        now: Timestamp,
        actions: &mut Actions,
    ) -> bool {
        if !self.memory_is_short || packet.is_none() {
            return false;
        }
        self.stats.refused_for_memory += 1;
        if self.admit(id, now, actions) {
            self.refuse_publish(id, key, packet, message.qos(), ReasonCode::QuotaExceeded);
        }
        true
    }

    /// Whether the next request is a message that a client of 3.1.1 must wait with: it cannot be told
    /// that there is no memory for it, so it is slowed down instead.
    pub(super) fn must_hold_back(&self, conn: &Conn, requests: &VecDeque<Request>) -> bool {
        self.memory_is_short
            && !conn.protocol.is_v5()
            && matches!(requests.front(), Some(Request::Publish { id: Some(_), .. }))
    }

    /// Whether a message is dropped because memory is short and its receiver does not read: what has
    /// no acknowledgement may be lost.
    pub(super) fn is_too_much_for(&self, key: SessionKey, qos: QoS) -> bool {
        self.memory_is_short && qos == QoS::AtMostOnce && self.sessions[key].outbound.queued() > 0
    }
}
