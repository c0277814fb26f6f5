use super::{Context, Delivery, Dropped, Outbound, Outgoing, ReasonCode, State};

impl Outbound {
    /// What an earlier connection left unfinished. PUBREL first: unlike PUBLISH it does not wait
    /// for other acknowledgements (`[MQTT-3.3.4-10]`).
    pub(super) fn poll_resend(
        &mut self,
        context: &Context,
        dropped: &mut Vec<Dropped>,
    ) -> Option<Outgoing> {
        while self.released < self.sent {
            let entry = self.ring.get(self.released).expect("sent before");
            let is_released = matches!(entry.state, State::Released);
            if is_released && entry.gate > context.durable {
                return None;
            }
            self.released += 1;
            if is_released {
                let id = self.ring.id(self.released - 1);
                return Some(Outgoing::PubRel { id, reason: ReasonCode::Success });
            }
        }
        self.poll_resend_publish(context, dropped)
    }

    fn poll_resend_publish(
        &mut self,
        context: &Context,
        dropped: &mut Vec<Dropped>,
    ) -> Option<Outgoing> {
        while self.resent < self.sent {
            let entry = self.ring.get(self.resent).expect("sent before");
            let Some(message) = entry.message() else {
                self.in_flight += u32::from(matches!(entry.state, State::Released));
                self.resent += 1;
                continue;
            };
            // The client may take less than on the connection before (`[MQTT-3.1.2-25]`).
            let cause = context.cause_to_stop(message, entry.qos, &entry.subscription_ids);
            if let Some(cause) = cause {
                let number = self.settle_in_flight(self.resent);
                dropped.push(Dropped { number: Some(number), cause });
                self.gate_drops(context.recorded);
                continue;
            }
            let is_full = self.in_flight >= u32::from(context.receive_maximum);
            if is_full || entry.gate.max(self.drop_gate) > context.durable {
                return None;
            }
            return Some(self.resend());
        }
        None
    }

    fn resend(&mut self) -> Outgoing {
        let id = self.ring.id(self.resent);
        let entry = self.ring.get_mut(self.resent).expect("sent before");
        let message = entry.message().expect("seen to have one").clone();
        if entry.waiting().is_some() {
            self.queued -= 1;
            self.queued_bytes -= message.len();
            entry.state = State::Published(message.clone());
        }
        self.resent += 1;
        self.in_flight += 1;
        Outgoing::Publish(Delivery {
            message,
            qos: entry.qos,
            id: Some(id),
            dup: true,
            retain: entry.retain,
            subscription_ids: entry.subscription_ids.clone(),
        })
    }
}
