use std::collections::BTreeMap;

use crate::types::{Message, Timestamp};

/// The messages that expire, by when they do and, of one moment, by age.
#[derive(Default)]
pub(super) struct Expiry(BTreeMap<(Timestamp, u64), Message>);

impl Expiry {
    /// `version` is that of no other message.
    pub(super) fn insert(&mut self, message: &Message, version: u64) {
        if let Some(at) = message.expires_at() {
            self.0.insert((at, version), message.clone());
        }
    }

    pub(super) fn remove(&mut self, message: &Message, version: u64) {
        if let Some(at) = message.expires_at() {
            self.0.remove(&(at, version));
        }
    }

    /// The message that expires next.
    pub(super) fn first(&self) -> Option<&Message> {
        self.0.first_key_value().map(|(_, message)| message)
    }
}
