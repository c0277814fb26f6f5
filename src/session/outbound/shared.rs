use super::{Entry, GroupKey, NewDelivery, Outbound, QoS};

impl Outbound {
    /// Whether anything unfinished came through a shared subscription.
    pub fn has_shared(&self) -> bool {
        self.shared > 0
    }

    /// Takes out what came through shared subscriptions and `may_go` to another member, in order,
    /// with the queue numbers that they had.
    ///
    /// A message of QoS 2 that was sent stays: the client may have it (`[MQTT-4.8.2-4]`,
    /// `[MQTT-4.8.2-5]`).
    pub fn take_shared(
        &mut self,
        mut may_go: impl FnMut(GroupKey) -> bool,
    ) -> Vec<(u64, NewDelivery)> {
        if self.shared == 0 {
            return Vec::new();
        }
        let mut taken = Vec::new();
        for index in 0..self.ring.len() {
            let entry = self.ring.get(index).expect("within its length");
            let sent_qos_2 = entry.qos == QoS::ExactlyOnce && index < self.sent;
            let Some(delivery) = entry.handed_on().filter(|_| !sent_qos_2) else { continue };
            if delivery.group.is_some_and(&mut may_go) {
                taken.push((self.ring.number(index), delivery));
            }
        }
        let tail = self.paged.iter().flat_map(|paged| paged.tail());
        let handed_on = |entry: &Entry| Some((entry.number, entry.handed_on()?));
        let of_group = |(_, delivery): &(u64, NewDelivery)| delivery.group.is_some_and(&mut may_go);
        taken.extend(tail.filter_map(handed_on).filter(of_group));
        for (number, _) in &taken {
            self.remove(*number);
        }
        taken
    }

    /// Takes out, in order, the messages of QoS 0 that came through shared subscriptions.
    pub fn take_shared_direct(&mut self) -> Vec<NewDelivery> {
        let taken = self.direct.take_shared();
        self.shared -= taken.len() as u32;
        taken.into_iter().map(NewDelivery::from).collect()
    }

    /// Finishes the message with this queue number wherever it stands.
    fn remove(&mut self, number: u64) {
        let Some(index) = self.ring.position(number) else {
            let shared = self.paged.as_mut().is_some_and(|paged| paged.finish(number));
            self.shared -= u32::from(shared);
            return;
        };
        self.in_flight -= u32::from(index < self.resent);
        self.finish(index);
        self.trim();
    }
}
