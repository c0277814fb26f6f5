use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::blob::{BYTES_IN_ONE_MAX, Blob, BlobError};
use super::bodies::{self, Bodies};
use super::piece::{Piece, without_message};
use super::segment::{Left, Segment, len_of};
use super::{keys, refuse_format};
use crate::journal::{Change, SessionNumber};
use crate::store::{Operation, Store, StoreError};

/// One apply of a round in the making: takes changes into the records that they touch.
///
/// No record is touched twice in one apply, nothing depends on what another apply of the same round
/// did, and each change sets or removes what it names. So an apply that has happened may happen again,
/// as it does when a crash cuts off a round.
pub struct Fold<'a> {
    store: &'a dyn Store,
    operations: Vec<Operation>,
    /// Places that messages stored apart lose here.
    places_lost: BTreeMap<u64, u64>,
    /// Bytes read and put, about.
    cost: usize,
    quarantined: u64,
    ended: Vec<SessionNumber>,
}

/// What an apply comes to.
pub struct Folded {
    pub operations: Vec<Operation>,
    /// Records found damaged.
    pub quarantined: u64,
    /// Sessions that it ends, whose other records are to be removed.
    pub ended: Vec<SessionNumber>,
}

/// The longest part of a segment: it stands in one chunk, with what stands beside the changes in it.
pub const PART_BYTES_MAX: usize = BYTES_IN_ONE_MAX - 16;
/// What stands in a part for a message that is stored apart.
pub const REFERENCE_BYTES: usize = 16;

impl<'a> Fold<'a> {
    pub fn new(store: &'a dyn Store) -> Self {
        let (operations, places_lost, ended) = Default::default();
        Self { store, operations, places_lost, cost: 0, quarantined: 0, ended }
    }

    /// Bytes read and put so far, about.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Puts the message of that index; returns whether there is one.
    pub fn put_body(&mut self, bodies: &Bodies, index: usize) -> bool {
        let put = bodies.put(index, &mut self.operations);
        self.cost += put.unwrap_or(0);
        put.is_some()
    }

    /// Takes in what concerns a record that is a list of changes.
    pub fn take_piece(&mut self, key: &[u8], changes: Vec<Change>) -> Result<(), StoreError> {
        let (stored, mut piece) = self.read_piece(key)?;
        piece.take(changes);
        self.put_piece(&stored, &piece);
        Ok(())
    }

    /// Takes in what concerns the session itself; returns whether it exists afterwards.
    pub fn take_head(
        &mut self,
        session: SessionNumber,
        changes: Vec<Change>,
    ) -> Result<bool, StoreError> {
        let has_ended = matches!(changes.last(), Some(Change::SessionEnded { .. }));
        let (stored, mut piece) = self.read_piece(&keys::head(session))?;
        if has_ended {
            stored.delete(&mut self.operations);
            Blob::put(&keys::ended(session), b"", &mut self.operations);
            self.ended.push(session);
            return Ok(false);
        }
        piece.take(changes);
        if piece.is_session() {
            self.put_piece(&stored, &piece);
        }
        Ok(piece.is_session())
    }

    fn read_piece(&mut self, key: &[u8]) -> Result<(Blob, Piece), StoreError> {
        let stored = Blob::read(self.store, key)?;
        self.cost += stored.len();
        if stored.chunks.is_empty() {
            return Ok((stored, Piece::default()));
        }
        match stored.open().and_then(|bytes| Piece::decode(&bytes)) {
            Ok(piece) => Ok((stored, piece)),
            Err(BlobError::Format(format)) => Err(refuse_format(format)),
            Err(BlobError::Damaged) => {
                self.set_aside(stored);
                Ok((Blob { key: key.to_vec(), chunks: Vec::new() }, Piece::default()))
            }
        }
    }

    fn put_piece(&mut self, stored: &Blob, piece: &Piece) {
        let bytes = piece.encode();
        let before = self.operations.len();
        let chunks = match bytes.is_empty() {
            true => 0,
            false => Blob::put(&stored.key, &bytes, &mut self.operations),
        };
        self.cost += put_bytes(&self.operations[before..]) as usize;
        let over = stored.chunks.iter().skip(chunks);
        self.operations.extend(over.map(|(key, _)| Operation::Delete { key: key.clone() }));
    }

    /// Takes in what concerns the queue numbers of one segment, until one part of it is full; the
    /// others stay in `changes`. Where a part ends does not depend on anything else.
    pub fn take_segment(
        &mut self,
        session: SessionNumber,
        index: u64,
        bodies: &Bodies,
        changes: &mut std::iter::Peekable<std::vec::IntoIter<Change>>,
    ) -> Result<(), StoreError> {
        let mut segment = self.read_segment(session, index)?;
        let was_there = segment.is_some();
        let segment = segment.get_or_insert_with(|| Segment::new(session, index));
        let mut part = Part::default();
        while let Some(change) = changes.next_if(|change| part.has_room_for(change, bodies)) {
            let lost = match change {
                Change::Queued { .. } => part.push(change, bodies, segment),
                Change::PubRecSeen { number, .. } => segment.set(number, Left::Released),
                Change::Settled { number, .. } => segment.settle(number),
                other => unreachable!("{other:?} concerns no queue number"),
            };
            self.release(lost.and_then(Left::body));
        }
        let before = self.operations.len();
        part.put(session, segment, &mut self.operations);
        if was_there || segment.unfinished().next().is_some() {
            segment.put(&mut self.operations);
        }
        self.cost += put_bytes(&self.operations[before..]) as usize;
        Ok(())
    }

