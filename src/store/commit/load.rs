use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use super::blob::{Blob, BlobError};
use super::fold::{Fold, Folded};
use super::piece::Piece;
use super::segment::{Left, Segment};
use super::{is_full, keys, refuse_format};
use crate::journal::{Load, Page, QueuedMessage, SessionNumber};
use crate::store::{Store, StoreError};
use crate::types::Message;

/// The answer to a [`Load`].
#[derive(Debug)]
pub struct Loaded {
    pub page: Page,
    /// Records found damaged, and set aside.
    pub quarantined: u64,
    /// Messages that were unfinished and are not there.
    pub lost: u64,
}

/// Segments to a page: there may be few messages in each.
const SEGMENTS_MAX: usize = 8;

/// The next messages of a backlog. What is damaged is passed over and set aside.
///
/// # Errors
///
/// [`StoreError`] if the store cannot be read or written, or holds a record of a format that this
/// version does not know.
pub fn load(store: &mut dyn Store, asked: &Load) -> Result<Loaded, StoreError> {
    let mut reader = Reader::new(asked);
    if asked.from < asked.to && !Blob::read(store, &keys::head(asked.session))?.chunks.is_empty() {
        reader.read(store)?;
    }
    reader.finish(store)
}

struct Reader<'a> {
    asked: &'a Load,
    messages: Vec<(u64, QueuedMessage)>,
    bytes: usize,
    /// Where the next page begins.
    next: u64,
    lost: u64,
    damaged: Vec<Blob>,
    /// By segment.
    forget: BTreeMap<u64, Vec<u64>>,
}

impl<'a> Reader<'a> {
    fn new(asked: &'a Load) -> Self {
        let (messages, damaged, forget) = Default::default();
        let next = asked.to.max(asked.from);
        Self { asked, messages, bytes: 0, next, lost: 0, damaged, forget }
    }

    fn read(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let Load { session, from, to, .. } = *self.asked;
        for segment in self.segments(store)? {
            let segment = match Segment::open(&segment) {
                Ok(segment) => segment,
                Err(BlobError::Format(format)) => return Err(refuse_format(format)),
                Err(BlobError::Damaged) => {
                    self.damaged.push(segment);
                    continue;
                }
            };
            let unfinished = segment.unfinished().filter(|(number, _)| (from..to).contains(number));
            let numbers: Vec<u64> =
                unfinished.filter(is_message).map(|(number, _)| number).collect();
            if self.read_segment(store, session, &segment, &numbers)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The segments that may be asked for, as many as a page looks at.
    fn segments(&mut self, store: &dyn Store) -> Result<Vec<Blob>, StoreError> {
        let Load { session, from, to, .. } = *self.asked;
        let mut segments = Vec::new();
        let prefix = keys::numbered(keys::SEGMENT, session.0);
        let first = keys::segment(session, keys::segment_of(from));
        Blob::scan(store, &prefix, &first, &mut |blob| {
            let begins_at = keys::second_number(&blob.key)
                .map(|index| index.saturating_mul(keys::SEGMENT_NUMBERS));
            if begins_at.is_some_and(|begins_at| begins_at >= to) {
                return ControlFlow::Break(());
            }
            if segments.len() == SEGMENTS_MAX {
                self.next = begins_at.unwrap_or(to).max(from + 1);
                return ControlFlow::Break(());
            }
            segments.push(blob);
            ControlFlow::Continue(())
        })?;
        Ok(segments)
    }

    /// Takes what is unfinished of a segment, part by part. Breaks when the page is full.
    fn read_segment(
        &mut self,
        store: &dyn Store,
        session: SessionNumber,
        segment: &Segment,
        numbers: &[u64],
    ) -> Result<ControlFlow<()>, StoreError> {
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
            return Ok(ControlFlow::Continue(()));
        };
        let mut rest = numbers;
        let parts: Vec<Range<u64>> = segment.parts(*first..last.saturating_add(1)).collect();
        for part in parts {
            let (wanted, later) = rest.split_at(rest.partition_point(|number| *number < part.end));
            rest = later;
            if wanted.is_empty() {
                continue;
            }
            let mut found = self.read_part(store, session, part.start)?;
            for number in wanted {
                match found.remove(number) {
                    Some(message) => self.push(*number, message),
                    None => self.miss(*number),
                }
                if self.is_full() {
                    self.next = number.saturating_add(1);
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        rest.iter().for_each(|number| self.miss(*number));
        Ok(ControlFlow::Continue(()))
    }

    fn push(&mut self, number: u64, message: QueuedMessage) {
        self.bytes = self.bytes.saturating_add(message.message.len());
        self.messages.push((number, message));
    }

    fn is_full(&self) -> bool {
        self.messages.len() >= self.asked.messages_max || self.bytes >= self.asked.bytes_max
    }

    fn miss(&mut self, number: u64) {
        self.lost += 1;
        self.forget.entry(keys::segment_of(number)).or_default().push(number);
    }

    fn read_part(
        &mut self,
        store: &dyn Store,
        session: SessionNumber,
        first: u64,
    ) -> Result<BTreeMap<u64, QueuedMessage>, StoreError> {
        let stored = Blob::read(store, &keys::part(session, first))?;
        if stored.chunks.is_empty() {
            return Ok(BTreeMap::new());
        }
        match stored.open().and_then(|bytes| Piece::decode(&bytes)) {
            Ok(part) => {
                let mut bodies = BTreeMap::new();
                let messages = part.messages(|body| match bodies.get(&body) {
                    Some(message) => Ok(Option::clone(message)),
                    None => {
                        let message = self.read_body(store, body)?;
                        bodies.insert(body, message.clone());
                        Ok(message)
                    }
                })?;
                Ok(messages.into_iter().collect())
            }
            Err(BlobError::Format(format)) => Err(refuse_format(format)),
            Err(BlobError::Damaged) => {
                self.damaged.push(stored);
                Ok(BTreeMap::new())
            }
        }
    }

    fn read_body(&mut self, store: &dyn Store, body: u64) -> Result<Option<Message>, StoreError> {
        let stored = Blob::read(store, &keys::body(body))?;
        if stored.chunks.is_empty() {
            return Ok(None);
        }
        match stored.open() {
            Ok(bytes) => Ok(Message::from_bytes(&bytes)),
            Err(BlobError::Format(format)) => Err(refuse_format(format)),
            Err(BlobError::Damaged) => {
                self.damaged.push(stored);
                Ok(None)
            }
        }
    }

    /// Sets aside what is damaged. Where the disk is too full for that, the next load finds it again.
    fn finish(self, store: &mut dyn Store) -> Result<Loaded, StoreError> {
        let Load { session, from, .. } = *self.asked;
        let Self { messages, next, lost, damaged, forget, .. } = self;
        let page = Page { session, from, next, messages };
        if damaged.is_empty() && forget.is_empty() {
            return Ok(Loaded { page, quarantined: 0, lost });
        }
        let mut fold = Fold::new(store);
        for (segment, numbers) in &forget {
            fold.forget(session, *segment, numbers)?;
        }
        for stored in damaged {
            fold.set_aside_with_parts(stored)?;
        }
        let Folded { operations, quarantined, .. } = fold.finish()?;
        tracing::error!(
            session = session.0,
            records = quarantined,
            messages = lost,
            "a backlog is damaged"
        );
        match store.apply(operations) {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(Loaded { page, quarantined, lost }),
        }
    }
}

fn is_message(unfinished: &(u64, Left)) -> bool {
    matches!(unfinished.1, Left::Message { .. })
}
