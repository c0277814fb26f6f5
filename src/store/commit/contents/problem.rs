use std::fmt;

use super::super::blob::Blob;
use super::super::keys;
use crate::journal::SessionNumber;

/// Something in a store that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A record fails its check, or belongs nowhere.
    Damaged {
        /// As it was found.
        entries: Vec<Entry>,
    },
    /// A record of a session that does not exist.
    Stray {
        /// As it was found.
        entries: Vec<Entry>,
    },
    /// The client has a newer session: this one should be over.
    Superseded {
        /// The older session.
        session: SessionNumber,
    },
    /// A queue refers to a message that is not there.
    MessageMissing {
        /// Whose queue.
        session: SessionNumber,
        /// The queue number.
        number: u64,
        /// The store's number of the message, if it is one that several queues have.
        body: Option<u64>,
    },
    /// In how many queues a message stands is not what is counted.
    Miscounted {
        /// The store's number of the message.
        body: u64,
        /// As it is written; `None` where nothing is.
        written: Option<u64>,
        /// As it is.
        places: u64,
    },
}

/// A key of a store and what stands under it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "a pair of bytes")]
pub struct Entry {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

impl Problem {
    pub(super) fn damaged(blob: &Blob) -> Self {
        Self::Damaged { entries: entries(blob) }
    }

    pub(super) fn stray(blob: &Blob) -> Self {
        Self::Stray { entries: entries(blob) }
    }

    /// Whether something that was kept cannot be had any more.
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Stray { .. } | Self::MessageMissing { .. } => true,
            Self::Superseded { .. } | Self::Miscounted { .. } => false,
        }
    }

    /// Whose part of the store it is in, if it is in that of a session.
    pub fn session(&self) -> Option<SessionNumber> {
        match self {
            Self::Damaged { entries } | Self::Stray { entries } => {
                let key = &entries.first()?.key;
                let of_session = [keys::HEAD, keys::SUBSCRIPTIONS, keys::SEGMENT, keys::PART];
                of_session.contains(key.first()?).then(|| keys::session(key))?
            }
            Self::Superseded { session } | Self::MessageMissing { session, .. } => Some(*session),
            Self::Miscounted { .. } => None,
        }
    }

    /// What is to be put out of the way.
    pub fn into_entries(self) -> Vec<Entry> {
        match self {
            Self::Damaged { entries } | Self::Stray { entries } => entries,
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { entries } => write!(f, "damaged: {}", what(entries)),
            Self::Stray { entries } => {
                write!(f, "belongs to no session: {}", what(entries))
            }
            Self::Superseded { session } => {
                write!(f, "session {}: its client has a newer session", session.0)
            }
            Self::MessageMissing { session, number, body } => {
                write!(
                    f,
                    "session {}: the message at queue number {number} is missing",
                    session.0
                )?;
                body.map_or(Ok(()), |body| write!(f, " (message {body})"))
            }
            Self::Miscounted { body, written: Some(written), places } => {
                write!(f, "message {body} stands in {places} queues, {written} are counted")
            }
            Self::Miscounted { body, written: None, places } => {
                write!(f, "message {body} stands in {places} queues, which nobody has counted")
            }
        }
    }
}

fn entries(blob: &Blob) -> Vec<Entry> {
    let entry =
        |(key, value): &(Vec<u8>, Vec<u8>)| Entry { key: key.clone(), value: value.clone() };
    blob.chunks.iter().map(entry).collect()
}

fn what(entries: &[Entry]) -> String {
    let Some(Entry { key, .. }) = entries.first() else { return "an entry".into() };
    let bytes: usize = entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
    format!("{} ({bytes} bytes)", describe(key))
}

/// What stands under a key, in words.
pub fn describe(key: &[u8]) -> String {
    let number = keys::number(key);
    let text = |at: usize| key.get(at..).map(|text| text.escape_ascii().to_string());
    let numbered = |at: usize| Some(u64::from_be_bytes(key.get(at..at + 8)?.try_into().ok()?));
    let described = match (key.first(), number) {
        (Some(&keys::JOURNAL), Some(lsn)) => Some(format!("the commits from {lsn} on")),
        (Some(&keys::HEAD), Some(session)) => Some(format!("session {session}")),
        (Some(&keys::SUBSCRIPTIONS), Some(session)) => {
            text(11).map(|filter| format!("session {session}, the subscription {filter}"))
        }
        (Some(&keys::SEGMENT), Some(session)) => numbered(9).map(|segment| {
            let first = segment.saturating_mul(keys::SEGMENT_NUMBERS);
            let last = first.saturating_add(keys::SEGMENT_NUMBERS - 1);
            format!("session {session}, what is unfinished of queue numbers {first} to {last}")
        }),
        (Some(&keys::PART), Some(session)) => numbered(9)
            .map(|first| format!("session {session}, messages from queue number {first} on")),
        (Some(&keys::ENDED), Some(session)) => Some(format!("the end of session {session}")),
        (Some(&keys::RETAINED), _) => {
            text(3).map(|topic| format!("the retained message of {topic}"))
        }
        (Some(&keys::BODY), Some(body)) => Some(format!("message {body}")),
        (Some(&keys::BODY_COUNT), Some(body)) => Some(format!("the count of message {body}")),
        _ if key.starts_with(keys::PROGRESS) => Some("how far commits are folded".into()),
        _ => None,
    };
    described.unwrap_or_else(|| format!("the entry {}", key.escape_ascii()))
}
