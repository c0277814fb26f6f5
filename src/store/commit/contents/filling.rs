use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::super::blob::Blob;
use super::super::bodies;
use super::super::fold::{FIXED_COST, PART_BYTES_MAX, REFERENCE_BYTES, put_bytes};
use super::super::keys;
use super::super::piece::{Piece, without_message};
use super::super::progress::Progress;
use super::super::segment::{Left, Segment, len_of};
use super::{Content, Delivery, Entry, open_piece};
use crate::journal::{Change, SessionNumber};
use crate::store::{Operation, Store, StoreError};
use crate::types::{Lsn, Message, MessageHead};

/// Writes what [`contents`](super::contents) tells into an empty store, in the same order.
///
/// What is written is whole only after [`Self::finish`].
pub struct Filling<'a> {
    store: &'a mut dyn Store,
    operations: Vec<Operation>,
    bytes: u64,
    /// The session that is being written, and its head.
    head: Option<(SessionNumber, Piece)>,
    /// The segment that is being written.
    segment: Option<Queue>,
    /// Places of shared messages that are not written yet.
    places: BTreeMap<u64, u64>,
    /// Lengths of shared messages, of those that are not written yet all.
    lens: HashMap<u64, u32>,
    next_body: u64,
    last_session: u64,
}

/// A segment in the making, and its last part.
struct Queue {
    session: SessionNumber,
    index: u64,
    segment: Segment,
    part: Piece,
    first: u64,
    bytes: usize,
}

/// Lengths that are remembered.
const LENS_MAX: usize = 65_536;

/// Bytes that are applied at a time.
const BATCH_BYTES: u64 = 1024 * 1024;
/// A longer text shares its record with others that begin like it.
const OWN_RECORD_BYTES: usize = keys::TEXT_BYTES_MAX;

impl<'a> Filling<'a> {
    /// Into `store`, which has nothing yet.
    pub fn new(store: &'a mut dyn Store) -> Self {
        let (operations, places, lens) = Default::default();
        Self {
            store,
            operations,
            bytes: 0,
            head: None,
            segment: None,
            places,
            lens,
            next_body: 0,
            last_session: 0,
        }
    }

    /// Takes the next part. What is damaged is set aside.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be written.
    pub fn take(&mut self, content: Content) -> Result<(), StoreError> {
        match content {
            Content::Shared { body, message } => self.put_shared(body, &message)?,
            Content::Delivery(delivery) => self.put_delivery(delivery)?,
            Content::Change(change) => self.put_change(change)?,
            Content::Quarantined(entry) => self.quarantine(entry),
            Content::Problem(problem) => {
                problem.into_entries().into_iter().for_each(|entry| self.quarantine(entry));
            }
            Content::Record { .. } => {}
        }
        if self.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Whether this shared message has been written.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    pub fn has_shared(&mut self, body: u64) -> Result<bool, StoreError> {
        Ok(self.shared_len(body)?.is_some())
    }

    fn shared_len(&mut self, body: u64) -> Result<Option<u32>, StoreError> {
        if let Some(len) = self.lens.get(&body) {
            return Ok(Some(*len));
        }
        let stored = Blob::read(self.store, &keys::body(body))?;
        let Ok(message) = stored.open() else { return Ok(None) };
        if stored.chunks.is_empty() {
            return Ok(None);
        }
        let len = len_of(&message);
        self.lens.insert(body, len);
        Ok(Some(len))
    }

    /// Writes what is left to write; shared messages that no queue has are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be written.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.close_session();
        let mut operations = Vec::new();
        let Self { next_body, last_session, .. } = self;
        let (folded, round_to) = (Lsn::NONE, Lsn::NONE);
        Progress { folded, round_to, next_body, last_session }.put(&mut operations);
        self.put(operations);
        self.flush()?;
        while self.drop_unused()? {}
        self.store.sync()
    }

    /// Puts an entry where damaged ones are kept.
    fn quarantine(&mut self, entry: Entry) {
        let Entry { mut key, value } = entry;
        if key.first() != Some(&keys::QUARANTINE) {
            key.insert(0, keys::QUARANTINE);
        }
        self.put(vec![Operation::Put { key, value }]);
    }

    fn put_shared(&mut self, body: u64, message: &Message) -> Result<(), StoreError> {
        self.put_blob(&keys::body(body), message.as_bytes());
        self.places.entry(body).or_insert(0);
        self.lens.insert(body, len_of(message.as_bytes()));
        self.next_body = self.next_body.max(body.saturating_add(1));
        Ok(())
    }

    fn put_delivery(&mut self, delivery: Delivery) -> Result<(), StoreError> {
        let Delivery { session, number, body, qos, retain, subscription_ids } = delivery;
        let message = Message::new(MessageHead::default(), "-", &[], &[]);
        let queued = Change::Queued { session, number, message, qos, retain, subscription_ids };
        let len = self.shared_len(body)?.unwrap_or(0);
        *self.places.entry(body).or_insert(0) += 1;
        let queue = self.queue(session, number, REFERENCE_BYTES);
        queue.segment.set(number, Left::Message { len, body: Some(body) });
        queue.part.bodies.insert(number, body);
        queue.part.changes.push(without_message(queued));
        Ok(())
    }

