use std::collections::HashMap;
use std::ops::{Index, IndexMut};

use ahash::RandomState;
use slab::Slab;

use crate::journal::SessionNumber;
use crate::session::Session;
use crate::types::{ClientId, SessionKey};

/// All sessions, connected or not, by key and by client id.
///
/// Indexing by a key holds the promise that a key is only kept as long as its session lives.
#[derive(Debug)]
pub struct Sessions {
    slots: Slab<Session>,
    /// Looked up, never iterated: its order is random.
    by_client: HashMap<ClientId, SessionKey, RandomState>,
    /// Those that a journal knows of. Looked up, never iterated.
    by_number: HashMap<SessionNumber, SessionKey, RandomState>,
}

impl Sessions {
    pub fn new(hasher: RandomState) -> Self {
        let by_client = HashMap::with_hasher(hasher.clone());
        Self { slots: Slab::new(), by_client, by_number: HashMap::with_hasher(hasher) }
    }

    pub fn insert(&mut self, session: Session) -> SessionKey {
        let client_id = session.client_id.clone();
        let key = SessionKey(self.slots.insert(session) as u32);
        self.by_client.insert(client_id, key);
        key
    }

    pub fn remove(&mut self, key: SessionKey) -> Session {
        let session = self.slots.remove(key.0 as usize);
        self.by_client.remove(&session.client_id);
        self.by_number.remove(&session.number);
        session
    }

    /// A journal knows of the session from now on. Returns whether it did before.
    pub fn note_journaled(&mut self, key: SessionKey) -> bool {
        let session = &mut self.slots[key.0 as usize];
        self.by_number.insert(session.number, key);
        std::mem::replace(&mut session.journaled, true)
    }

    /// The session that a journal names so.
    pub fn find_number(&self, number: SessionNumber) -> Option<SessionKey> {
        self.by_number.get(&number).copied()
    }

    pub fn find(&self, client_id: &ClientId) -> Option<SessionKey> {
        self.by_client.get(client_id).copied()
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Some sessions, from a place on; and the place behind them, if there may be more.
    pub fn some(&self, from: usize, max: usize) -> (impl Iterator<Item = &Session>, Option<usize>) {
        let end = self.slots.capacity().min(from.saturating_add(max));
        let next = (end < self.slots.capacity()).then_some(end);
        ((from..end).filter_map(|slot| self.slots.get(slot)), next)
    }
}

impl Index<SessionKey> for Sessions {
    type Output = Session;

    fn index(&self, key: SessionKey) -> &Session {
        &self.slots[key.0 as usize]
    }
}

impl IndexMut<SessionKey> for Sessions {
    fn index_mut(&mut self, key: SessionKey) -> &mut Session {
        &mut self.slots[key.0 as usize]
    }
}
