use std::collections::HashSet;
use std::ops::ControlFlow;

use super::blob::{Blob, BlobError};
use super::fold::Fold;
use super::group::Group;
use super::piece::Piece;
use super::progress::Progress as FoldProgress;
use super::queues::Queues;
use super::{keys, refuse_format};
use crate::journal::{Change, Image, SessionNumber};
use crate::store::{Store, StoreError};
use crate::types::Lsn;

/// What a store tells after a restart.
#[derive(Debug)]
pub struct Recovered {
    /// The state up to [`Self::last`]. Backlogs stay in the store.
    pub image: Image,
    /// The last batch that the store knows of. Later ones that came to nothing may have been reported
    /// durable: their numbers are free again, since no record has them.
    pub last: Lsn,
    /// Records that were damaged, or meaningless because another one is, and have been set aside.
    pub quarantined: u64,
    /// Deliveries that are known to have been among those.
    pub lost: u64,
    /// Unfinished deliveries, those in backlogs included.
    pub messages: u64,
}

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Records read.
    pub records: u64,
    /// Bytes read, keys included.
    pub bytes: u64,
}

/// Records between two reports of progress.
const REPORT_RECORDS: u64 = 1024;
/// Records that are set aside in one apply.
const SET_ASIDE_MAX: usize = 64;

/// Reads what a store holds: records of what is folded, then the groups that are not, in their order.
/// Backlogs are counted and not read. Records that are damaged are set aside under a prefix of their
/// own, counted and logged.
///
/// # Errors
///
/// [`StoreError`] if the store cannot be read or written, or holds a record that is whole but of a
/// format that this version does not know: nothing is changed then.
pub fn recover(
    store: &mut dyn Store,
    report: &mut dyn FnMut(Progress),
) -> Result<Recovered, StoreError> {
    let mut recovery = Recovery {
        image: Image::default(),
        folded: FoldProgress::default(),
        last: Lsn::NONE,
        heads: HashSet::new(),
        ended: HashSet::new(),
        queues: Queues::default(),
        damaged: Vec::new(),
        strays: HashSet::new(),
        progress: Progress::default(),
        report,
    };
    for kind in RECOVERY_ORDER {
        recovery.read(store, kind)?;
    }
    recovery.finish(store)
}

/// Sessions before what they own. Groups before segments, which are counted by what those say.
const RECOVERY_ORDER: [u8; 7] = [
    keys::PROGRESS[0],
    keys::ENDED,
    keys::HEAD,
    keys::SUBSCRIPTIONS,
    keys::RETAINED,
    keys::JOURNAL,
    keys::SEGMENT,
];

struct Recovery<'a> {
    image: Image,
    folded: FoldProgress,
    last: Lsn,
    /// Sessions that have a record.
    heads: HashSet<SessionNumber>,
    /// Sessions that are being removed.
    ended: HashSet<SessionNumber>,
    queues: Queues,
    damaged: Vec<Blob>,
    /// Sessions that have no record, while other records say that they are theirs.
    strays: HashSet<SessionNumber>,
    progress: Progress,
    report: &'a mut dyn FnMut(Progress),
}

