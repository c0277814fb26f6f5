use super::clock::expiring_here;
use super::{Actions, Broker, wake_session};
use crate::journal::{Page, Stored};
use crate::types::{SessionKey, Timestamp};

impl Broker {
    /// The store can give these messages: beyond what their sessions send next, they need not be held
    /// in memory.
    pub fn handle_stored(&mut self, stored: &[Stored], actions: &mut Actions) {
        for Stored { session, before } in stored {
            let Some(key) = self.sessions.find_number(*session) else { continue };
            let session = &mut self.sessions[key];
            // What a session without expiry is sent is not recorded, whatever its number.
            if session.is_durable() {
                let window = session.conn.map(|_| self.settings.window);
                let let_go = session.outbound.handle_stored(*before, window);
                actions.let_go.extend(Some(let_go).filter(|messages| !messages.is_empty()));
                self.count_backlog(key);
            }
        }
    }

    /// What the store has of a backlog, in answer to one of [`Self::take_loads`].
    pub fn handle_loaded(&mut self, mut page: Page, now: Timestamp, actions: &mut Actions) {
        let Some(key) = self.sessions.find_number(page.session) else { return };
        for (_, queued) in &mut page.messages {
            queued.message = expiring_here(queued.message.clone(), now);
        }
        let session = &mut self.sessions[key];
        self.stats.dropped.lost += session.outbound.handle_loaded(page, session.conn.is_some());
        wake_session(session, actions);
        self.count_backlog(key);
        self.load_more(key);
    }

    /// Asks for what a connected client is sent next, before it has been sent all that is here.
    pub(super) fn load_more(&mut self, key: SessionKey) {
        let session = &mut self.sessions[key];
        if session.conn.is_some()
            && let Some(load) = session.outbound.next_load(session.number, self.settings.window)
        {
            self.stats.backlog_loads += 1;
            self.loads.push(load);
        }
    }

    /// Lets go of what the store can give of a session that has lost its connection.
    pub(super) fn let_go(&mut self, key: SessionKey) {
        self.sessions[key].outbound.let_go(None);
        self.count_backlog(key);
    }

    /// Brings the count of all backlogs up to date with this one.
    pub(super) fn count_backlog(&mut self, key: SessionKey) {
        let session = &mut self.sessions[key];
        let messages = session.outbound.backlog().map_or(0, |backlog| backlog.messages);
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        let counted = std::mem::replace(&mut session.backlog_counted, messages);
        let others = self.stats.backlog_messages - u64::from(counted);
        self.stats.backlog_messages = others + u64::from(messages);
    }
}
