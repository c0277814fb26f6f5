//! Where things stand in a store.
//!
//! | key | value |
//! |---|---|
//! | `f` | how far is folded: see [`super::fold::Progress`] |
//! | `j` LSN | a group of batches, by its first number |
//! | `h` session | the session: its client id, expiry, will and inbound packet ids |
//! | `u` session text | subscriptions |
//! | `b` session segment | queued messages whose numbers are 64 × segment and the 63 after it |
//! | `r` text | retained messages |
//! | `m` body | a message that stands in several queues |
//! | `n` body | in how many |
//! | `q` key | what was found damaged under the key |
//!
//! Numbers have 8 bytes, big-endian. Every value is a [`super::blob::Blob`].

use std::ops::RangeInclusive;

use crate::journal::SessionNumber;
use crate::types::Lsn;

pub const PROGRESS: &[u8] = b"f";
pub const JOURNAL: u8 = b'j';
pub const HEAD: u8 = b'h';
pub const SUBSCRIPTIONS: u8 = b'u';
pub const BACKLOG: u8 = b'b';
pub const RETAINED: u8 = b'r';
pub const BODY: u8 = b'm';
pub const BODY_COUNT: u8 = b'n';
pub const QUARANTINE: u8 = b'q';

/// Queue numbers to a segment of a backlog.
pub const SEGMENT_NUMBERS: u64 = 64;

/// Bytes of a text that stand in a key. Texts that agree in them and in the checksum of the rest
/// share a record.
pub const TEXT_BYTES_MAX: usize = 1024;

pub fn group(first: Lsn) -> Vec<u8> {
    numbered(JOURNAL, first.0)
}

pub fn head(session: SessionNumber) -> Vec<u8> {
    numbered(HEAD, session.0)
}

pub fn subscription(session: SessionNumber, filter: &str) -> Vec<u8> {
    with_text(numbered(SUBSCRIPTIONS, session.0), filter)
}

pub fn segment(session: SessionNumber, number: u64) -> Vec<u8> {
    let mut key = numbered(BACKLOG, session.0);
    key.extend_from_slice(&(number / SEGMENT_NUMBERS).to_be_bytes());
    key
}

/// The queue numbers of the segment that stands under this key.
pub fn numbers_of_segment(key: &[u8]) -> Option<RangeInclusive<u64>> {
    let segment = u64::from_be_bytes(key.get(9..17)?.try_into().ok()?);
    let first = segment.checked_mul(SEGMENT_NUMBERS)?;
    Some(first..=first.saturating_add(SEGMENT_NUMBERS - 1))
}

pub fn retained(topic: &str) -> Vec<u8> {
    with_text(vec![RETAINED], topic)
}

pub fn body(body: u64) -> Vec<u8> {
    numbered(BODY, body)
}

pub fn body_count(body: u64) -> Vec<u8> {
    numbered(BODY_COUNT, body)
}

/// Begins every key of the session, the head's last: without it the others mean nothing.
pub fn of_session(session: SessionNumber) -> [Vec<u8>; 3] {
    [BACKLOG, SUBSCRIPTIONS, HEAD].map(|kind| numbered(kind, session.0))
}

pub fn numbered(kind: u8, number: u64) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number behind the kind.
pub fn number(key: &[u8]) -> Option<u64> {
    key.get(1..9)?.try_into().ok().map(u64::from_be_bytes)
}

/// The length in front keeps a text from being the beginning of another's key.
fn with_text(mut key: Vec<u8>, text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    let (shown, rest) = text.split_at(text.len().min(TEXT_BYTES_MAX));
    key.extend_from_slice(&(shown.len() as u16).to_be_bytes());
    key.extend_from_slice(shown);
    key.extend_from_slice(&crc32fast::hash(rest).to_be_bytes());
    key
}
