use fulmar::codec::{Packet, Subscribe, SubscribeFilter, Unsubscribe};
use fulmar::types::{PacketId, QoS, ReasonCode, SubscriptionOptions};

use super::Client;
use crate::ledger::{Ledger, Violation};
use crate::rng::Rng;

/// Subscriptions that one client collects.
const WANTED_MAX: usize = 500;

/// A subscription that is to be made or to be ended.
#[derive(Clone)]
pub struct Wanted {
    filter: String,
    qos: QoS,
    to_be: Standing,
    /// The last answer came to what is `to_be`.
    answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Subscribed,
    Unsubscribed,
}

impl Wanted {
    pub fn is_settled(&self) -> bool {
        self.answered
    }
}

impl Client {
    /// Wants `filter` from now on.
    pub fn want(&mut self, filter: &str, qos: QoS) {
        let to_be = Standing::Subscribed;
        self.wanted.push(Wanted { filter: filter.to_owned(), qos, to_be, answered: false });
    }

    /// The filters that are there for one topic each, with what became of them.
    pub fn collected(&self) -> impl Iterator<Item = (&str, Standing)> {
        let collected = self.wanted.iter().filter(|wanted| wanted.filter.starts_with("x/"));
        collected.map(|wanted| (wanted.filter.as_str(), wanted.to_be))
    }

    /// Wants one more, or one less.
    pub(super) fn collect(&mut self, rng: &mut Rng, ledger: &mut Ledger) {
        let subscribed = |wanted: &&mut Wanted| {
            wanted.answered
                && wanted.to_be == Standing::Subscribed
                && wanted.filter.starts_with("x/")
        };
        if rng.chance(400) {
            if let Some(wanted) = self.wanted.iter_mut().find(subscribed) {
                wanted.to_be = Standing::Unsubscribed;
                wanted.answered = false;
            }
        } else if self.wanted.len() < WANTED_MAX {
            let filter = format!("x/{}/{}", self.name, self.wanted.len());
            self.want(&filter, QoS::AtLeastOnce);
        }
        self.ask(ledger);
    }

    /// Asks for the first of what is wanted and has not been answered, one at a time.
    pub(super) fn ask(&mut self, ledger: &mut Ledger) {
        let link = self.link.as_ref().expect("connected");
        let next = self.wanted.iter().position(|wanted| !wanted.answered);
        let (None, Some(at)) = (link.asked, next) else { return };
        let id = self.free_id();
        let wanted = &self.wanted[at];
        ledger.note(format_args!("{} > {:?} {id} {}", self.name, wanted.to_be, wanted.filter));
        let packet = wanted.packet(id);
        let link = self.link.as_mut().expect("connected");
        link.write(&packet);
        link.asked = Some((id, at));
    }

    /// A SUBSCRIBE or UNSUBSCRIBE for `filter` is on its way.
    pub fn begin_asking(&mut self, id: PacketId, filter: &str, to_be: Standing) {
        let at = self.wanted.iter().position(|wanted| wanted.filter == filter);
        let at = at.unwrap_or_else(|| {
            self.want(filter, QoS::AtLeastOnce);
            self.wanted.len() - 1
        });
        self.wanted[at].to_be = to_be;
        self.wanted[at].answered = false;
        self.link().asked = Some((id, at));
    }

    /// SUBACK, or UNSUBACK, of which only the id is looked at.
    pub(super) fn answered(&mut self, id: PacketId, reasons: &[ReasonCode], ledger: &mut Ledger) {
        ledger.note(format_args!("{} < SUBACK or UNSUBACK {id}", self.name));
        let asked = self.link().asked.take();
        let right = |at: usize| match self.wanted[at].to_be {
            Standing::Subscribed => reasons == [ReasonCode::granted(self.wanted[at].qos)],
            Standing::Unsubscribed => reasons.is_empty(),
        };
        match asked {
            Some((of, at)) if of == id && right(at) => self.wanted[at].answered = true,
            _ => {
                let case = format!("{} < {id} {reasons:?}, asked {asked:?}", self.name);
                ledger.violation(Violation::ProtocolBroken, case);
            }
        }
    }
}

impl Wanted {
    fn packet(&self, packet_id: PacketId) -> Packet<'_> {
        let filter = self.filter.as_str();
        let options = SubscriptionOptions { qos: self.qos, ..SubscriptionOptions::default() };
        match self.to_be {
            Standing::Subscribed => Packet::Subscribe(Subscribe {
                packet_id,
                filters: vec![SubscribeFilter { filter, options }],
                user_properties: Vec::new(),
            }),
            Standing::Unsubscribed => Packet::Unsubscribe(Unsubscribe {
                packet_id,
                filters: vec![filter],
                user_properties: Vec::new(),
            }),
        }
    }
}
