//! What a store holds, for tools: read in bounded memory, and written anew.

mod filling;
mod known;
mod overlay;
mod places;
mod problem;
mod queue;

use std::ops::ControlFlow;

pub use filling::Filling;
pub use problem::{Entry, Problem, describe};

use super::blob::{Blob, BlobError};
use super::piece::Piece;
use super::progress::Progress;
use super::{keys, refuse_format};
use crate::journal::{Change, Image, SessionNumber};
use crate::store::{Store, StoreError};
use crate::types::{ClientId, Message, QoS, SubscriptionIds};
use known::Known;
use overlay::{Later, Overlay};
use queue::Bodies;

/// A part of what a store holds.
#[derive(Debug)]
pub enum Content {
    /// A record was read: what follows is from this one or from earlier ones.
    Record {
        /// What it is.
        kind: RecordKind,
        /// What it takes up, key included.
        bytes: u64,
    },
    /// A message that several queues have: told before any of them.
    Shared {
        /// The store's number of it.
        body: u64,
        /// The message.
        message: Message,
    },
    /// The next of the fewest changes that make the state from nothing: of one session after another
    /// (opened, detached, subscriptions, packet ids, reservation, will, queue in its order), then retained
    /// messages.
    Change(Change),
    /// [`Change::Queued`] of a message that is [`Content::Shared`].
    Delivery(Delivery),
    /// What was damaged before and set aside.
    Quarantined(Entry),
    /// Something that is not as it was written.
    Problem(Problem),
}

/// A message in a queue, which several queues have.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Whose queue.
    pub session: SessionNumber,
    /// The queue number.
    pub number: u64,
    /// The store's number of the message.
    pub body: u64,
    /// Of the delivery.
    pub qos: QoS,
    /// The RETAIN flag of the delivery.
    pub retain: bool,
    /// Which subscriptions it stems from.
    pub subscription_ids: SubscriptionIds,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum RecordKind {
    Progress,
    Journal,
    Session,
    Subscription,
    Segment,
    Queue,
    Retained,
    Message,
    MessageCount,
    Ended,
    Quarantined,
}

/// Every kind with the byte that its keys begin with.
const KINDS: [(u8, RecordKind); 11] = [
    (keys::PROGRESS[0], RecordKind::Progress),
    (keys::JOURNAL, RecordKind::Journal),
    (keys::HEAD, RecordKind::Session),
    (keys::SUBSCRIPTIONS, RecordKind::Subscription),
    (keys::SEGMENT, RecordKind::Segment),
    (keys::PART, RecordKind::Queue),
    (keys::RETAINED, RecordKind::Retained),
    (keys::BODY, RecordKind::Message),
    (keys::BODY_COUNT, RecordKind::MessageCount),
    (keys::ENDED, RecordKind::Ended),
    (keys::QUARANTINE, RecordKind::Quarantined),
];

