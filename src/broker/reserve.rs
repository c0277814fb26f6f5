use super::Broker;
use crate::journal::Change;
use crate::types::{ConnId, SessionKey};

/// Queue numbers are reserved before they are used, so that none that was sent is ever given to
/// another message, whatever a crash has taken back.
impl Broker {
    /// A new connection sends only what has been reserved for it, if a restart may bring its session
    /// back.
    pub(super) fn start_reserving(&mut self, key: SessionKey, id: ConnId) {
        if self.settings.journal && self.sessions[key].is_durable() {
            self.sessions[key].outbound.limit_to_reserved();
            self.reserve_more(key, id);
        }
    }

    /// Reserves queue numbers for what is sent next, before those reserved are used up.
    pub(super) fn reserve_more(&mut self, key: SessionKey, id: ConnId) {
        let session = &mut self.sessions[key];
        let wanted = session.outbound.wants_reserved(self.settings.reserve(), self.durable);
        let Some(before) = wanted else { return };
        let number = session.number;
        let gate = self.journal.record(|| Change::Sent { session: number, before });
        session.outbound.reserve(before, gate);
        self.wait_for(id, gate);
    }
}
