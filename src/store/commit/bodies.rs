use std::collections::{BTreeMap, HashMap};

use super::blob::{Blob, BlobError};
use super::keys;
use crate::journal::Change;
use crate::store::{Operation, Store, StoreError};
use crate::types::Message;

/// The messages of a round that stand in several queues: each is stored once, with the number of
/// places that it has.
pub struct Bodies {
    first: u64,
    /// With their places, in the order in which they came.
    shared: Vec<(Message, u64)>,
    /// Which of them, by where a message stands in memory: they hold it there.
    index: HashMap<usize, u64>,
}

/// How often each message is queued.
#[derive(Default)]
pub struct Uses {
    messages: Vec<(Message, u64)>,
    /// By where they stand in memory.
    index: HashMap<usize, usize>,
}

/// A smaller message costs less in each of its queues than the reference to it.
const SHARED_BYTES_MIN: usize = 64;

impl Uses {
    /// Counts the message that the change queues, if it does.
    pub fn count(&mut self, change: &Change) {
        let Change::Queued { message, .. } = change else { return };
        if message.len() < SHARED_BYTES_MIN {
            return;
        }
        let next = self.messages.len();
        let index = *self.index.entry(address(message)).or_insert(next);
        if index == next {
            self.messages.push((message.clone(), 0));
        }
        self.messages[index].1 += 1;
    }

    /// Those that are queued more than once, numbered from `first`.
    pub fn into_bodies(self, first: u64) -> Bodies {
        let shared = self.messages.into_iter().filter(|(_, uses)| *uses > 1);
        let shared: Vec<_> = shared.collect();
        let numbers = shared.iter().zip(first..);
        let index = numbers.map(|((message, _), body)| (address(message), body)).collect();
        Bodies { first, shared, index }
    }
}

impl Bodies {
    /// Under which number a message is stored apart, if it is.
    pub fn of(&self, message: &Message) -> Option<u64> {
        self.index.get(&address(message)).copied()
    }

    /// The first number behind theirs.
    pub fn end(&self) -> u64 {
        self.first + self.shared.len() as u64
    }

    /// Puts the one at `index` into a store, with its places; returns its bytes, or `None` if there is
    /// no such.
    pub fn put(&self, index: usize, operations: &mut Vec<Operation>) -> Option<usize> {
        let (message, places) = self.shared.get(index)?;
        let body = self.first + index as u64;
        Blob::put(&keys::body(body), message.as_bytes(), operations);
        put_count(body, *places, operations);
        Some(message.len())
    }
}

fn address(message: &Message) -> usize {
    message.as_bytes().as_ptr().addr()
}

/// Takes places from messages that are stored apart; those that have none any more are removed. A
/// count that cannot be read keeps its message for ever, which loses nothing.
pub fn release(
    store: &dyn Store,
    places_lost: &BTreeMap<u64, u64>,
    operations: &mut Vec<Operation>,
) -> Result<(), StoreError> {
    for (body, lost) in places_lost {
        let counted = Blob::read(store, &keys::body_count(*body))?;
        match open_count(&counted) {
            Ok(places) if places > *lost => put_count(*body, places - lost, operations),
            Ok(_) => remove(store, *body, &counted, operations)?,
            Err(_) => {}
        }
    }
    Ok(())
}

/// Removes a message that is stored apart, and the count of its places.
pub fn remove(
    store: &dyn Store,
    body: u64,
    counted: &Blob,
    operations: &mut Vec<Operation>,
) -> Result<(), StoreError> {
    counted.delete(operations);
    Blob::read(store, &keys::body(body))?.delete(operations);
    Ok(())
}

/// How many places are counted.
pub fn open_count(counted: &Blob) -> Result<u64, BlobError> {
    let bytes = counted.open()?;
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| BlobError::Damaged)
}

/// Counts so many places of a message.
pub fn put_count(body: u64, places: u64, operations: &mut Vec<Operation>) {
    Blob::put(&keys::body_count(body), &places.to_be_bytes(), operations);
}