impl Recovery<'_> {
    fn read(&mut self, store: &dyn Store, kind: u8) -> Result<(), StoreError> {
        // What is folded is passed over unread.
        let from = match kind {
            keys::JOURNAL => keys::group(Lsn(self.folded.folded.0.saturating_add(1))),
            _ => Vec::new(),
        };
        let mut unknown = None;
        Blob::scan(store, &[kind], &from, &mut |blob| {
            self.advance(&blob);
            match self.take(kind, &blob) {
                Ok(()) => {}
                Err(BlobError::Damaged) => self.damaged.push(blob),
                Err(BlobError::Format(format)) => {
                    unknown = Some(format);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        unknown.map_or(Ok(()), |format| Err(refuse_format(format)))
    }

    fn take(&mut self, kind: u8, blob: &Blob) -> Result<(), BlobError> {
        match kind {
            keys::JOURNAL => self.take_group(blob),
            keys::SEGMENT => match self.owner(blob)? {
                Some(_) => self.queues.count(&mut self.image, blob),
                None => Ok(()),
            },
            keys::HEAD => self.take_head(blob),
            keys::SUBSCRIPTIONS => match self.owner(blob)? {
                Some(_) => self.take_piece(blob),
                None => Ok(()),
            },
            keys::RETAINED => self.take_piece(blob),
            keys::ENDED => self.take_ended(blob),
            _ => {
                self.folded = FoldProgress::open(blob)?;
                self.last = self.folded.folded.max(self.folded.round_to);
                Ok(())
            }
        }
    }

    fn take_ended(&mut self, blob: &Blob) -> Result<(), BlobError> {
        let session = keys::session(&blob.key).ok_or(BlobError::Damaged)?;
        blob.open()?;
        self.ended.insert(session);
        // Its number is not free as long as something of it is left.
        self.image.apply(Change::SessionEnded { session });
        Ok(())
    }

    fn take_head(&mut self, blob: &Blob) -> Result<(), BlobError> {
        let session = keys::session(&blob.key).ok_or(BlobError::Damaged)?;
        self.take_piece(blob)?;
        self.heads.insert(session);
        Ok(())
    }

    fn take_piece(&mut self, blob: &Blob) -> Result<(), BlobError> {
        let piece = Piece::decode(&blob.open()?)?;
        piece.changes.into_iter().for_each(|change| self.image.apply(change));
        Ok(())
    }

    /// Whose it is; nobody's where that session is being removed. What belongs to a session that has
    /// no record would fall to another one that gets its number, so it does not stay where it is.
    fn owner(&mut self, blob: &Blob) -> Result<Option<SessionNumber>, BlobError> {
        let session = keys::session(&blob.key).ok_or(BlobError::Damaged)?;
        if self.heads.contains(&session) {
            return Ok(Some(session));
        }
        if !self.ended.contains(&session) {
            self.strays.insert(session);
        }
        Ok(None)
    }

    fn take_group(&mut self, blob: &Blob) -> Result<(), BlobError> {
        let group = Group::open(blob)?;
        self.last = self.last.max(group.last);
        for change in group.changes {
            self.queues.note(&change);
            self.image.apply(change);
        }
        Ok(())
    }

    fn advance(&mut self, blob: &Blob) {
        self.progress.records += 1;
        self.progress.bytes += blob.len() as u64;
        if self.progress.records.is_multiple_of(REPORT_RECORDS) {
            (self.report)(self.progress);
        }
    }

    fn finish(mut self, store: &mut dyn Store) -> Result<Recovered, StoreError> {
        let mut quarantined = set_aside(store, std::mem::take(&mut self.damaged))?;
        for session in &self.strays {
            for prefix in keys::owned_by(*session) {
                quarantined += set_aside_all(store, &prefix)?;
            }
        }
        if self.folded.last_session > 0 {
            let last = Some(SessionNumber(self.folded.last_session));
            self.image.last_session = self.image.last_session.max(last);
        }
        let loaded = self.queues.finish(store, &mut self.image)?;
        (self.report)(self.progress);
        quarantined += loaded.quarantined;
        let Self { image, last, .. } = self;
        let messages = image.sessions.values();
        let messages =
            messages.map(|session| session.queue.len() as u64 + session.backlog.messages).sum();
        Ok(Recovered { image, last, quarantined, lost: loaded.lost, messages })
    }
}

fn set_aside(store: &mut dyn Store, damaged: Vec<Blob>) -> Result<u64, StoreError> {
    let mut quarantined = 0;
    for blob in damaged {
        let key = blob.key.escape_ascii().to_string();
        tracing::error!(key, bytes = blob.len(), "a stored record is damaged and set aside");
        let mut fold = Fold::new(store);
        fold.set_aside_with_parts(blob)?;
        let folded = fold.finish()?;
        store.apply(folded.operations)?;
        quarantined += folded.quarantined;
    }
    Ok(quarantined)
}

fn set_aside_all(store: &mut dyn Store, prefix: &[u8]) -> Result<u64, StoreError> {
    let mut quarantined = 0;
    loop {
        let mut strays = Vec::new();
        Blob::scan(store, prefix, b"", &mut |blob| {
            strays.push(blob);
            match strays.len() < SET_ASIDE_MAX {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        if strays.is_empty() {
            return Ok(quarantined);
        }
        let key = prefix.escape_ascii().to_string();
        tracing::error!(key, records = strays.len(), "records without a session are set aside");
        let mut fold = Fold::new(store);
        strays.into_iter().for_each(|stray| fold.set_aside(stray));
        let folded = fold.finish()?;
        store.apply(folded.operations)?;
        quarantined += folded.quarantined;
    }
}
