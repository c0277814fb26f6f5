use std::collections::VecDeque;

use super::publish::is_servers_own;
use super::route::options_for;
use super::{Actions, Broker};
use crate::subscriptions::Match;
use crate::types::{ConnId, InboundId, Message, QoS, ReasonCode, SessionKey, Timestamp};

/// Whether the disk is full, and whom that has cost messages.
///
/// While it is, what is under way goes on in the room that the store keeps for that:
/// acknowledgements, subscriptions, sessions, wills. A PUBLISH of QoS 1 or 2 that would need the disk
/// is not taken.
#[derive(Debug, Default)]
pub(super) struct Fullness {
    full: bool,
    /// To be closed, now that there is room again.
    closing: VecDeque<ConnId>,
}

impl Fullness {
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// When there is something to do: at once.
    pub fn next(&self) -> Option<Timestamp> {
        (!self.closing.is_empty()).then_some(Timestamp(0))
    }
}

impl Broker {
    /// Whether the store has too little room: while it has, messages that would need it are refused.
    pub fn handle_store_full(&mut self, full: bool, now: Timestamp, actions: &mut Actions) {
        if full == std::mem::replace(&mut self.fullness.full, full) {
            return;
        }
        self.sys.hurry(now);
        if !full {
            self.resume_replays(actions);
            self.fullness.closing = self.conns.turned_away().collect();
            self.close_turned_away(now, actions);
        }
    }

    /// Closes some of those whose messages were not taken and who could not be told. They connect
    /// again and send again what has no acknowledgement; nothing else would make them
    /// (`[MQTT-3.3.5-2]`).
    pub(super) fn close_turned_away(&mut self, now: Timestamp, actions: &mut Actions) {
        let mut work = 0;
        while work < self.settings.work_max {
            let Some(id) = self.fullness.closing.pop_front() else { break };
            let why = "messages were not taken while the disk was full";
            work += 1 + self.close(id, ReasonCode::QuotaExceeded, why, now, actions);
        }
    }

    /// Does not take a PUBLISH of QoS 1 or 2 that would need a disk that is full. Returns how much
    /// work that was, or `None` if the message may go its way.
    ///
    /// An MQTT 5 client is told. Before 5.0 there is no word for it, so there is no answer, and none
    /// to what follows on the same connection: taken, it would overtake (`[MQTT-4.6.0-6]`).
    pub(super) fn turn_away(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: Option<InboundId>,
        message: &Message,
        now: Timestamp,
        actions: &mut Actions,
    ) -> Option<usize> {
        let conn = self.conns.get(id)?;
        let (before, is_v5) = (conn.turned_away, conn.protocol.is_v5());
        let work = match before {
            true => 0,
            false => self.needs_full_disk(key, message)?,
        };
        self.stats.turned_away += 1;
        if !is_v5 {
            self.conns.get_mut(id)?.turned_away = true;
        } else if self.admit(id, now, actions) {
            self.refuse_publish(id, key, packet, message.qos(), ReasonCode::QuotaExceeded);
        }
        Some(work)
    }

    /// Whether the disk is full and the message would be kept on it: as a retained one, in the queue
    /// of a durable session, or as a packet id of one. Returns how much work it was to find that out.
    fn needs_full_disk(&mut self, publisher: SessionKey, message: &Message) -> Option<usize> {
        // What is not allowed is refused for that reason.
        let is_full = self.fullness.is_full() && !is_servers_own(message);
        if !is_full || !self.may_publish(publisher, message) {
            return None;
        }
        let retains = message.retain() && !message.payload().is_empty();
        let takes_id = message.qos() == QoS::ExactlyOnce && self.sessions[publisher].is_durable();
        if retains || takes_id {
            return Some(0);
        }
        let matches = self.subscriptions.matching(message.topic_bytes());
        let direct = matches.direct.iter().position(|found| self.is_kept(found, publisher));
        let shared = || {
            matches.groups.iter().any(|group| {
                let mut members = self.subscriptions.members(*group);
                members.any(|(key, options)| {
                    options.qos > QoS::AtMostOnce && self.sessions[key].is_durable()
                })
            })
        };
        direct.or_else(|| shared().then_some(matches.direct.len() + matches.groups.len()))
    }

    /// Whether a delivery of QoS 1 or 2 would be.
    fn is_kept(&self, found: &Match, publisher: SessionKey) -> bool {
        self.sessions[found.session].is_durable()
            && options_for(found, Some(publisher))
                .is_some_and(|options| options.qos > QoS::AtMostOnce)
    }
}
