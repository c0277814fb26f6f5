use super::{Actions, Broker};
use crate::journal::{Page, Stored};
use crate::types::Timestamp;

impl Broker {
    /// The store can give these messages: beyond what their sessions send next, they need not be held
    /// in memory.
    pub fn handle_stored(&mut self, _stored: &[Stored], _actions: &mut Actions) {}

    /// What the store has of a backlog, in answer to one of [`Self::take_loads`].
    pub fn handle_loaded(&mut self, _page: Page, _now: Timestamp, _actions: &mut Actions) {}

    /// Whether the store has too little room: while it has, messages that would need it are refused.
    pub fn handle_store_full(&mut self, _full: bool, _now: Timestamp, _actions: &mut Actions) {}
}
