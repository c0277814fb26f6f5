use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::blob::{Blob, BlobError};
use super::folder::Progress as FoldProgress;
use super::group::Group;
use super::piece::Piece;
use super::{keys, refuse_format};
use crate::journal::{Change, Image};
use crate::store::{Operation, Store, StoreError};
use crate::types::{Lsn, Message};

/// What a store tells after a restart.
#[derive(Debug)]
pub struct Recovered {
    /// The state up to [`Self::last`].
    pub image: Image,
    /// The last batch that the store knows of. Later ones that came to nothing may have been reported
    /// durable: their numbers are free again, since no record has them.
    pub last: Lsn,
    /// Records that were damaged, or meaningless because another one is, and have been set aside.
    pub quarantined: u64,
    /// Deliveries whose message was among those.
    pub lost: u64,
}

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Records read.
    pub records: u64,
    /// Bytes read, keys included.
    pub bytes: u64,
    /// What the store takes up on disk: about as many bytes there are to read.
    pub bytes_total: u64,
}

/// Records between two reports of progress.
const REPORT_RECORDS: u64 = 1024;

/// Reads what a store holds: folded records, then groups in their order. Records that are damaged are
/// set aside under a prefix of their own, counted and logged.
///
/// # Errors
///
/// [`StoreError`] if the store cannot be read or written, or holds a record that is whole but of a
/// format that this version does not know: nothing is changed then.
pub fn recover(
    store: &mut dyn Store,
    report: &mut dyn FnMut(Progress),
) -> Result<Recovered, StoreError> {
    let progress = Progress { bytes_total: store.size_bytes()?, ..Progress::default() };
    let mut recovery = Recovery {
        image: Image::default(),
        last: Lsn::NONE,
        bodies: HashMap::new(),
        heads: HashSet::new(),
        lost: 0,
        damaged: Vec::new(),
        progress,
        report,
    };
    // Sessions before what they own, messages before the queues they stand in, groups last.
    for kind in RECOVERY_ORDER {
        recovery.read(store, kind)?;
    }
    recovery.finish(store)
}

const RECOVERY_ORDER: [u8; 7] = [
    keys::PROGRESS[0],
    keys::BODY,
    keys::HEAD,
    keys::SUBSCRIPTIONS,
    keys::BACKLOG,
    keys::RETAINED,
    keys::JOURNAL,
];

struct Recovery<'a> {
    image: Image,
    last: Lsn,
    bodies: HashMap<u64, Message>,
    /// Sessions that have a folded record.
    heads: HashSet<u64>,
    lost: u64,
    damaged: Vec<Blob>,
    progress: Progress,
    report: &'a mut dyn FnMut(Progress),
}

impl Recovery<'_> {
    fn read(&mut self, store: &dyn Store, kind: u8) -> Result<(), StoreError> {
        let mut unknown = None;
        Blob::scan(store, &[kind], b"", &mut |blob| {
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
            keys::BODY => self.take_body(blob),
            keys::HEAD | keys::SUBSCRIPTIONS | keys::BACKLOG | keys::RETAINED => {
                self.take_piece(kind, blob)
            }
            _ => {
                self.last = FoldProgress::open(blob)?.folded;
                Ok(())
            }
        }
    }

    fn take_group(&mut self, blob: &Blob) -> Result<(), BlobError> {
        let group = Group::open(blob)?;
        self.last = self.last.max(group.last);
        self.apply(group.changes);
        Ok(())
    }

    fn take_body(&mut self, blob: &Blob) -> Result<(), BlobError> {
        let body = keys::number(&blob.key).ok_or(BlobError::Damaged)?;
        let message = Message::from_bytes(&blob.open()?).ok_or(BlobError::Damaged)?;
        self.bodies.insert(body, message);
        Ok(())
    }

    /// What belongs to a session whose own record is gone would fall to another one that gets its
    /// number, so it is not left where it is.
    fn take_piece(&mut self, kind: u8, blob: &Blob) -> Result<(), BlobError> {
        let piece = Piece::decode(&blob.open()?)?;
        if kind != keys::RETAINED {
            let session = keys::number(&blob.key).ok_or(BlobError::Damaged)?;
            match kind {
                keys::HEAD => _ = self.heads.insert(session),
                _ if !self.heads.contains(&session) => return Err(BlobError::Damaged),
                _ => {}
            }
        }
        let (changes, lost) = piece.complete(|body| self.bodies.get(&body).cloned());
        self.lost += lost;
        self.apply(changes);
        Ok(())
    }

    fn apply(&mut self, changes: Vec<Change>) {
        changes.into_iter().for_each(|change| self.image.apply(change));
    }

    fn advance(&mut self, blob: &Blob) {
        self.progress.records += 1;
        self.progress.bytes += blob.len() as u64;
        if self.progress.records.is_multiple_of(REPORT_RECORDS) {
            (self.report)(self.progress);
        }
    }

    fn finish(self, store: &mut dyn Store) -> Result<Recovered, StoreError> {
        (self.report)(self.progress);
        let quarantined = self.damaged.len() as u64;
        for blob in self.damaged {
            let key = blob.key.escape_ascii().to_string();
            tracing::error!(key, bytes = blob.len(), "a stored record is damaged and set aside");
            let mut operations: Vec<Operation> = Vec::new();
            blob.quarantine(keys::QUARANTINE, &mut operations);
            store.apply(operations)?;
        }
        let Self { image, last, lost, .. } = self;
        Ok(Recovered { image, last, quarantined, lost })
    }
}
