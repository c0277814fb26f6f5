use super::{Outbound, QueueFull, QueueLimits, QueueRule};

impl Outbound {
    /// Makes room for a message of QoS 1 or 2; returns the queue numbers of older ones that made way.
    pub(super) fn make_room(
        &mut self,
        bytes: usize,
        limits: QueueLimits,
    ) -> Result<Vec<u64>, QueueFull> {
        if limits.never_have_room(bytes) {
            // However much gave way, there would be no room.
            return Err(QueueFull::default());
        }
        let mut dropped = Vec::new();
        while !limits.have_room(self.queued_numbered(), bytes) {
            let oldest = match limits.rule {
                QueueRule::RefuseNew => None,
                QueueRule::DropOldest => self.drop_oldest(),
            };
            match oldest {
                Some(number) => dropped.push(number),
                // What an earlier process may have sent stays.
                None => return Err(QueueFull { dropped }),
            }
        }
        Ok(dropped)
    }

    /// Makes room for a message of QoS 0: whether there is any. Counts older ones that made way.
    pub(super) fn make_room_direct(
        &mut self,
        bytes: usize,
        limits: QueueLimits,
        dropped: &mut usize,
    ) -> bool {
        while !limits.have_room((self.direct.len(), self.direct.bytes()), bytes) {
            if limits.rule == QueueRule::RefuseNew || limits.never_have_room(bytes) {
                return false;
            }
            let Some(delivery) = self.direct.pop() else { return false };
            self.shared -= u32::from(delivery.group().is_some());
            *dropped += 1;
        }
        true
    }

    /// Drops the oldest message of QoS 1 or 2 that has not been sent; `None` if there is none.
    fn drop_oldest(&mut self) -> Option<u64> {
        self.skip_holes();
        if self.sent < self.ring.len() {
            let number = self.ring.number(self.sent);
            self.skip_next();
            return Some(number);
        }
        let (number, shared) = self.paged.as_mut()?.drop_oldest(self.sent_earlier)?;
        self.shared -= u32::from(shared);
        self.join_tail();
        Some(number)
    }
}

impl QueueLimits {
    fn have_room(&self, (messages, used): (usize, usize), bytes: usize) -> bool {
        messages < self.messages_max && used.saturating_add(bytes) <= self.bytes_max
    }

    fn never_have_room(&self, bytes: usize) -> bool {
        bytes > self.bytes_max || self.messages_max == 0
    }
}
