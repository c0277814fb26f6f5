use super::{Outbound, QoS, QueueFull, QueueLimits, QueueRule};

impl Outbound {
    pub(super) fn make_room(
        &mut self,
        qos: QoS,
        bytes: usize,
        limits: QueueLimits,
    ) -> Result<Vec<Option<u64>>, QueueFull> {
        if bytes > limits.bytes_max || limits.messages_max == 0 {
            // However much gave way, there would be no room.
            return Err(QueueFull::default());
        }
        let mut dropped = Vec::new();
        while !self.has_room(qos, bytes, limits) {
            let oldest = match limits.rule {
                QueueRule::RefuseNew => None,
                QueueRule::DropOldest => self.drop_oldest(qos),
            };
            match oldest {
                Some(number) => dropped.push(number),
                // What an earlier process may have sent stays.
                None => return Err(QueueFull { dropped }),
            }
        }
        Ok(dropped)
    }

    fn has_room(&self, qos: QoS, bytes: usize, limits: QueueLimits) -> bool {
        let (messages, used) = match qos {
            QoS::AtMostOnce => (self.direct.len(), self.direct.bytes()),
            _ => self.queued_numbered(),
        };
        messages < limits.messages_max && used.saturating_add(bytes) <= limits.bytes_max
    }

    /// Drops the oldest message that has not been sent; `None` if there is none.
    fn drop_oldest(&mut self, qos: QoS) -> Option<Option<u64>> {
        if qos == QoS::AtMostOnce {
            let delivery = self.direct.pop()?;
            self.shared -= u32::from(delivery.group().is_some());
            return Some(None);
        }
        self.skip_holes();
        if self.sent < self.ring.len() {
            let number = self.ring.number(self.sent);
            self.skip_next();
            return Some(Some(number));
        }
        let (number, shared) = self.paged.as_mut()?.drop_oldest(self.sent_earlier)?;
        self.shared -= u32::from(shared);
        self.join_tail();
        Some(Some(number))
    }
}
