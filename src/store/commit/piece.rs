use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::blob::BlobError;
use super::cancel::{Before, cancel};
use super::group::decode;
use super::keys;
use crate::journal::{Change, record};
use crate::types::{Message, MessageHead};

/// A folded record: the fewest changes that make, from nothing, what stands under its key.
///
/// Messages that are stored apart have their number in `bodies`, and in the changes a stand-in.
/// As bytes: how many are stored apart, in 4 bytes, then queue number and body of each, in 8 bytes
/// each, then the record of the changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    pub changes: Vec<Change>,
    /// By queue number.
    pub bodies: BTreeMap<u64, u64>,
}

static STAND_IN: LazyLock<Message> =
    LazyLock::new(|| Message::new(MessageHead::default(), "-", &[], &[]));

impl Piece {
    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlobError> {
        let (count, mut rest) = bytes.split_first_chunk().ok_or(BlobError::Damaged)?;
        let mut bodies = BTreeMap::new();
        for _ in 0..u32::from_be_bytes(*count) {
            bodies.insert(take_u64(&mut rest)?, take_u64(&mut rest)?);
        }
        Ok(Self { changes: decode(rest)?, bodies })
    }

    /// The bytes; none if nothing is left to tell.
    pub fn encode(&self) -> Vec<u8> {
        if self.changes.is_empty() {
            return Vec::new();
        }
        let mut bytes = (self.bodies.len() as u32).to_be_bytes().to_vec();
        for (number, body) in &self.bodies {
            bytes.extend_from_slice(&number.to_be_bytes());
            bytes.extend_from_slice(&body.to_be_bytes());
        }
        bytes.extend_from_slice(&record::encode(&self.changes));
        bytes
    }

    /// Leaves of the changes what is true after the last of them, in a piece of this `kind`.
    pub fn settle(&mut self, kind: u8) {
        self.changes = cancel(std::mem::take(&mut self.changes), Before::Nothing);
        match kind {
            keys::BACKLOG => {
                self.changes.retain(|change| !matches!(change, Change::Settled { .. }))
            }
            keys::HEAD if !self.changes.iter().any(is_opened) => self.changes.clear(),
            _ => {}
        }
    }

    /// The changes with their messages, for which `message` is asked by body. A delivery whose
    /// message is not there is left out; how many were is returned too.
    pub fn complete(self, message: impl Fn(u64) -> Option<Message>) -> (Vec<Change>, u64) {
        let Self { mut changes, bodies } = self;
        let mut lost = Vec::new();
        for change in &mut changes {
            let Change::Queued { number, message: stand_in, .. } = change else { continue };
            match bodies.get(number).map(|body| message(*body)) {
                None => {}
                Some(Some(message)) => *stand_in = message,
                Some(None) => lost.push(*number),
            }
        }
        if !lost.is_empty() {
            changes.retain(
                |change| !matches!(change, Change::Queued { number, .. } if lost.contains(number)),
            );
        }
        (changes, lost.len() as u64)
    }
}

/// A session that was not opened does not exist.
fn is_opened(change: &Change) -> bool {
    matches!(change, Change::SessionOpened { .. })
}

/// The same delivery of a message that is stored apart.
pub fn without_message(mut change: Change) -> Change {
    if let Change::Queued { message, .. } = &mut change {
        *message = STAND_IN.clone();
    }
    change
}

fn take_u64(bytes: &mut &[u8]) -> Result<u64, BlobError> {
    let (value, rest) = bytes.split_first_chunk().ok_or(BlobError::Damaged)?;
    *bytes = rest;
    Ok(u64::from_be_bytes(*value))
}
