use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::blob::{Blob, BlobError};
use super::bodies::Bodies;
use super::keys;
use super::piece::{Piece, without_message};
use super::refuse_format;
use crate::journal::{Change, SessionNumber};
use crate::store::{Operation, Store, StoreError};

/// One step of folding: takes changes in their order into the pieces that they touch.
///
/// Pieces are read when the first change touches them, so the cost of a step is bounded by what the
/// step is allowed to read, and only one step's worth is in memory.
pub struct Fold<'a> {
    store: &'a dyn Store,
    pieces: BTreeMap<Vec<u8>, Touched>,
    bodies: Bodies,
    quarantined: Vec<Blob>,
    /// Bytes of changes taken and of pieces read.
    cost: usize,
    cost_max: usize,
}

/// What a step comes to.
pub struct Folded {
    /// How many changes it took.
    pub taken: usize,
    /// The number that the next message stored apart gets.
    pub next_body: u64,
    /// Records found damaged.
    pub quarantined: u64,
    pub operations: Vec<Operation>,
}

/// A piece as it was and as it will be.
struct Touched {
    stored: Blob,
    bytes: Vec<u8>,
    piece: Piece,
}

impl<'a> Fold<'a> {
    /// Takes of `changes` from the front what `cost_max` allows, at least something.
    pub fn run(
        store: &'a dyn Store,
        next_body: u64,
        changes: &[Change],
        cost_max: usize,
    ) -> Result<Folded, StoreError> {
        let bodies = Bodies::new(next_body, changes);
        let (pieces, quarantined) = Default::default();
        let mut fold = Self { store, pieces, bodies, quarantined, cost: 0, cost_max };
        let taken = fold.take(changes)?;
        fold.finish(taken)
    }

    fn take(&mut self, changes: &[Change]) -> Result<usize, StoreError> {
        for (taken, change) in changes.iter().enumerate() {
            if self.cost >= self.cost_max || self.handle(change)?.is_break() {
                return Ok(taken);
            }
            self.cost += self.cost_of(change);
        }
        Ok(changes.len())
    }

    fn cost_of(&self, change: &Change) -> usize {
        match change {
            Change::Queued { message, .. } if self.bodies.is_shared(message) => FIXED_COST,
            change => cost_of(change),
        }
    }

    /// Breaks if the change takes more steps than this one.
    fn handle(&mut self, change: &Change) -> Result<ControlFlow<()>, StoreError> {
        match change {
            Change::SessionOpened { session, .. } => {
                if self.clear(*session)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                self.push(keys::head(*session), change)?;
            }
            Change::SessionEnded { session } => return self.clear(*session),
            Change::SessionResumed { session, .. }
            | Change::SessionDetached { session, .. }
            | Change::InboundTaken { session, .. }
            | Change::InboundReleased { session, .. }
            | Change::Sent { session, .. }
            | Change::WillArmed { session, .. }
            | Change::WillCleared { session } => self.push(keys::head(*session), change)?,
            Change::Subscribed { session, filter, .. }
            | Change::Unsubscribed { session, filter } => {
                self.push(keys::subscription(*session, filter.as_str()), change)?;
            }
            Change::Queued { session, number, .. } => self.queue(*session, *number, change)?,
            Change::PubRecSeen { session, number } | Change::Settled { session, number } => {
                self.advance(*session, *number, change)?;
            }
            Change::RetainedSet { message } => {
                self.push(keys::retained(message.topic()), change)?;
            }
            Change::RetainedCleared { topic } => self.push(keys::retained(topic), change)?,
        }
        Ok(ControlFlow::Continue(()))
    }

    fn push(&mut self, key: Vec<u8>, change: &Change) -> Result<(), StoreError> {
        self.touch(key)?.changes.push(change.clone());
        Ok(())
    }

    fn queue(
        &mut self,
        session: SessionNumber,
        number: u64,
        change: &Change,
    ) -> Result<(), StoreError> {
        let Change::Queued { message, .. } = change else { return Ok(()) };
        let body = self.bodies.take(message);
        let piece = self.touch(keys::segment(session, number))?;
        let (before, change) = match body {
            Some(body) => (piece.bodies.insert(number, body), without_message(change.clone())),
            None => (piece.bodies.remove(&number), change.clone()),
        };
        piece.changes.push(change);
        before.into_iter().for_each(|body| self.bodies.release(body));
        Ok(())
    }

