//! What the log says about a connection: one line when it stands, one when it is over, and one for
//! a mistake of the client.

use std::fmt;
use std::net::SocketAddr;
use std::str::EscapeDebug;

use super::{Driver, Ending};
use crate::connection::Ended;
use crate::types::{ClientId, Protocol};

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

    /// Says what the client did wrong, if it did anything and the log is not full of it.
    pub(super) fn log_mistake(&self) {
        let refused = match self.connection.ended() {
            Some(Ended::Fault(_) | Ended::Refused { .. }) => true,
            Some(Ended::ByClient { .. } | Ended::ByServer { .. }) => false,
            None => self.ending.is_some_and(Ending::is_mistake),
        };
        if refused && self.shared.mistakes.admit(self.shared.clock.now()) {
            let (client, address) = (self.client(), self.address());
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
