use std::collections::VecDeque;

use fulmar::types::Timestamp;

use super::Sim;
use crate::common::{LinkId, Observed, Shell};
use crate::ledger::WATCHER;
use crate::trace::told;

/// The network between one client and the server.
pub struct Path {
    pub client: usize,
    /// On its way to the server.
    pub up: VecDeque<u8>,
    pub up_from: Timestamp,
    pub down_from: Timestamp,
    /// The client has gone: what it wrote may still arrive.
    pub abandoned: bool,
    /// Nothing arrives in either direction, and nobody says so.
    pub dead: bool,
}

impl Path {
    pub fn new(client: usize) -> Self {
        Self {
            client,
            up: VecDeque::new(),
            up_from: Timestamp(0),
            down_from: Timestamp(0),
            abandoned: false,
            dead: false,
        }
    }
}

impl Sim {
    /// Puts what a client wrote on its way.
    pub fn collect(&mut self, index: usize) {
        let Some(online) = self.clients[index].session.as_mut() else { return };
        let path = self.paths.get_mut(&online.link).expect("open");
        path.up.extend(online.written.drain(..));
    }

    /// Some bytes arrive, on some links.
    pub fn move_some(&mut self) {
        let links: Vec<LinkId> = self.paths.keys().copied().collect();
        for link in links {
            if self.rng.chance(600) {
                let bytes = self.some_bytes();
                self.move_up(link, bytes);
            }
            let Some(path) = self.paths.get(&link) else { continue };
            if self.rng.chance(self.clients[path.client].habits.diligence) {
                let bytes = self.some_bytes();
                self.move_down(link, bytes);
            }
            let is_over = self.paths.get(&link).is_some_and(|path| path.abandoned && !path.dead);
            if is_over && self.rng.chance(100) {
                self.cut(link);
            }
        }
    }

    fn some_bytes(&mut self) -> usize {
        let most = self.rng.pick(&[1, 10, 100, 10_000]);
        1 + self.rng.index(most)
    }

    fn move_up(&mut self, link: LinkId, most: usize) {
        let now = self.shell.now;
        let Some(path) = self.paths.get_mut(&link) else { return };
        // While the server has requests to handle it does not read.
        let unread = self.shell.unhandled();
        if unread.contains(&link) || path.dead || path.up_from > now || path.up.is_empty() {
            return;
        }
        let bytes: Vec<u8> = path.up.drain(..most.min(path.up.len())).collect();
        let client = path.client;
        let trace = &mut self.trace;
        self.wire.arriving(link, &bytes, now, &unread, &mut |packet| {
            trace.note(now, || format!("c{client} {link} -> {}", told(packet)));
        });
        self.on_shell(|shell| shell.receive(link, &bytes));
    }

    fn move_down(&mut self, link: LinkId, most: usize) {
        let now = self.shell.now;
        let Some(path) = self.paths.get(&link) else { return };
        if path.dead || path.abandoned || path.down_from > now {
            return;
        }
        let client = path.client;
        let mut bytes = Vec::new();
        self.on_shell(|shell| bytes = shell.take(link, most));
        self.give(client, &bytes);
        if self.shell.is_closed(link) {
            self.cut(link);
        }
    }

    pub fn give(&mut self, client: usize, bytes: &[u8]) {
        let now = self.shell.now;
        let passed_on = self.clients[client].read(bytes, &mut self.ledger, now);
        if client == WATCHER {
            passed_on.into_iter().for_each(|key| self.wire.sessions.watched(key, now));
        }
        self.collect(client);
    }

    /// The link is gone for both sides; part of what was on its way to the client arrives.
    pub fn cut(&mut self, link: LinkId) {
        let Some(path) = self.paths.remove(&link) else { return };
        let client = path.client;
        self.trace.note(self.shell.now, || format!("{link} of c{client} is cut"));
        let current = self.clients[client].session.as_ref().is_some_and(|on| on.link == link);
        if current && !path.dead {
            let most = self.some_bytes();
            let mut bytes = Vec::new();
            self.on_shell(|shell| bytes = shell.take(link, most));
            let now = self.shell.now;
            self.clients[client].read(&bytes, &mut self.ledger, now);
        }
        if current {
            self.clients[client].session = None;
        }
        self.wire.sessions.cutting(link);
        self.on_shell(|shell| shell.lose(link));
    }

    /// Calls the server and shows what it did to those who check.
    pub fn on_shell(&mut self, call: impl FnOnce(&mut Shell)) {
        // What the server had not read when it ended a link it may have dropped.
        let unread = self.shell.unhandled();
        call(&mut self.shell);
        let now = self.shell.now;
        for observed in self.shell.take_log() {
            let trace = &mut self.trace;
            match observed {
                Observed::Produced(link, bytes) => {
                    self.digest = bytes.iter().fold(self.digest, |digest, byte| {
                        (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
                    });
                    self.wire.produced(link, &bytes, now, &mut |client, packet| {
                        trace.note(now, || format!("c{client} {link} <- {}", told(packet)));
                    });
                }
                Observed::Ended(link) => {
                    trace.note(now, || format!("the server ends {link}"));
                    self.wire.ended(link, now, !unread.contains(&link));
                }
            }
        }
    }

    /// Moves everything that can move for one client. True if anything did.
    pub fn serve(&mut self, index: usize) -> bool {
        let Some(online) = self.clients[index].session.as_ref() else { return false };
        let link = online.link;
        self.clients[index].write_replies(usize::MAX, self.shell.now);
        self.collect(index);
        let written = self.paths[&link].up.len();
        self.move_up(link, usize::MAX);
        let arrived = self.paths.get(&link).is_none_or(|path| path.up.len() < written);
        let digest = self.digest;
        let before = self.clients[index].session.as_ref().map(|on| on.bytes_read);
        self.move_down(link, usize::MAX);
        let after = self.clients[index].session.as_ref().map(|on| on.bytes_read);
        arrived || before != after || digest != self.digest
    }
}
