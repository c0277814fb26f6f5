use super::{Outbound, Reservation};
use crate::session::ring::IDS;
use crate::types::Lsn;

impl Outbound {
    /// The queue numbers below this one may have been sent; from it on none has.
    pub fn sent_before(&self) -> u64 {
        let first = match &self.paged {
            Some(paged) if self.sent == self.ring.len() => paged.backlog.from,
            _ => self.ring.number(self.sent),
        };
        first.max(self.sent_earlier)
    }

    /// No unfinished message has a number below this one.
    fn oldest(&self) -> u64 {
        match &self.paged {
            Some(paged) if self.ring.len() == 0 => paged.backlog.from,
            _ => self.ring.number(0),
        }
    }

    /// From here on this connection sends only what [`Self::reserve`] allows.
    pub fn limit_to_reserved(&mut self) {
        self.reservation = Reservation::NONE;
    }

    /// Up to which number to reserve, if more than half of `reserve` numbers is used up and all that
    /// was asked for is durable.
    ///
    /// Never so far that two unfinished messages could share a packet id: what is reserved may be
    /// sent by a process that does not survive to say that the first of them was finished.
    pub fn wants_reserved(&self, reserve: u64, durable: Lsn) -> Option<u64> {
        if !self.reservation.is_settled(durable) {
            return None;
        }
        let (before, next) = (self.reservation.before(durable), self.sent_before());
        let left = before.saturating_sub(next);
        if left > reserve / 2 {
            return None;
        }
        let own_ids = self.oldest().saturating_add(IDS);
        let wanted = next.saturating_add(reserve).min(own_ids).max(next);
        let gain = wanted.saturating_sub(before);
        (gain > reserve / 4 || (left == 0 && gain > 0)).then_some(wanted)
    }

    /// Queue numbers below `before` may be sent as soon as `gate` is durable.
    pub fn reserve(&mut self, before: u64, gate: Lsn) {
        self.reservation.raise(before, gate);
    }
}
