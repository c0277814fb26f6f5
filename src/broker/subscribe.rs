use super::Broker;
use super::replay::Replay;
use crate::journal::Change;
use crate::request::Outgoing;
use crate::types::{
    ConnId, Filter, InboundId, ReasonCode, RetainHandling, SessionKey, SubscriptionOptions,
};

impl Broker {
    /// SUBSCRIBE: each filter as if it came alone (`[MQTT-3.8.4-5]`), answered in one SUBACK.
    /// Returns how many there were.
    pub(super) fn handle_subscribe(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: InboundId,
        filters: Vec<Result<(Filter, SubscriptionOptions), ReasonCode>>,
    ) -> usize {
        let reasons: Vec<_> = filters
            .into_iter()
            .map(|filter| match filter {
                Ok((filter, options)) => self.subscribe(key, filter, options),
                Err(reason) => {
                    self.stats.denied += u64::from(reason == ReasonCode::NotAuthorized);
                    reason
                }
            })
            .collect();
        let count = reasons.len();
        let gate = self.sessions[key].gate;
        self.reply(id, gate, Outgoing::SubAck { id: packet, reasons });
        count
    }

    /// UNSUBSCRIBE: from here on no new message is queued for these filters (`[MQTT-3.10.4-2]`).
    /// Returns how many there were.
    pub(super) fn handle_unsubscribe(
        &mut self,
        id: ConnId,
        key: SessionKey,
        packet: InboundId,
        filters: Vec<Result<Filter, ReasonCode>>,
    ) -> usize {
        let reasons: Vec<_> = filters
            .into_iter()
            .map(|filter| match filter {
                Ok(filter) => self.unsubscribe(key, &filter),
                Err(reason) => reason,
            })
            .collect();
        let count = reasons.len();
        let gate = self.sessions[key].gate;
        self.reply(id, gate, Outgoing::UnsubAck { id: packet, reasons });
        count
    }

    /// Makes or replaces one subscription (`[MQTT-3.8.4-3]`) and returns what SUBACK says of it.
    fn subscribe(
        &mut self,
        key: SessionKey,
        filter: Filter,
        mut options: SubscriptionOptions,
    ) -> ReasonCode {
        if !self.guards.may_subscribe(key, &filter) {
            self.stats.denied += 1;
            return ReasonCode::NotAuthorized;
        }
        let session = &mut self.sessions[key];
        let is_new = session.subscriptions.get(&filter).is_none();
        if is_new && session.subscriptions.len() >= self.settings.subscriptions_max {
            return ReasonCode::QuotaExceeded;
        }
        options.qos = options.qos.min(self.settings.maximum_qos);
        session.subscriptions.insert(filter.clone(), options);
        self.subscriptions.subscribe(key, &filter, options);
        let session = &mut self.sessions[key];
        if session.is_durable() {
            let session_number = session.number;
            session.gate = self.journal.record(|| Change::Subscribed {
                session: session_number,
                filter: filter.clone(),
                options,
            });
        }
        if wants_retained(&filter, options.retain_handling, is_new) {
            if !is_new {
                self.stop_replay(key, &filter);
            }
            self.start_replay(key, Replay::new(filter, self.retained.version()));
        }
        ReasonCode::granted(options.qos)
    }

    fn unsubscribe(&mut self, key: SessionKey, filter: &Filter) -> ReasonCode {
        let session = &mut self.sessions[key];
        if session.subscriptions.remove(filter).is_none() {
            return ReasonCode::NoSubscriptionExisted;
        }
        if session.is_durable() {
            let session_number = session.number;
            session.gate = self.journal.record(|| Change::Unsubscribed {
                session: session_number,
                filter: filter.clone(),
            });
        }
        self.subscriptions.unsubscribe(key, filter);
        self.stop_replay(key, filter);
        ReasonCode::Success
    }
}

/// Whether the retained messages go to this subscription (`[MQTT-3.3.1-9]` to `[MQTT-3.3.1-11]`).
/// A shared one never gets them (section 4.8.2).
fn wants_retained(filter: &Filter, handling: RetainHandling, is_new: bool) -> bool {
    let wanted = match handling {
        RetainHandling::Send => true,
        RetainHandling::SendIfNew => is_new,
        RetainHandling::DoNotSend => false,
    };
    wanted && filter.share_name().is_none()
}
