use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::shared::Link;
use super::{Shared, WakeCell};
use crate::broker::Pause;
use crate::types::{ConnId, Timestamp};

/// Connections that are told together under one hold of the broker's lock.
const TOLD_PER_HOLD: usize = 512;

/// Connections that are not read from until the store has caught up.
#[derive(Default)]
pub(super) struct Paused(
    /// Twice where a client came in while its connection was paused. Those that are gone make way for
    /// others, and until then keep no task. Locked for a push or a swap, never together with the
    /// broker.
    pub(super) Mutex<Vec<(Option<ConnId>, Weak<WakeCell>)>>,
);

impl Paused {
    fn push(&self, link: &Link) {
        let mut all = self.0.lock();
        if all.len() == all.capacity() {
            all.retain(|(_, cell)| cell.strong_count() > 0);
            // Room for as many again: looked through at each push they would cost the square of
            // their number.
            let left = all.len();
            all.reserve(left);
        }
        all.push((link.conn, Arc::downgrade(&link.cell)));
    }
}

impl Shared {
    /// Whether the store is so far behind that nothing more is to be read from this connection. It
    /// is woken when the store has caught up, and its client's keep alive waits as long.
    pub fn must_pause(&self, link: &Link) -> bool {
        if !self.commits.is_congested() {
            return false;
        }
        if link.cell.pause(link.conn.is_some()) {
            if let Some(conn) = link.conn {
                self.act(|core, _, _| core.broker.handle_paused(conn, Pause::Store));
            }
            self.paused.push(link);
        }
        // The store may have caught up before it could see that somebody waits.
        self.resume_paused();
        self.commits.is_congested()
    }

    /// Nothing is read from this connection for a while, or again: its client publishes too fast.
    pub(super) fn pace(&self, link: &Link, paced: bool) {
        let Some(conn) = link.conn else { return };
        self.act(|core, now, _| match paced {
            true => core.broker.handle_paused(conn, Pause::Pace),
            false => core.broker.handle_resumed(conn, Pause::Pace, now),
        });
    }

    /// About how many bytes the broker holds, a part of them at a time.
    pub fn held_bytes(&self, from: usize) -> (u64, Option<usize>) {
        self.act(|core, _, _| core.broker.held_bytes(from))
    }

    /// Takes note of how large the process is and how much of that the broker holds, and has it begin
    /// nothing new if that is too much.
    pub fn note_memory(&self, bytes: u64, held_bytes: u64) {
        let short = self.doorkeeper.note_memory(bytes, held_bytes);
        self.act(|core, now, actions| core.broker.handle_memory_short(short, now, actions));
    }

    /// Takes note of when the first certificate of each listener ends.
    pub fn note_certificates(&self, ends: &[(String, Timestamp)]) {
        self.act(|core, now, _| core.broker.handle_certificates(ends, now));
    }

    /// How long it takes to get at the broker.
    pub fn lock_micros(&self) -> u64 {
        let before = self.clock.micros();
        self.act(|_, _, _| ());
        self.clock.micros() - before
    }

    /// Nothing is read from this connection while somebody elsewhere is asked about its client, whose
    /// keep alive waits as long; or it is read from again.
    pub fn hold_up(&self, link: &Link, held: bool) {
        let Some(conn) = link.conn else { return };
        self.act(|core, now, _| match held {
            true => core.broker.handle_paused(conn, Pause::Question),
            false => core.broker.handle_resumed(conn, Pause::Question, now),
        });
    }

    /// Has those read from that were paused, if the store has caught up.
    pub(super) fn resume_paused(&self) {
        if self.commits.is_congested() {
            return;
        }
        let paused = std::mem::take(&mut *self.paused.0.lock());
        for some in paused.chunks(TOLD_PER_HOLD) {
            self.act(|core, now, _| {
                let conns = some.iter().filter_map(|(conn, _)| *conn);
                conns.for_each(|conn| core.broker.handle_resumed(conn, Pause::Store, now));
            });
        }
        paused.iter().filter_map(|(_, cell)| cell.upgrade()).for_each(|cell| cell.resume());
    }
}
