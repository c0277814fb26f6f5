use std::fmt;
use std::sync::Arc;

use super::AddressGroup;
use crate::types::ClientId;

/// Who is banned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Whoever comes from there.
    Address(AddressGroup),
    /// Whoever comes from there with this client identifier: nobody gets a client banned from elsewhere.
    Client(AddressGroup, ClientId),
    /// Whoever gives this user name.
    User(Arc<str>),
}

/// What it was banned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// It connected over and over.
    Flapping,
    /// It failed to log in over and over.
    FailedLogins,
}

impl fmt::Display for Subject {
    /// On one line, whatever the peer chose as its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(group) => write!(f, "address {group}"),
            Self::Client(group, id) => write!(f, "client {group} {}", id.as_str().escape_debug()),
            Self::User(name) => write!(f, "user {}", name.escape_debug()),
        }
    }
}

impl Offence {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flapping => "connected too often",
            Self::FailedLogins => "failed to log in too often",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_what_it_is() {
        let address = AddressGroup::V4([192, 0, 2, 1].into());

        assert_eq!(Subject::Address(address).to_string(), "address 192.0.2.1");
        let client = Subject::Client(address, ClientId::new("a b"));
        assert_eq!(client.to_string(), "client 192.0.2.1 a b");
        assert_eq!(Subject::User("ann".into()).to_string(), "user ann");
    }

    #[test]
    fn a_name_cannot_make_a_second_line() {
        let subject = Subject::User("ann\naddress 192.0.2.1\x1b[2J".into());

        let shown = subject.to_string();

        assert!(!shown.contains(['\n', '\x1b']), "{shown:?}");
    }
}
