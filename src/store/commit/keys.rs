//! Where things stand in a store.
//!
//! | key | value |
//! |---|---|
//! | `f` | how far is folded: see [`super::progress::Progress`] |
//! | `j` LSN | a group of batches, by its first number |
//! | `h` session | the session: its client id, expiry, will and inbound packet ids |
//! | `u` session text | subscriptions |
//! | `s` session segment | what is unfinished of the queue numbers 256 × segment and the 255 after it |
//! | `b` session number | queued messages of one segment, by the first of their numbers |
//! | `r` text | retained messages |
//! | `m` body | a message that stands in several queues |
//! | `n` body | in how many |
//! | `x` session | the session is over; what is left of it is being removed |
//! | `q` key | what was found damaged under the key |
//!
//! Numbers have 8 bytes, big-endian. Every value is a [`super::blob::Blob`].

use crate::journal::SessionNumber;
use crate::types::Lsn;

pub const PROGRESS: &[u8] = b"f";
pub const JOURNAL: u8 = b'j';
pub const HEAD: u8 = b'h';
pub const SUBSCRIPTIONS: u8 = b'u';
pub const SEGMENT: u8 = b's';
pub const PART: u8 = b'b';
pub const RETAINED: u8 = b'r';
pub const BODY: u8 = b'm';
pub const BODY_COUNT: u8 = b'n';
pub const ENDED: u8 = b'x';
pub const QUARANTINE: u8 = b'q';

/// Queue numbers to a segment.
pub const SEGMENT_NUMBERS: u64 = 256;

/// Bytes of a text that stand in a key. Texts that agree in them and in the checksum of the rest
/// share a record.
const TEXT_BYTES_MAX: usize = 1024;

pub fn group(first: Lsn) -> Vec<u8> {
    numbered(JOURNAL, first.0)
}

pub fn head(session: SessionNumber) -> Vec<u8> {
    numbered(HEAD, session.0)
}

pub fn subscription(session: SessionNumber, filter: &str) -> Vec<u8> {
    with_text(numbered(SUBSCRIPTIONS, session.0), filter)
}

/// Which segment a queue number is in.
pub fn segment_of(number: u64) -> u64 {
    number / SEGMENT_NUMBERS
}

pub fn segment(session: SessionNumber, segment: u64) -> Vec<u8> {
    paired(SEGMENT, session, segment)
}

pub fn part(session: SessionNumber, first: u64) -> Vec<u8> {
    paired(PART, session, first)
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

pub fn ended(session: SessionNumber) -> Vec<u8> {
    numbered(ENDED, session.0)
}

/// Begins every key of what a session owns.
pub fn owned_by(session: SessionNumber) -> [Vec<u8>; 3] {
    [SEGMENT, PART, SUBSCRIPTIONS].map(|kind| numbered(kind, session.0))
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

/// The session behind the kind.
pub fn session(key: &[u8]) -> Option<SessionNumber> {
    number(key).map(SessionNumber)
}

/// The number behind the session, with which the key ends.
pub fn second_number(key: &[u8]) -> Option<u64> {
    key.get(9..)?.try_into().ok().map(u64::from_be_bytes)
}

fn paired(kind: u8, session: SessionNumber, second: u64) -> Vec<u8> {
    let mut key = numbered(kind, session.0);
    key.extend_from_slice(&second.to_be_bytes());
    key
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
