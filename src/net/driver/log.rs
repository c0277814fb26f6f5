//! What the log says about a connection: one line when it stands, one when it is over, and one for
//! a mistake of the client.

use std::fmt;

use super::{Driver, Ending};
use crate::connection::Ended;
use crate::types::ClientId;

impl<S> Driver<S> {
    pub(super) fn log_connected(&self, session_present: bool) {
        tracing::info!(
            client = %self.client(),
            address = %self.peer.address,
            protocol = %self.protocol(),
            keep_alive_secs = self.connection.keep_alive_secs(),
            clean_start = self.clean_start,
            session_present,
            "connected"
        );
    }

    /// A connection that came to nothing is no event for people: a port check, a scan.
    pub(super) fn log_disconnected(&self) {
        let (client, address) = (self.client(), self.peer.address);
        let reason = self.reason();
        let (bytes_in, bytes_out) = (self.inbox.total, self.outbox.total);
        let secs = self.shared.clock.now().since(self.started).as_secs();
        if self.client_seat.is_some() {
            tracing::info!(%client, %address, %reason, bytes_in, bytes_out, secs, "disconnected");
        } else {
            tracing::debug!(%client, %address, %reason, bytes_in, bytes_out, secs, "closed");
        }
    }

    /// Says what the client did wrong, if it did anything and the log is not full of it.
    pub(super) fn log_mistake(&self) {
        let refused = match self.connection.ended() {
            Some(Ended::Fault(_) | Ended::Refused { .. }) => true,
            Some(Ended::ByClient { .. } | Ended::ByServer { .. }) => false,
            None => self.ending == Some(Ending::ConnectTimeout),
        };
        if refused && self.shared.mistakes.admit(self.shared.clock.now()) {
            let (client, address) = (self.client(), self.peer.address);
            tracing::warn!(%client, %address, what = %self.reason(), "client at fault");
        }
    }

    /// The protocol's reason before the network's: the socket fails because it was closed.
    fn reason(&self) -> Reason<'_> {
        match (self.connection.ended(), self.ending) {
            (Some(ended), _) => Reason::Protocol(ended),
            (None, Some(ending)) => Reason::Network(ending),
            (None, None) => Reason::Network(Ending::Dropped),
        }
    }

    fn client(&self) -> OrUnknown<&ClientId> {
        OrUnknown(self.connection.client_id())
    }

    fn protocol(&self) -> OrUnknown<crate::types::Protocol> {
        OrUnknown(self.connection.protocol())
    }
}

enum Reason<'a> {
    Protocol(&'a Ended),
    Network(Ending),
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(ended) => ended.fmt(f),
            Self::Network(ending) => ending.fmt(f),
        }
    }
}

/// What a client that has not introduced itself does not have yet.
struct OrUnknown<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for OrUnknown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(known) => known.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}
