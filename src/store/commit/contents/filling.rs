use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::super::blob::Blob;
use super::super::folder::{Progress, put_bytes};
use super::super::keys;
use super::super::piece::{Piece, without_message};
use super::{Content, Delivery, Entry, open_body, open_piece};
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
    /// The segment that is being written, by its key.
    segment: Option<(Vec<u8>, Piece)>,
    /// Places of shared messages that are not written yet.
    places: BTreeMap<u64, u64>,
    next_body: u64,
}

/// Bytes that are applied at a time.
const BATCH_BYTES: u64 = 1024 * 1024;
/// A longer text shares its record with others that begin like it.
const OWN_RECORD_BYTES: usize = keys::TEXT_BYTES_MAX;

impl<'a> Filling<'a> {
    /// Into `store`, which has nothing yet.
    pub fn new(store: &'a mut dyn Store) -> Self {
        let (operations, places) = Default::default();
        Self { store, operations, bytes: 0, head: None, segment: None, places, next_body: 0 }
    }

    /// Takes the next part. What is damaged is set aside.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be written.
    pub fn take(&mut self, content: Content) -> Result<(), StoreError> {
        match content {
            Content::Shared { body, message } => self.put_shared(body, &message)?,
            Content::Delivery(delivery) => self.put_delivery(delivery),
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
    pub fn has_shared(&self, body: u64) -> Result<bool, StoreError> {
        if self.places.contains_key(&body) {
            return Ok(true);
        }
        Ok(!Blob::read(self.store, &keys::body_count(body))?.chunks.is_empty())
    }

    /// Writes what is left to write; shared messages that no queue has are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be written.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.close_session();
        let mut operations = Vec::new();
        Progress { folded: Lsn::NONE, next_body: self.next_body }.put(&mut operations);
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
        let mut operations = Vec::new();
        Blob::put(&keys::body(body), message.as_bytes(), &mut operations);
        self.put(operations);
        self.places.entry(body).or_insert(0);
        self.next_body = self.next_body.max(body.saturating_add(1));
        Ok(())
    }

    fn put_delivery(&mut self, delivery: Delivery) {
        let Delivery { session, number, body, qos, retain, subscription_ids } = delivery;
        let message = Message::new(MessageHead::default(), "-", &[], &[]);
        let queued = Change::Queued { session, number, message, qos, retain, subscription_ids };
        *self.places.entry(body).or_insert(0) += 1;
        let piece = self.segment(session, number);
        piece.bodies.insert(number, body);
        piece.changes.push(without_message(queued));
    }

    fn put_change(&mut self, change: Change) -> Result<(), StoreError> {
        match &change {
            Change::SessionOpened { session, .. } => {
                self.close_session();
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
            Change::Queued { session, number, .. } | Change::PubRecSeen { session, number } => {
                self.segment(*session, *number).changes.push(change);
            }
            // The last number that was used is told by the end of a session that nobody knows.
            Change::SessionEnded { .. } => {}
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
        self.put_piece(key, piece);
        Ok(())
    }

    fn segment(&mut self, session: SessionNumber, number: u64) -> &mut Piece {
        let key = keys::segment(session, number);
        if self.segment.as_ref().is_some_and(|(other, _)| *other != key) {
            self.close_segment();
        }
        &mut self.segment.get_or_insert_with(|| (key, Piece::default())).1
    }

    fn close_segment(&mut self) {
        if let Some((key, piece)) = self.segment.take() {
            self.put_piece(&key, piece);
        }
    }

    fn close_session(&mut self) {
        self.close_segment();
        if let Some((session, piece)) = self.head.take() {
            self.put_piece(&keys::head(session), piece);
        }
    }

    fn put_piece(&mut self, key: &[u8], mut piece: Piece) {
        piece.settle(key[0]);
        let mut operations = Vec::new();
        Blob::put(key, &piece.encode(), &mut operations);
        self.put(operations);
    }

    fn put(&mut self, operations: Vec<Operation>) {
        self.bytes += put_bytes(&operations);
        self.operations.extend(operations);
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        for (body, won) in std::mem::take(&mut self.places) {
            let key = keys::body_count(body);
            let before = super::places::open_count(&Blob::read(self.store, &key)?).unwrap_or(0);
            Blob::put(&key, &(before + won).to_be_bytes(), &mut self.operations);
        }
        self.bytes = 0;
        self.store.apply(std::mem::take(&mut self.operations))
    }

    /// Removes some messages that no queue has; whether there may be more.
    fn drop_unused(&mut self) -> Result<bool, StoreError> {
        let mut unused = Vec::new();
        Blob::scan(self.store, &[keys::BODY_COUNT], b"", &mut |blob| {
            if super::places::open_count(&blob) == Ok(0) {
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
        for count in unused {
            let body = keys::number(&count.key).unwrap_or(0);
            count.delete(&mut operations);
            let message = Blob::read(self.store, &keys::body(body))?;
            debug_assert!(open_body(&message).is_ok(), "written a moment ago");
            message.delete(&mut operations);
        }
        self.store.apply(operations)?;
        Ok(is_full)
    }
}

/// Messages that are removed at a time.
const UNUSED_MAX: usize = 10_000;
