use super::Broker;
use super::conns::Conn;
use crate::journal::Change;
use crate::request::Outgoing;
use crate::session::{Context, Dropped, Pull};
use crate::types::{ConnId, Lsn, SessionKey, Timestamp};

/// How much one pull may take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Packets.
    pub messages: usize,
    /// Bytes of messages; the packet that passes the limit is the last one.
    pub bytes: usize,
}

impl Broker {
    /// What this connection may send now, in order: answers first, then deliveries. Returns whether
    /// more may be ready; the connection is not woken for that, and is for all that comes later.
    ///
    /// That it is to be closed is told whatever the budget: nothing comes behind it.
    pub fn poll_outgoing(
        &mut self,
        id: ConnId,
        budget: Budget,
        now: Timestamp,
        out: &mut Vec<Outgoing>,
    ) -> bool {
        let before = out.len();
        let Some(conn) = self.conns.get_mut(id) else { return false };
        let end = before + budget.messages;
        while out.len() < end {
            let Some(reply) = conn.pop_reply(self.durable) else { break };
            conn.finish_exchange(&reply);
            out.push(reply);
        }
        if conn.replies.is_empty() {
            conn.replies = Default::default();
        }
        let greeted = conn.is_greeted();
        while greeted && conn.pings > 0 && out.len() < end {
            conn.pings -= 1;
            out.push(Outgoing::PingResp);
        }
        let more = match conn.session {
            None => {
                let close = conn.close.take();
                out.extend(close.map(|told| Outgoing::Close { reason: told.0, why: told.1 }));
                false
            }
            Some(key) if !greeted => {
                self.sessions[key].scheduled = false;
                conn.replies.front().is_some_and(|(gate, _)| *gate <= self.durable)
            }
            Some(key) => self.poll_deliveries(id, key, budget.bytes, end, now, out),
        };
        self.stats.packets_sent += (out.len() - before) as u64;
        more
    }

    fn poll_deliveries(
        &mut self,
        id: ConnId,
        key: SessionKey,
        bytes_max: usize,
        end: usize,
        now: Timestamp,
        out: &mut Vec<Outgoing>,
    ) -> bool {
        if out.len() >= end {
            // It is left on the list of those awake: what comes meanwhile need not wake it.
            return true;
        }
        self.continue_replay(key, now);
        let mut dropped = Vec::new();
        let drained = self.pull((id, key), bytes_max, end, now, out, &mut dropped);
        if drained && self.sessions[key].outbound.is_empty() {
            self.guards.note_empty(key);
        }
        self.settle_dropped(id, key, &dropped);
        self.reserve_more(key, id);
        self.load_more(key);
        !drained || self.can_replay(key)
    }

    /// Returns whether that was all that may be sent now.
    fn pull(
        &mut self,
        (id, key): (ConnId, SessionKey),
        bytes_max: usize,
        end: usize,
        now: Timestamp,
        out: &mut Vec<Outgoing>,
        dropped: &mut Vec<Dropped>,
    ) -> bool {
        let denies = self.guards.recheck(key);
        let conn = self.conns.get(id).expect("just seen");
        let session = &mut self.sessions[key];
        session.scheduled = false;
        let context = Context {
            now,
            durable: self.durable,
            recorded: if session.is_durable() { self.journal.current() } else { Lsn::NONE },
            protocol: conn.protocol,
            receive_maximum: conn.receive_maximum,
            maximum_packet_size: conn.maximum_packet_size,
            denies: denies.as_ref().map(|denies| denies as &dyn Fn(&str) -> bool),
        };
        let mut pull = Pull::new(out, end, bytes_max);
        let drained = session.outbound.poll(&context, &mut pull, dropped);
        session.outbound.leave_room(&mut self.spare);
        self.stats.publishes_sent += pull.publishes;
        self.stats.publish_bytes_sent += pull.payload_bytes;
        drained
    }

    fn settle_dropped(&mut self, id: ConnId, key: SessionKey, dropped: &[Dropped]) {
        let session = &self.sessions[key];
        let mut gate = Lsn::NONE;
        for Dropped { number, cause } in dropped {
            self.stats.dropped.count(*cause);
            if let (Some(number), true) = (*number, session.is_durable()) {
                let session = session.number;
                gate = self.journal.record(|| Change::Settled { session, number });
            }
        }
        self.wait_for(id, gate);
    }
}

impl Conn {
    /// Whether CONNACK has been given out: nothing comes before it (`[MQTT-3.2.0-1]`).
    fn is_greeted(&self) -> bool {
        !matches!(self.replies.front(), Some((_, Outgoing::ConnAck(_))))
    }

    /// An answer that ends an exchange makes room within our receive maximum.
    fn finish_exchange(&mut self, reply: &Outgoing) {
        let ends = match reply {
            Outgoing::PubAck { .. } | Outgoing::PubComp { .. } => true,
            Outgoing::PubRec { reason, .. } => self.protocol.is_v5() && reason.is_error(),
            _ => false,
        };
        self.unfinished = self.unfinished.saturating_sub(u32::from(ends));
    }
}