    fn read_segment(
        &mut self,
        session: SessionNumber,
        index: u64,
    ) -> Result<Option<Segment>, StoreError> {
        let stored = Blob::read(self.store, &keys::segment(session, index))?;
        self.cost += stored.len();
        if stored.chunks.is_empty() {
            return Ok(None);
        }
        match Segment::open(&stored) {
            Ok(segment) => Ok(Some(segment)),
            Err(BlobError::Format(format)) => Err(refuse_format(format)),
            Err(BlobError::Damaged) => {
                self.set_aside_with_parts(stored)?;
                Ok(None)
            }
        }
    }

    /// Moves a damaged record out of the way, and the parts of a segment with it: nobody knows any more
    /// what is unfinished of them.
    pub fn set_aside_with_parts(&mut self, damaged: Blob) -> Result<(), StoreError> {
        let (session, index) = (keys::session(&damaged.key), keys::second_number(&damaged.key));
        if let ([keys::SEGMENT, ..], Some(session), Some(index)) =
            (&damaged.key[..], session, index)
        {
            for part in parts_of(self.store, session, index)? {
                self.set_aside(part);
            }
        }
        self.set_aside(damaged);
        Ok(())
    }

    /// Takes out numbers whose messages are not there any more.
    pub fn forget(
        &mut self,
        session: SessionNumber,
        index: u64,
        numbers: &[u64],
    ) -> Result<(), StoreError> {
        let Some(mut segment) = self.read_segment(session, index)? else { return Ok(()) };
        for number in numbers {
            self.release(segment.settle(*number).and_then(Left::body));
        }
        segment.put(&mut self.operations);
        Ok(())
    }

    /// Removes a segment whatever is unfinished of it.
    pub fn remove_segment(&mut self, stored: &Blob) {
        match Segment::open(stored) {
            Ok(segment) => {
                self.cost += segment.remove_cost();
                segment.bodies().for_each(|body| self.release(Some(body)));
                segment.remove(&mut self.operations);
            }
            Err(_) => stored.delete(&mut self.operations),
        }
        self.cost += stored.len();
    }

    /// Removes a record.
    pub fn remove(&mut self, stored: &Blob) {
        self.cost += stored.len();
        stored.delete(&mut self.operations);
    }

    fn release(&mut self, body: Option<u64>) {
        body.into_iter().for_each(|body| *self.places_lost.entry(body).or_default() += 1);
    }

    /// Moves a damaged record out of the way.
    pub fn set_aside(&mut self, damaged: Blob) {
        self.quarantined += 1;
        damaged.quarantine(keys::QUARANTINE, &mut self.operations);
    }

    pub fn finish(mut self) -> Result<Folded, StoreError> {
        bodies::release(self.store, &self.places_lost, &mut self.operations)?;
        let Self { operations, quarantined, ended, .. } = self;
        Ok(Folded { operations, quarantined, ended })
    }
}

/// The parts that a segment may have.
pub fn parts_of(
    store: &dyn Store,
    session: SessionNumber,
    index: u64,
) -> Result<Vec<Blob>, StoreError> {
    let mut parts = Vec::new();
    let from = keys::part(session, index.saturating_mul(keys::SEGMENT_NUMBERS));
    Blob::scan(store, &keys::numbered(keys::PART, session.0), &from, &mut |blob| {
        let number = keys::second_number(&blob.key);
        if number.is_some_and(|number| keys::segment_of(number) != index) {
            return ControlFlow::Break(());
        }
        parts.push(blob);
        ControlFlow::Continue(())
    })?;
    Ok(parts)
}

/// A part in the making.
#[derive(Default)]
struct Part {
    piece: Piece,
    first: Option<u64>,
    bytes: usize,
}

impl Part {
    /// A message alone may be longer than a part.
    fn has_room_for(&self, change: &Change, bodies: &Bodies) -> bool {
        self.first.is_none() || self.bytes + bytes_in_part(change, bodies) <= PART_BYTES_MAX
    }

    /// Takes a message in; returns what its number loses by that.
    fn push(&mut self, change: Change, bodies: &Bodies, segment: &mut Segment) -> Option<Left> {
        self.bytes += bytes_in_part(&change, bodies);
        let Change::Queued { number, message, .. } = &change else { return None };
        let (number, body) = (*number, bodies.of(message));
        let len = len_of(message.as_bytes());
        self.first.get_or_insert(number);
        let change = match body {
            Some(body) => {
                self.piece.bodies.insert(number, body);
                without_message(change)
            }
            None => change,
        };
        self.piece.changes.push(change);
        // The same message once more, where a round is done again, has its place already.
        let before = segment.set(number, Left::Message { len, body });
        before.filter(|before| before.body() != body)
    }

    fn put(self, session: SessionNumber, segment: &mut Segment, operations: &mut Vec<Operation>) {
        let Some(first) = self.first else { return };
        let bytes = self.piece.encode();
        segment.add_part(first, Blob::put(&keys::part(session, first), &bytes, operations));
    }
}

fn bytes_in_part(change: &Change, bodies: &Bodies) -> usize {
    match change {
        Change::Queued { message, subscription_ids, .. } => {
            let ids = 4 * subscription_ids.iter().count();
            let apart = bodies.of(message).is_some();
            FIXED_COST + ids + if apart { REFERENCE_BYTES } else { message.len() }
        }
        _ => 0,
    }
}

/// Bytes that a change takes in a record beside what is of any length.
pub const FIXED_COST: usize = 32;

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

/// Bytes that these operations put, keys included.
pub fn put_bytes(operations: &[Operation]) -> u64 {
    let bytes = |operation: &Operation| match operation {
        Operation::Put { key, value } => key.len() + value.len(),
        Operation::Delete { .. } => 0,
    };
    operations.iter().map(bytes).sum::<usize>() as u64
}