/// Tells everything that a store holds, until the visitor breaks. Nothing is changed.
///
/// In memory are the changes that are not folded yet, the client ids of all sessions, and one record
/// or segment of everything else.
///
/// # Errors
///
/// [`StoreError`] if the store cannot be read, or holds a record that is whole but of a format that
/// this version does not know.
pub fn contents(
    store: &dyn Store,
    visit: &mut dyn FnMut(Content) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let mut reading = Reading { store, visit };
    match reading.run() {
        Ok(()) | Err(Stop::Enough) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Why reading ends early.
enum Stop {
    /// The visitor has broken.
    Enough,
    Failed(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

struct Reading<'a> {
    store: &'a dyn Store,
    visit: &'a mut dyn FnMut(Content) -> ControlFlow<()>,
}

impl Reading<'_> {
    fn run(&mut self) -> Result<(), Stop> {
        let progress = self.read_progress()?;
        let mut overlay = Overlay::read(self, progress.folded)?;
        self.read_ended(&mut overlay)?;
        let known = self.read_owners(&overlay)?;
        self.read_shared()?;
        let mut bodies = Bodies::default();
        for session in known.told() {
            let later = overlay.sessions.remove(&session).unwrap_or_default();
            self.read_session(session, later, &mut bodies)?;
        }
        self.find_strays(keys::SUBSCRIPTIONS, &known)?;
        self.find_strays(keys::SEGMENT, &known)?;
        self.find_strays(keys::PART, &known)?;
        self.read_retained(&mut overlay)?;
        places::check(self, progress.unfinished_round().is_some())?;
        self.read_quarantined()?;
        self.find_unknown()
    }

    fn tell(&mut self, content: Content) -> Result<(), Stop> {
        match (self.visit)(content) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Enough),
        }
    }

    fn tell_record(&mut self, kind: u8, blob: &Blob) -> Result<(), Stop> {
        let kind = KINDS.iter().find(|(byte, _)| *byte == kind).expect("a kind of ours").1;
        self.tell(Content::Record { kind, bytes: blob.len() as u64 })
    }

    /// What `open` makes of the blob; `None`, and a problem told, if it is damaged.
    fn open<T>(
        &mut self,
        blob: &Blob,
        open: impl FnOnce(&Blob) -> Result<T, BlobError>,
    ) -> Result<Option<T>, Stop> {
        match open(blob) {
            Ok(value) => Ok(Some(value)),
            Err(BlobError::Format(format)) => Err(refuse_format(format).into()),
            Err(BlobError::Damaged) => {
                self.tell(Content::Problem(Problem::damaged(blob)))?;
                Ok(None)
            }
        }
    }

    /// Has `take` see each record of a kind, some at a time: it may read the store itself.
    fn each(
        &mut self,
        prefix: &[u8],
        take: &mut dyn FnMut(&mut Self, Blob) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut from = Vec::new();
        loop {
            let mut page: Vec<Blob> = Vec::new();
            let mut bytes = 0;
            Blob::scan(self.store, prefix, &from, &mut |blob| {
                bytes += blob.len();
                page.push(blob);
                if bytes < PAGE_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            let Some(last) = page.last().and_then(|blob| blob.chunks.last()) else { return Ok(()) };
            from = [last.0.as_slice(), &[0]].concat();
            for blob in page {
                take(self, blob)?;
            }
        }
    }

    fn read_progress(&mut self) -> Result<Progress, Stop> {
        let mut progress = Progress::default();
        self.each(keys::PROGRESS, &mut |reading, blob| {
            reading.tell_record(keys::PROGRESS[0], &blob)?;
            progress = reading.open(&blob, Progress::open)?.unwrap_or_default();
            Ok(())
        })?;
        Ok(progress)
    }

    /// Sessions whose records are being removed.
    fn read_ended(&mut self, overlay: &mut Overlay) -> Result<(), Stop> {
        self.each(&[keys::ENDED], &mut |reading, blob| {
            reading.tell_record(keys::ENDED, &blob)?;
            if reading.open(&blob, Blob::open)?.is_some() {
                overlay.ended.extend(keys::session(&blob.key));
            }
            Ok(())
        })
    }

    /// Which sessions there are, and which of them has a client id that several have.
    fn read_owners(&mut self, overlay: &Overlay) -> Result<Known, Stop> {
        let mut known = Known::without(overlay.ended.clone());
        self.each(&[keys::HEAD], &mut |reading, blob| {
            reading.tell_record(keys::HEAD, &blob)?;
            let session = keys::number(&blob.key).map(SessionNumber);
            let Some(piece) = reading.open(&blob, open_piece)? else { return Ok(()) };
            let opened = piece.changes.iter().find_map(opened);
            match (session, opened) {
                (Some(session), Some((named, client_id))) if session == named => {
                    known.note(session, client_id);
                }
                _ => reading.tell(Content::Problem(Problem::damaged(&blob)))?,
            }
            Ok(())
        })?;
        for (session, client_id) in overlay.opened() {
            known.note(session, client_id);
        }
        for session in &known.superseded {
            self.tell(Content::Problem(Problem::Superseded { session: *session }))?;
        }
        Ok(known)
    }

    fn read_shared(&mut self) -> Result<(), Stop> {
        self.each(&[keys::BODY], &mut |reading, blob| {
            reading.tell_record(keys::BODY, &blob)?;
            let Some((body, message)) = reading.open(&blob, open_body)? else { return Ok(()) };
            reading.tell(Content::Shared { body, message })
        })
    }

    fn read_session(
        &mut self,
        session: SessionNumber,
        later: Later,
        bodies: &mut Bodies,
    ) -> Result<(), Stop> {
        let mut image = Image::default();
        let head = Blob::read(self.store, &keys::head(session))?;
        if !head.chunks.is_empty() {
            // A head that is damaged has been told of.
            let piece = open_piece(&head).unwrap_or_default();
            piece.changes.into_iter().for_each(|change| image.apply(change));
        }
        let prefix = keys::numbered(keys::SUBSCRIPTIONS, session.0);
        self.each(&prefix, &mut |reading, blob| {
            reading.tell_record(keys::SUBSCRIPTIONS, &blob)?;
            let piece = reading.open(&blob, open_piece)?.unwrap_or_default();
            piece.changes.into_iter().for_each(|change| image.apply(change));
            Ok(())
        })?;
        later.changes.into_iter().for_each(|change| image.apply(change));
        // Numbers that were used are below the one that may have been sent, or free again.
        for change in image.changes().filter(|it| !matches!(it, Change::Settled { .. })) {
            self.tell(Content::Change(change))?;
        }
        queue::read(self, session, later.steps, bodies)
    }

    fn read_retained(&mut self, overlay: &mut Overlay) -> Result<(), Stop> {
        self.each(&[keys::RETAINED], &mut |reading, blob| {
            reading.tell_record(keys::RETAINED, &blob)?;
            let piece = reading.open(&blob, open_piece)?.unwrap_or_default();
            for change in piece.changes {
                let Change::RetainedSet { message } = &change else { continue };
                let change = overlay.retained.remove(message.topic()).unwrap_or(change);
                reading.tell_retained(change)?;
            }
            Ok(())
        })?;
        for change in std::mem::take(&mut overlay.retained).into_values() {
            self.tell_retained(change)?;
        }
        Ok(())
    }

    fn tell_retained(&mut self, change: Change) -> Result<(), Stop> {
        match change {
            Change::RetainedSet { .. } => self.tell(Content::Change(change)),
            _ => Ok(()),
        }
    }

    /// Records of sessions that do not exist: they would fall to whoever gets the number.
    fn find_strays(&mut self, kind: u8, known: &Known) -> Result<(), Stop> {
        let mut from = vec![kind];
        loop {
            let mut next = None;
            self.store.scan(&[kind], &from, &mut |key, _| {
                next = Some(keys::number(key));
                ControlFlow::Break(())
            })?;
            let Some(found) = next else { return Ok(()) };
            // A key that is too short is damage, too; its number counts as 0.
            let session = SessionNumber(found.unwrap_or(0));
            if found.is_none() || !known.owns(session) {
                let prefix = found.map_or(vec![kind], |number| keys::numbered(kind, number));
                self.each(&prefix, &mut |reading, blob| {
                    reading.tell_record(kind, &blob)?;
                    reading.tell(Content::Problem(Problem::stray(&blob)))
                })?;
            }
            match session.0.checked_add(1) {
                Some(number) => from = keys::numbered(kind, number),
                None => return Ok(()),
            }
        }
    }

    fn read_quarantined(&mut self) -> Result<(), Stop> {
        self.each(&[keys::QUARANTINE], &mut |reading, blob| {
            reading.tell_record(keys::QUARANTINE, &blob)?;
            for (key, value) in blob.chunks {
                reading.tell(Content::Quarantined(Entry { key, value }))?;
            }
            Ok(())
        })
    }

    /// Nothing of ours begins with another byte.
    fn find_unknown(&mut self) -> Result<(), Stop> {
        for byte in 0..=u8::MAX {
            if KINDS.iter().all(|(kind, _)| *kind != byte) {
                self.each(&[byte], &mut |reading, blob| {
                    reading.tell(Content::Problem(Problem::damaged(&blob)))
                })?;
            }
        }
        Ok(())
    }
}

/// Bytes of records that are read at a time.
const PAGE_BYTES: usize = 256 * 1024;

fn opened(change: &Change) -> Option<(SessionNumber, ClientId)> {
    match change {
        Change::SessionOpened { session, client_id, .. } => Some((*session, client_id.clone())),
        _ => None,
    }
}

fn open_piece(blob: &Blob) -> Result<Piece, BlobError> {
    Piece::decode(&blob.open()?)
}

fn open_body(blob: &Blob) -> Result<(u64, Message), BlobError> {
    let body = keys::number(&blob.key).ok_or(BlobError::Damaged)?;
    Ok((body, Message::from_bytes(&blob.open()?).ok_or(BlobError::Damaged)?))
}
