use super::{Context, Delivery, Dropped, Outbound, Outgoing, ReasonCode, State};
use crate::session::DropCause;

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
                self.in_flight += usize::from(matches!(entry.state, State::Released));
                self.resent += 1;
                continue;
            };
            // `[MQTT-3.1.2-25]`: the client may take less than on the connection before.
            if context.is_too_large(message, entry.qos, &entry.subscription_ids) {
                let number = Some(entry.number);
                dropped.push(Dropped { number, cause: DropCause::TooLarge });
                self.resent += 1;
                self.finish(self.resent - 1);
                self.trim();
                continue;
            }
            let is_full = self.in_flight >= usize::from(context.receive_maximum);
            if is_full || entry.gate > context.durable {
                return None;
            }
            let outgoing = Outgoing::Publish(Delivery {
                message: message.clone(),
                qos: entry.qos,
                id: Some(self.ring.id(self.resent)),
                dup: true,
                retain: entry.retain,
                subscription_ids: entry.subscription_ids.clone(),
            });
            self.resent += 1;
            self.in_flight += 1;
            return Some(outgoing);
        }
        None
    }
}