    /// The message is the client's, or done with: in neither case it is needed any more.
    fn advance(
        &mut self,
        session: SessionNumber,
        number: u64,
        change: &Change,
    ) -> Result<(), StoreError> {
        let piece = self.touch(keys::segment(session, number))?;
        piece.changes.push(change.clone());
        let body = piece.bodies.remove(&number);
        body.into_iter().for_each(|body| self.bodies.release(body));
        if super::cancel::is_mark(number) && matches!(change, Change::Settled { .. }) {
            // The segment forgets what is settled.
            self.push(keys::head(session), change)?;
        }
        Ok(())
    }

    /// Empties all pieces of a session. Breaks while some are left for the next step: then the change
    /// that ends the session is still in the journal, so nobody will miss those that are gone.
    fn clear(&mut self, session: SessionNumber) -> Result<ControlFlow<()>, StoreError> {
        for prefix in keys::of_session(session) {
            let mut found = Vec::new();
            let mut room = self.cost_max.saturating_sub(self.cost).max(1);
            let mut more = false;
            Blob::scan(self.store, &prefix, b"", &mut |blob| {
                more = room == 0;
                room = room.saturating_sub(blob.len());
                found.push(blob.key);
                if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            for key in found {
                self.touch(key)?;
            }
            self.empty(&prefix);
            if more {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn empty(&mut self, prefix: &[u8]) {
        let from = prefix.to_vec();
        let touched = self.pieces.range_mut(from..).take_while(|(key, _)| key.starts_with(prefix));
        for (_, touched) in touched {
            touched.piece.changes.clear();
            let bodies = std::mem::take(&mut touched.piece.bodies);
            bodies.into_values().for_each(|body| self.bodies.release(body));
        }
    }

    fn touch(&mut self, key: Vec<u8>) -> Result<&mut Piece, StoreError> {
        if !self.pieces.contains_key(&key) {
            let touched = self.read(&key)?;
            self.cost += touched.bytes.len();
            self.pieces.insert(key.clone(), touched);
        }
        Ok(&mut self.pieces.get_mut(&key).expect("just read").piece)
    }

    fn read(&mut self, key: &[u8]) -> Result<Touched, StoreError> {
        let stored = Blob::read(self.store, key)?;
        if stored.chunks.is_empty() {
            return Ok(Touched { stored, bytes: Vec::new(), piece: Piece::default() });
        }
        let read = |blob: &Blob| {
            let bytes = blob.open()?;
            let piece = Piece::decode(&bytes)?;
            Ok((bytes, piece))
        };
        match read(&stored) {
            Ok((bytes, piece)) => Ok(Touched { stored, bytes, piece }),
            Err(BlobError::Format(format)) => Err(refuse_format(format)),
            Err(BlobError::Damaged) => {
                self.quarantined.push(stored);
                let stored = Blob { key: key.to_vec(), chunks: Vec::new() };
                Ok(Touched { stored, bytes: Vec::new(), piece: Piece::default() })
            }
        }
    }

    fn finish(self, taken: usize) -> Result<Folded, StoreError> {
        let mut operations = Vec::new();
        let quarantined = self.quarantined.len() as u64;
        for blob in self.quarantined {
            blob.quarantine(keys::QUARANTINE, &mut operations);
        }
        for (key, touched) in self.pieces {
            touched.write(&key, &mut operations);
        }
        let next_body = self.bodies.next();
        self.bodies.finish(self.store, &mut operations)?;
        Ok(Folded { taken, next_body, quarantined, operations })
    }
}

impl Touched {
    fn write(mut self, key: &[u8], operations: &mut Vec<Operation>) {
        self.piece.settle(key[0]);
        let bytes = self.piece.encode();
        if bytes == self.bytes {
            return;
        }
        self.stored.delete(operations);
        if !bytes.is_empty() {
            Blob::put(key, &bytes, operations);
        }
    }
}

const FIXED_COST: usize = 32;

/// Bytes that a change takes in a record, about.
pub fn cost_of(change: &Change) -> usize {
    FIXED_COST
        + match change {
            Change::Queued { message, .. } | Change::RetainedSet { message } => message.len(),
            Change::WillArmed { will, .. } => will.message.len(),
            Change::Subscribed { filter, .. } | Change::Unsubscribed { filter, .. } => {
                filter.as_str().len()
            }
            Change::RetainedCleared { topic } => topic.len(),
            Change::SessionOpened { client_id, .. } => client_id.as_str().len(),
            _ => 0,
        }
}
