use super::{AckError, Lsn, Outbound, OutboundId, State};
use crate::types::QoS;

impl Outbound {
    /// PUBACK. Returns the queue number of the message that is done. After the last of several the caller
    /// owes [`Self::trim_into`].
    pub fn handle_puback(&mut self, id: OutboundId) -> Result<u64, AckError> {
        let index = self.find(id)?;
        let entry = self.ring.get(index).expect("found");
        match (&entry.state, entry.qos) {
            (State::Published(_) | State::Restored(_), QoS::AtLeastOnce) => {
                Ok(self.finish_in_flight(index))
            }
            (State::Done, _) => Err(AckError::Unknown),
            _ => Err(AckError::OutOfPlace),
        }
    }

    /// PUBREC with success: from here on the PUBLISH is never sent again (`[MQTT-4.3.3-6]`).
    /// Returns the queue number, and whether this was not known before.
    pub fn handle_pubrec(&mut self, id: OutboundId) -> Result<(u64, bool), AckError> {
        let index = self.find(id).map_err(|unknown| match self.is_paged(id) {
            true => AckError::NotLoaded,
            false => unknown,
        })?;
        let number = self.ring.number(index);
        let entry = self.ring.get_mut(index).expect("found");
        match (&entry.state, entry.qos) {
            (State::Published(_) | State::Restored(_), QoS::ExactlyOnce) => {
                if let Some(message) = entry.waiting() {
                    self.queued -= 1;
                    self.queued_bytes -= message.len();
                }
                entry.state = State::Released;
                self.shared -= u32::from(entry.group.take().is_some());
                Ok((number, true))
            }
            (State::Released, _) => Ok((number, false)),
            (State::Done, _) => Err(AckError::Unknown),
            _ => Err(AckError::OutOfPlace),
        }
    }

    /// The PUBREL of this message waits for `gate`, also when it is sent again.
    pub fn gate_pubrel(&mut self, id: OutboundId, gate: Lsn) {
        if let Some(entry) = self.find(id).ok().and_then(|index| self.ring.get_mut(index)) {
            entry.gate = gate;
        }
    }

    /// What the PUBREL of this message waits for.
    pub fn pubrel_gate(&self, id: OutboundId) -> Lsn {
        let entry = self.find(id).ok().and_then(|index| self.ring.get(index));
        entry.map_or(Lsn::NONE, |entry| entry.gate)
    }

    /// PUBREC with an error: the client has refused the message and the exchange is over.
    pub fn handle_pubrec_refusal(&mut self, id: OutboundId) -> Result<u64, AckError> {
        let index = self.find(id)?;
        let entry = self.ring.get(index).expect("found");
        match (&entry.state, entry.qos) {
            (State::Published(_) | State::Restored(_), QoS::ExactlyOnce) => {
                Ok(self.settle_in_flight(index))
            }
            (State::Done, _) => Err(AckError::Unknown),
            _ => Err(AckError::OutOfPlace),
        }
    }

    /// PUBCOMP. Returns the queue number of the message that is done.
    pub fn handle_pubcomp(&mut self, id: OutboundId) -> Result<u64, AckError> {
        let index = self.find(id)?;
        match self.ring.get(index).expect("found").state {
            State::Released => Ok(self.settle_in_flight(index)),
            State::Done => Err(AckError::Unknown),
            _ => Err(AckError::OutOfPlace),
        }
    }

    pub(super) fn find(&self, id: OutboundId) -> Result<usize, AckError> {
        self.ring.find(id, self.sent).ok_or(AckError::Unknown)
    }

    pub(super) fn settle_in_flight(&mut self, index: usize) -> u64 {
        let number = self.finish_in_flight(index);
        self.trim();
        number
    }

    fn finish_in_flight(&mut self, index: usize) -> u64 {
        let number = self.ring.number(index);
        self.in_flight -= u32::from(index < self.resent);
        self.finish(index);
        number
    }
}
