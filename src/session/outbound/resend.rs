use super::{Context, Delivery, Outbound, Outgoing, ReasonCode, State};

impl Outbound {
    pub(super) fn poll_resend(&mut self, context: &Context) -> Option<Outgoing> {
        while self.resent < self.sent {
            let index = self.resent;
            let id = self.ring.id(index);
            let entry = self.ring.get(index).expect("sent before");
            let outgoing = match &entry.state {
                State::Done => {
                    self.resent += 1;
                    continue;
                }
                _ if entry.gate > context.durable => return None,
                State::Released => Outgoing::PubRel { id, reason: ReasonCode::Success },
                State::Published(_) if self.in_flight >= usize::from(context.receive_maximum) => {
                    return None;
                }
                State::Published(message) | State::Queued(message) => Outgoing::Publish(Delivery {
                    message: message.clone(),
                    qos: entry.qos,
                    id: Some(id),
                    dup: true,
                    retain: entry.retain,
                    subscription_ids: entry.subscription_ids.clone(),
                }),
            };
            self.resent += 1;
            self.in_flight += 1;
            return Some(outgoing);
        }
        None
    }
}
