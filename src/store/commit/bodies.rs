use std::collections::{BTreeMap, HashMap};

use super::blob::Blob;
use super::keys;
use crate::journal::Change;
use crate::store::{Operation, Store, StoreError};
use crate::types::Message;

/// Messages that stand in several queues, each stored once with the number of places that it has.
pub struct Bodies {
    /// The number that the next one gets.
    next: u64,
    /// How often a message is queued in the changes at hand, by where it stands in memory.
    uses: HashMap<*const u8, usize>,
    /// What this step stored apart, by the same.
    stored: HashMap<*const u8, u64>,
    /// Those messages.
    new: BTreeMap<u64, Message>,
    /// Places won and lost in this step.
    places: BTreeMap<u64, i64>,
}

/// A smaller message costs less in each of its queues than the reference to it.
const SHARED_BYTES_MIN: usize = 64;

impl Bodies {
    /// For a step of folding over `changes`.
    pub fn new(next: u64, changes: &[Change]) -> Self {
        let mut uses = HashMap::new();
        for change in changes {
            if let Change::Queued { message, .. } = change {
                *uses.entry(message.as_bytes().as_ptr()).or_default() += 1;
            }
        }
        let (stored, new, places) = Default::default();
        Self { next, uses, stored, new, places }
    }

    /// One more place for the message, if it is to be stored apart.
    pub fn take(&mut self, message: &Message) -> Option<u64> {
        if !self.is_shared(message) {
            return None;
        }
        let address = message.as_bytes().as_ptr();
        let body = *self.stored.entry(address).or_insert_with(|| {
            self.new.insert(self.next, message.clone());
            self.next += 1;
            self.next - 1
        });
        *self.places.entry(body).or_default() += 1;
        Some(body)
    }

    /// Whether the changes at hand queue it more than once, and it is worth a reference.
    pub fn is_shared(&self, message: &Message) -> bool {
        let uses = self.uses.get(&message.as_bytes().as_ptr());
        message.len() >= SHARED_BYTES_MIN && uses.is_some_and(|uses| *uses > 1)
    }

    /// One place fewer.
    pub fn release(&mut self, body: u64) {
        *self.places.entry(body).or_default() -= 1;
    }

    /// The number that the next one gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// What the store has to do.
    pub fn finish(
        self,
        store: &dyn Store,
        operations: &mut Vec<Operation>,
    ) -> Result<(), StoreError> {
        for (body, won) in self.places {
            match self.new.get(&body) {
                Some(message) if won > 0 => {
                    Blob::put(&keys::body(body), message.as_bytes(), operations);
                    put_count(body, won, operations);
                }
                Some(_) => {}
                None => recount(store, body, won, operations)?,
            }
        }
        Ok(())
    }
}

/// A count that cannot be read keeps its message for ever, which loses nothing.
fn recount(
    store: &dyn Store,
    body: u64,
    won: i64,
    operations: &mut Vec<Operation>,
) -> Result<(), StoreError> {
    let counted = Blob::read(store, &keys::body_count(body))?;
    let bytes = counted.open().ok().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let Some(places) = bytes.map(i64::from_be_bytes) else { return Ok(()) };
    if places + won > 0 {
        put_count(body, places + won, operations);
    } else {
        counted.delete(operations);
        Blob::read(store, &keys::body(body))?.delete(operations);
    }
    Ok(())
}

fn put_count(body: u64, places: i64, operations: &mut Vec<Operation>) {
    Blob::put(&keys::body_count(body), &places.to_be_bytes(), operations);
}
