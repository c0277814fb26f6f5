use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::blob::BlobError;
use super::cancel::{Before, cancel};
use super::group::decode;
use crate::journal::{Change, QueuedMessage, record};
use crate::store::StoreError;
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

    /// Takes further changes in and leaves of all what is true after the last of them.
    pub fn take(&mut self, changes: Vec<Change>) {
        let before = std::mem::take(&mut self.changes);
        self.changes = cancel(before.into_iter().chain(changes), Before::Nothing);
    }

    /// Whether it tells of a session that exists: one that was never opened does not.
    pub fn is_session(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::SessionOpened { .. }))
    }

    /// Its messages by queue number, those that are stored apart by `apart`; without those of which
    /// that knows nothing.
    pub fn messages(
        self,
        mut apart: impl FnMut(u64) -> Result<Option<Message>, StoreError>,
    ) -> Result<Vec<(u64, QueuedMessage)>, StoreError> {
        let mut messages = Vec::new();
        for change in self.changes {
            let Change::Queued { number, message, qos, retain, subscription_ids, .. } = change
            else {
                continue;
            };
            let message = match self.bodies.get(&number) {
                Some(body) => apart(*body)?,
                None => Some(message),
            };
            messages.extend(
                message.map(|message| {
                    (number, QueuedMessage { message, qos, retain, subscription_ids })
                }),
            );
        }
        Ok(messages)
    }
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
