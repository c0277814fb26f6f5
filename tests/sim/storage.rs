use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fulmar::types::{PacketId, QoS};

use crate::packets::Key;

/// What a reference client keeps where a crash does not reach: its half of the session state
/// (section 4.1.0).
#[derive(Default)]
pub struct Storage {
    /// Messages not acknowledged to the end, in the order of their first PUBLISH.
    pub outgoing: VecDeque<Unfinished>,
    /// QoS 2 messages passed on to the application whose PUBREL has not come.
    pub incoming: BTreeSet<PacketId>,
    /// What the client believes to be subscribed to.
    pub filters: BTreeMap<String, QoS>,
    /// It has chosen to start over and has not been told that the server did: until then every
    /// CONNECT says so again.
    pub starting_over: bool,
    /// CONNACK to the last CONNECT has not come.
    pub unanswered: bool,
    /// The last CONNACK was for a session that stays (3.1 and 3.1.1).
    pub kept: bool,
    /// Packet ids that its messages use, from 1 on: the fewer, the sooner one comes again.
    ids: u16,
    last_id: u16,
    last_question: u16,
}

pub struct Unfinished {
    pub id: PacketId,
    pub key: Key,
    /// PUBREC came: from here on PUBREL is what is sent.
    pub released: bool,
}

impl Storage {
    /// Nothing, with so many packet ids for messages, at most 40.
    pub fn new(ids: u16) -> Self {
        Self { ids, ..Self::default() }
    }

    /// The state that ends with the session.
    pub fn forget(&mut self) {
        self.outgoing.clear();
        self.incoming.clear();
        self.filters.clear();
    }

    /// A packet id that no unfinished exchange uses.
    pub fn fresh_id(&mut self) -> PacketId {
        loop {
            self.last_id = self.last_id % self.ids + 1;
            let id = PacketId::new(self.last_id).expect("above 0");
            if self.outgoing.iter().all(|unfinished| unfinished.id != id) {
                return id;
            }
        }
    }

    /// A packet id for SUBSCRIBE or UNSUBSCRIBE, that no message uses.
    pub fn question_id(&mut self) -> PacketId {
        self.last_question = self.last_question % 40 + 1;
        PacketId::new(40 + self.last_question).expect("between 41 and 80")
    }

    /// The exchange with this id, and where it stands.
    pub fn find(&mut self, id: PacketId) -> Option<(usize, &mut Unfinished)> {
        self.outgoing.iter_mut().enumerate().find(|(_, unfinished)| unfinished.id == id)
    }
}
