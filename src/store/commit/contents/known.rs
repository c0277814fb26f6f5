use std::collections::{BTreeSet, HashMap};

use crate::journal::SessionNumber;
use crate::types::ClientId;

/// The sessions of a store.
#[derive(Default)]
pub struct Known {
    numbers: BTreeSet<SessionNumber>,
    newest: HashMap<ClientId, SessionNumber>,
    /// Their client has a newer one: the store has lost their end.
    pub superseded: BTreeSet<SessionNumber>,
    /// Over, though not all of their records are gone.
    ended: BTreeSet<SessionNumber>,
}

impl Known {
    /// None as yet, and none of those that have `ended`.
    pub fn without(ended: BTreeSet<SessionNumber>) -> Self {
        Self { ended, ..Self::default() }
    }

    /// A session of this client.
    pub fn note(&mut self, session: SessionNumber, client_id: ClientId) {
        if self.ended.contains(&session) || !self.numbers.insert(session) {
            return;
        }
        let newest = self.newest.entry(client_id).or_insert(session);
        let older = session.min(*newest);
        if older != session.max(*newest) {
            self.superseded.insert(older);
            *newest = session.max(*newest);
        }
    }

    /// Whether records may belong to it.
    pub fn owns(&self, session: SessionNumber) -> bool {
        self.numbers.contains(&session) || self.ended.contains(&session)
    }

    /// Those that are part of the state, in their order.
    pub fn told(&self) -> Vec<SessionNumber> {
        self.numbers.difference(&self.superseded).copied().collect()
    }
}
