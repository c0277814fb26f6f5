//! What the log says about a connection: one line when it stands, one when it is over, and one for
//! a mistake of the client.

use std::fmt;
use std::net::SocketAddr;
use std::str::EscapeDebug;

use super::{Driver, Ending};
use crate::connection::Ended;
use crate::types::{ClientId, Protocol, ReasonCode};

/// How much of a client identifier the log shows: a client may send 64 KiB of it.
const CLIENT_ID_CHARS_MAX: usize = 128;

impl<S> Driver<S> {
    pub(super) fn log_connected(&self, session_present: bool) {
        tracing::info!(
            client = %self.client(),
            address = %self.address(),
            user = self.connection.username().map(|name| display(printable(name))),
            protocol = %self.protocol(),
            keep_alive_secs = self.connection.keep_alive_secs(),
            clean_start = self.clean_start,
            session_present,
            "connected"
        );
    }

    /// Once for a connection: who publishes too fast does it again and again.
    pub(super) fn log_slowed_down(&self) {
        let (client, address) = (self.client(), self.address());
        tracing::warn!(%client, %address, "publishes faster than it may, and is read more slowly");
    }

    /// A connection that came to nothing is no event for people: a port check, a scan.
    pub(super) fn log_disconnected(&self) {
        let (client, address) = (self.client(), self.address());
        let reason = self.reason();
        let (bytes_in, bytes_out) = (self.inbox.total, self.outbox.total);
        let secs = self.shared.clock.now().since(self.started).as_secs();
        if self.client_seat.is_some() {
            tracing::info!(%client, %address, %reason, bytes_in, bytes_out, secs, "disconnected");
        } else {
            tracing::debug!(%client, %address, %reason, bytes_in, bytes_out, secs, "closed");
        }
    }

    /// Says what the client did wrong, or why it was not let in, if the log is not full of it.
    pub(super) fn log_mistake(&self) {
        let now = || self.shared.clock.now();
        match self.blame() {
            Blame::Client if self.shared.mistakes.admit(now()) => {
                let (client, address, what) = (self.client(), self.address(), self.reason());
                tracing::warn!(%client, %address, %what, "client at fault");
            }
            Blame::Server if self.shared.doorkeeper.log.admit(now()) => {
                let (client, address, what) = (self.client(), self.address(), self.reason());
                tracing::warn!(%client, %address, %what, "client not let in");
            }
            _ => {}
        }
    }

    pub(super) fn blame(&self) -> Blame {
        match self.connection.ended() {
            Some(Ended::Fault(_)) => Blame::Client,
            Some(Ended::Refused { reason, .. }) => blame_for(*reason),
            None if self.ending.is_some_and(Ending::is_mistake) => Blame::Client,
            None if self.ending == Some(Ending::AnswerTimeout) => Blame::Server,
            Some(Ended::ByClient { .. } | Ended::ByServer { .. }) | None => Blame::Nobody,
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

    fn client(&self) -> OrUnknown<EscapeDebug<'_>> {
        OrUnknown(self.connection.client_id().map(ClientId::as_str).map(printable))
    }

    fn address(&self) -> OrUnknown<SocketAddr> {
        OrUnknown(self.peer.address)
    }

    fn protocol(&self) -> OrUnknown<Protocol> {
        OrUnknown(self.connection.protocol())
    }
}

/// The beginning of a client identifier or a user name, without what a terminal or a log reader would obey.
fn printable(name: &str) -> EscapeDebug<'_> {
    let end = name.char_indices().nth(CLIENT_ID_CHARS_MAX).map(|(at, _)| at);
    name[..end.unwrap_or(name.len())].escape_debug()
}

/// Whose doing it is that a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    Client,
    /// It lets nobody in for now, or not one more.
    Server,
    /// It came to its own end.
    Nobody,
}

fn blame_for(refusal: ReasonCode) -> Blame {
    use ReasonCode::{QuotaExceeded, ServerBusy, ServerShuttingDown, ServerUnavailable};
    match refusal {
        QuotaExceeded | ServerBusy | ServerShuttingDown | ServerUnavailable => Blame::Server,
        _ => Blame::Client,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_identifier_forges_no_log_line() {
        assert_eq!(printable("a\nINFO b\x1b[2J").to_string(), "a\\nINFO b\\u{1b}[2J");
    }

    #[test]
    fn a_client_identifier_is_shown_up_to_its_limit() {
        let id = "ü".repeat(CLIENT_ID_CHARS_MAX);

        assert_eq!(printable(&id).to_string(), id);
        assert_eq!(printable(&format!("{id}x")).to_string(), id);
    }
}