    fn put_change(&mut self, change: Change) -> Result<(), StoreError> {
        match &change {
            Change::SessionOpened { session, .. } => {
                self.close_session();
                self.last_session = self.last_session.max(session.0);
                self.head = Some((*session, Piece { changes: vec![change], ..Piece::default() }));
            }
            Change::Subscribed { session, filter, .. } => {
                let key = keys::subscription(*session, filter.as_str());
                self.put_text(&key, filter.as_str().len(), change)?;
            }
            Change::RetainedSet { message } => {
                self.close_session();
                let (key, bytes) = (keys::retained(message.topic()), message.topic().len());
                self.put_text(&key, bytes, change)?;
            }
            Change::Queued { session, number, message, .. } => {
                let len = len_of(message.as_bytes());
                let queue = self.queue(*session, *number, message.len());
                queue.segment.set(*number, Left::Message { len, body: None });
                queue.part.changes.push(change);
            }
            Change::PubRecSeen { session, number } => {
                let queue = self.queue(*session, *number, 0);
                queue.segment.set(*number, Left::Released);
            }
            _ => {
                if let Some((_, head)) = &mut self.head {
                    head.changes.push(change);
                }
            }
        }
        Ok(())
    }

    /// Several texts that are long and begin alike stand in one record.
    fn put_text(&mut self, key: &[u8], bytes: usize, change: Change) -> Result<(), StoreError> {
        let mut piece = Piece::default();
        if bytes > OWN_RECORD_BYTES {
            self.flush()?;
            piece = open_piece(&Blob::read(self.store, key)?).unwrap_or_default();
        }
        piece.changes.push(change);
        self.put_blob(key, &piece.encode());
        Ok(())
    }

    /// The segment of a number, and in it a part with room for so many bytes more.
    fn queue(&mut self, session: SessionNumber, number: u64, bytes: usize) -> &mut Queue {
        let index = keys::segment_of(number);
        let is_other = |queue: &Queue| (queue.session, queue.index) != (session, index);
        if self.segment.as_ref().is_some_and(is_other) {
            self.close_segment();
        }
        let bytes = FIXED_COST + bytes;
        let is_full = |queue: &Queue| queue.bytes > 0 && queue.bytes + bytes > PART_BYTES_MAX;
        if self.segment.as_ref().is_some_and(is_full) {
            self.close_part();
        }
        let queue = self.segment.get_or_insert_with(|| Queue::new(session, index));
        if queue.part.changes.is_empty() {
            queue.first = number;
        }
        queue.bytes += bytes;
        queue
    }

    fn close_part(&mut self) {
        let Some(mut queue) = self.segment.take() else { return };
        let part = std::mem::take(&mut queue.part);
        queue.bytes = 0;
        if !part.changes.is_empty() {
            let key = keys::part(queue.session, queue.first);
            let chunks = self.put_blob(&key, &part.encode());
            queue.segment.add_part(queue.first, chunks);
        }
        self.segment = Some(queue);
    }

    fn close_segment(&mut self) {
        self.close_part();
        if let Some(queue) = self.segment.take() {
            let mut operations = Vec::new();
            queue.segment.put(&mut operations);
            self.put(operations);
        }
    }

    fn close_session(&mut self) {
        self.close_segment();
        if let Some((session, piece)) = self.head.take() {
            self.put_blob(&keys::head(session), &piece.encode());
        }
    }

    /// Puts bytes under a key and returns in how many chunks.
    fn put_blob(&mut self, key: &[u8], bytes: &[u8]) -> usize {
        let mut operations = Vec::new();
        let chunks = Blob::put(key, bytes, &mut operations);
        self.put(operations);
        chunks
    }

    fn put(&mut self, operations: Vec<Operation>) {
        self.bytes += put_bytes(&operations);
        self.operations.extend(operations);
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        for (body, won) in std::mem::take(&mut self.places) {
            let counted = Blob::read(self.store, &keys::body_count(body))?;
            let before = bodies::open_count(&counted).unwrap_or(0);
            bodies::put_count(body, before + won, &mut self.operations);
        }
        if self.lens.len() > LENS_MAX {
            self.lens.clear();
        }
        self.bytes = 0;
        self.store.apply(std::mem::take(&mut self.operations))
    }

    /// Removes some messages that no queue has; whether there may be more.
    fn drop_unused(&mut self) -> Result<bool, StoreError> {
        let mut unused = Vec::new();
        Blob::scan(self.store, &[keys::BODY_COUNT], b"", &mut |blob| {
            if bodies::open_count(&blob) == Ok(0) {
                unused.push(blob);
            }
            if unused.len() < UNUSED_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        let is_full = unused.len() == UNUSED_MAX;
        let mut operations = Vec::new();
        for counted in unused {
            let body = keys::number(&counted.key).unwrap_or(0);
            bodies::remove(self.store, body, &counted, &mut operations)?;
        }
        self.store.apply(operations)?;
        Ok(is_full)
    }
}

impl Queue {
    fn new(session: SessionNumber, index: u64) -> Self {
        let segment = Segment::new(session, index);
        Self { session, index, segment, part: Piece::default(), first: 0, bytes: 0 }
    }
}

/// Messages that are removed at a time.
const UNUSED_MAX: usize = 10_000;
