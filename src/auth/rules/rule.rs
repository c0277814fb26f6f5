use core::net::IpAddr;

use super::network::Network;
use super::pattern::{Names, Pattern, covers};
use crate::auth::Action;
use crate::request::{Identity, Origin};
use crate::types::ClientId;

/// One rule: who may or may not do what with which topics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Whether it allows or denies.
    pub allow: bool,
    /// What it is about.
    pub accesses: Accesses,
    /// Whom it is about.
    pub who: Who,
    /// The topics it is about; empty for every one, also those that begin with `$`.
    pub topics: Vec<Pattern>,
    /// Where it is written, for people.
    pub place: Box<str>,
}

/// Which of publishing, receiving and subscribing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accesses {
    /// To publish.
    pub write: bool,
    /// To receive.
    pub read: bool,
    /// To subscribe.
    pub subscribe: bool,
}

/// Clients of which everything that is said here is true. A list says that one of it is true of the
/// client, an empty one nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// Only clients without a user name.
    pub anonymous: bool,
    /// User names.
    pub users: Vec<String>,
    /// Client identifiers.
    pub clients: Vec<String>,
    /// Groups that the client belongs to.
    pub groups: Vec<String>,
    /// Where it comes from; true of no client on a Unix socket.
    pub addresses: Vec<Network>,
    /// Only clients that have shown a certificate.
    pub certificate: bool,
    /// Common names of the certificate that it has shown.
    pub common_names: Vec<String>,
}

/// A client, as far as rules are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its identifier.
    pub client_id: ClientId,
    /// Who it was found to be.
    pub identity: Identity,
    /// Where it comes from.
    pub origin: Origin,
}

impl Rule {
    /// What of it covers `topic`: `Some(None)` where it is about every topic.
    pub(super) fn covering(&self, topic: &str, names: &Names<'_>) -> Option<Option<&Pattern>> {
        if self.topics.is_empty() {
            return Some(None);
        }
        self.topics.iter().find(|pattern| pattern.covers(topic, names)).map(Some)
    }
}

impl Accesses {
    /// All of them.
    pub const ALL: Self = Self { write: true, read: true, subscribe: true };

    /// Whether this is one of them.
    pub fn has(self, action: Action) -> bool {
        match action {
            Action::Publish => self.write,
            Action::Receive => self.read,
            Action::Subscribe => self.subscribe,
        }
    }
}

impl Who {
    /// Whether it includes this client.
    pub fn includes(&self, subject: &Subject) -> bool {
        let Subject { client_id, identity, origin } = subject;
        let is_in = |address: IpAddr| self.addresses.iter().any(|it| it.contains(address));
        (!self.anonymous || identity.username.is_none())
            && (!self.certificate || origin.certificate)
            && names(&self.users, identity.username.as_deref())
            && names(&self.clients, Some(client_id.as_str()))
            && names(&self.common_names, origin.common_name.as_deref())
            && (self.groups.is_empty()
                || self.groups.iter().any(|group| identity.groups.contains(group)))
            && (self.addresses.is_empty() || origin.address.is_some_and(is_in))
    }
}

fn names(list: &[String], name: Option<&str>) -> bool {
    list.is_empty() || name.is_some_and(|name| list.iter().any(|one| one == name))
}

impl Subject {
    /// What `%u` and `%c` stand for.
    pub fn names(&self) -> Names<'_> {
        Names::new(self.identity.username.as_deref(), &self.client_id)
    }

    /// The topic filter in its credentials by which it may, if there is one. They are taken as they
    /// are: whoever made them knows the user.
    pub(super) fn granted(&self, action: Action, topic: &str) -> Option<&str> {
        let grants = self.identity.grants.as_deref()?;
        let filters = match action {
            Action::Publish => &grants.publish,
            Action::Subscribe | Action::Receive => &grants.subscribe,
        };
        filters.iter().map(String::as_str).find(|filter| covers(filter, topic))
    }
}
