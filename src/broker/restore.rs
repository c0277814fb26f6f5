use super::clock::{counted_from, expiring_here};
use super::timers::Timer;
use super::{Actions, Broker, Settings};
use crate::journal::{
    Change, Image, Journal, SessionImage, SessionNumber, Unfinished, session_ends_at,
};
use crate::session::{Outbound, Session};
use crate::types::{Lsn, Message, SessionKey, Timestamp};

impl Broker {
    /// A broker that goes on from what a journal came to, whose last batch was `last`.
    ///
    /// Nobody is connected: sessions that were lose their connection at `now`, which is journalled
    /// like any such loss, so [`Self::take_batch`] has something to give. Those whose time is over
    /// end at once, and wills that are due are published.
    pub fn restore(
        settings: Settings,
        entropy: u64,
        now: Timestamp,
        image: Image,
        last: Lsn,
    ) -> Self {
        let mut broker = Self::new(settings, entropy, now);
        broker.journal = Journal::new(broker.settings.journal, last);
        broker.durable = last;
        broker.next_session_number = image.last_session.map_or(0, |session| session.0) + 1;
        for message in image.retained.into_values() {
            broker.restore_retained(expiring_here(message, now));
        }
        // The newest first: see `restore_session`.
        let mut detached = Vec::with_capacity(image.sessions.len());
        for (number, session) in image.sessions.into_iter().rev() {
            let at = session.detached_at;
            detached.extend(broker.restore_session(number, session, now).map(|key| (key, at)));
        }
        for (key, at) in detached.into_iter().rev() {
            broker.restore_absence(key, at, now);
        }
        while let Some(timer) = broker.timers.pop_due(now) {
            broker.handle_timer(timer, now, &mut Actions::default());
        }
        broker
    }

    fn restore_retained(&mut self, message: Message) {
        let topic = message.topic().to_owned();
        if self.retained.set(message).is_err() {
            // The limits are narrower than they were.
            self.stats.dropped.retained_full += 1;
            self.journal.record(|| Change::RetainedCleared { topic });
        }
    }

    /// Puts the session back, unless its client has a newer one: then the journal has lost its end.
    fn restore_session(
        &mut self,
        number: SessionNumber,
        mut image: SessionImage,
        now: Timestamp,
    ) -> Option<SessionKey> {
        if self.sessions.find(&image.client_id).is_some() {
            self.last_end = self.journal.record(|| Change::SessionEnded { session: number });
            return None;
        }
        let outbound = restore_outbound(&mut image, now);
        let mut session = Session::new(image.client_id, number);
        session.expiry_secs = image.expiry_secs;
        session.inbound = image.inbound.into_iter().collect();
        session.outbound = outbound;
        session.will = image.will.map(Box::new);
        session.subscriptions = image.subscriptions.into_iter().collect();
        let key = self.sessions.insert(session);
        self.sessions.note_journaled(key);
        self.count_backlog(key);
        for (filter, options) in self.sessions[key].subscriptions.iter() {
            self.subscriptions.subscribe(key, filter, options);
        }
        Some(key)
    }

    /// Goes on counting from the moment that the session lost its connection.
    fn restore_absence(&mut self, key: SessionKey, at: Option<Timestamp>, now: Timestamp) {
        let Some(noted) = at else {
            self.detach(key, now, &mut Actions::default());
            return;
        };
        let at = counted_from(noted, now);
        let session = &mut self.sessions[key];
        let (number, expiry_secs) = (session.number, session.expiry_secs);
        let ends_at = session_ends_at(at, expiry_secs);
        session.ends_at = Some(ends_at);
        self.timers.set(ends_at, Timer::SessionEnd(key));
        if let Some(will) = &session.will {
            let due = at.plus_secs(u64::from(will.delay_secs)).min(ends_at);
            session.will_due = Some(due);
            self.timers.set(due, Timer::Will(key));
        }
        if at != noted {
            self.journal.record(|| Change::SessionDetached { session: number, expiry_secs, at });
        }
    }
}

/// What was on its way to the client, as far as its connection had reserved numbers for it: those
/// below that may have been sent, and those from there on have not.
fn restore_outbound(image: &mut SessionImage, now: Timestamp) -> Outbound {
    let mut queue = std::mem::take(&mut image.queue);
    for step in queue.values_mut() {
        if let Unfinished::Message(queued) = step {
            queued.message = expiring_here(queued.message.clone(), now);
        }
    }
    let backlog = std::mem::take(&mut image.backlog);
    Outbound::restore(queue, backlog, image.sent_before, image.next_number)
}
