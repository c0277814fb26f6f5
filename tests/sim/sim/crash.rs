use fulmar::types::ClientId;

use super::Sim;
use super::storing::Survival;
use crate::client::Client;
use crate::common::LinkId;
use crate::ledger::WATCHER;
use crate::packets::Key;

impl Sim {
    /// The server dies. What was on its way to the clients may arrive in part; of what the store had
    /// not reported it may have some, from the oldest batch on.
    pub fn crash(&mut self) {
        self.trace.note(self.shell.now, || "the server crashes".to_owned());
        let links: Vec<LinkId> = self.paths.keys().copied().collect();
        links.into_iter().for_each(|link| self.lose(link));
        let Survival { image, last, lossless } = self.survive();

        let dropped = &self.shell.broker.stats().dropped;
        self.dropped.queue_full += dropped.queue_full;
        self.dropped.retained_full += dropped.retained_full;
        self.ledger.crashed(lossless);
        let unread = self.shell.unhandled();
        self.wire.crashed(self.shell.now, lossless, Key(self.last_key), &unread);
        self.on_shell(|shell| match image {
            Some(image) => shell.restart(image, last),
            None => shell.crash(last),
        });
        for client in &self.clients {
            let session = self.shell.broker.session(&ClientId::new(&client.name));
            self.restored[client.index] = session.map_or((0, 0), |session| {
                (session.outbound.queued(), session.outbound.queued_bytes())
            });
        }
        self.open(WATCHER, Client::last_opening(), usize::MAX);
    }

    /// The client loses a link, after it has read part of what is on its way.
    fn lose(&mut self, link: LinkId) {
        let Some(path) = self.paths.get(&link) else { return };
        let (client, dead) = (path.client, path.dead);
        if self.clients[client].session.as_ref().is_some_and(|online| online.link == link) {
            if !dead {
                let most = self.crashing.pick(&[1, 100, 10_000]);
                let mut bytes = Vec::new();
                self.on_shell(|shell| bytes = shell.take(link, most));
                self.give(client, &bytes);
            }
            self.clients[client].session = None;
        }
        self.paths.remove(&link);
    }

    /// Whether a full queue has ever cost a message.
    pub fn dropped_queued(&self) -> bool {
        self.dropped.queue_full + self.shell.broker.stats().dropped.queue_full > 0
    }

    /// Whether a full store has ever cost a retained message.
    pub fn dropped_retained(&self) -> bool {
        self.dropped.retained_full + self.shell.broker.stats().dropped.retained_full > 0
    }
}
