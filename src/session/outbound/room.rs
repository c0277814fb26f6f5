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
            return Err(QueueFull);
        }
        let mut dropped = Vec::new();
        while !self.has_room(qos, bytes, limits) {
            if limits.rule == QueueRule::RefuseNew {
                return Err(QueueFull);
            }
            dropped.push(self.drop_oldest(qos).ok_or(QueueFull)?);
        }
        Ok(dropped)
    }

    fn has_room(&self, qos: QoS, bytes: usize, limits: QueueLimits) -> bool {
        let (messages, used) = match qos {
            QoS::AtMostOnce => (self.direct.len(), self.direct.bytes()),
            _ => (self.queued, self.queued_bytes),
        };
        messages < limits.messages_max && used.saturating_add(bytes) <= limits.bytes_max
    }

    /// Drops the oldest message that has not been sent; `None` if there is none.
    fn drop_oldest(&mut self, qos: QoS) -> Option<Option<u64>> {
        if qos == QoS::AtMostOnce {
            let delivery = self.direct.pop()?;
            self.shared -= usize::from(delivery.group.is_some());
            return Some(None);
        }
        self.skip_holes();
        (self.sent < self.ring.len()).then(|| {
            let number = self.ring.number(self.sent);
            self.skip_next();
            Some(number)
        })
    }
}
