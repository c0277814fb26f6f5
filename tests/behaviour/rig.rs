use std::collections::VecDeque;

use fulmar::broker::{Actions, Broker, Budget, Settings};
use fulmar::request::{Connect, Identity, Origin, Outgoing, Request};
use fulmar::types::{
    ClientId, ConnId, Filter, InboundId, PacketId, Protocol, SubscriptionOptions, Timestamp,
};

use crate::common::settings;

/// A broker alone, for stories about what one call of it does.
pub struct Rig {
    pub broker: Broker,
    pub now: Timestamp,
}

pub const BUDGET: Budget = Budget { messages: 512, bytes: 65_536 };

impl Rig {
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings();
        settings.journal = false;
        change(&mut settings);
        let now = Timestamp(1_000_000);
        Self { broker: Broker::new(settings, 1, now), now }
    }

    pub fn connect(&mut self, id: &str, keep_alive_secs: u16) -> ConnId {
        self.connect_with(Protocol::V5, id, keep_alive_secs)
    }

    pub fn connect_v311(&mut self, id: &str, keep_alive_secs: u16) -> ConnId {
        self.connect_with(Protocol::V311, id, keep_alive_secs)
    }

    fn connect_with(&mut self, protocol: Protocol, id: &str, keep_alive_secs: u16) -> ConnId {
        let connect = Connect {
            protocol,
            client_id: ClientId::new(id),
            client_id_assigned: false,
            clean_start: true,
            session_expiry_secs: 0,
            keep_alive_secs,
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            will: None,
            identity: Identity::default(),
            origin: Origin::default(),
            acknowledged_at_once: false,
            authentication_data: None,
        };
        let connected = self.broker.handle_connect(connect, self.now, &mut Actions::default());
        connected.expect("there is room")
    }

    pub fn request(&mut self, id: ConnId, requests: &mut VecDeque<Request>) {
        self.broker.handle_requests(id, requests, self.now, &mut Actions::default());
    }

    pub fn poll(&mut self, id: ConnId, budget: Budget) -> (Vec<Outgoing>, bool) {
        let mut out = Vec::new();
        let more = self.broker.poll_outgoing(id, budget, self.now, &mut out);
        (out, more)
    }

    pub fn advance_secs(&mut self, secs: u64) {
        self.now = self.now.plus_secs(secs);
        self.broker.handle_deadline(self.now, &mut Actions::default());
    }
}

/// SUBSCRIBE to so many topics.
pub fn subscribe(count: usize) -> Request {
    let filter = |n| Filter::parse(&format!("t/{n}"), true).expect("valid");
    let filters = (0..count).map(|n| Ok((filter(n), SubscriptionOptions::default()))).collect();
    Request::Subscribe { id: InboundId(PacketId::MIN), filters }
}
