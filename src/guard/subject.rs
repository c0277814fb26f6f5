use std::fmt;
use std::sync::Arc;

use ahash::RandomState;

use super::AddressGroup;
use crate::types::ClientId;

/// Who is banned, in bounded memory: a longer name than [`NAME_BYTES_MAX`] stands here as its beginning
/// and a number made of all of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Whoever comes from there.
    Address(AddressGroup),
    /// Whoever comes from there with this client identifier: nobody gets a client banned from elsewhere.
    Client(AddressGroup, ClientId),
    /// Whoever gives this user name.
    User(Arc<str>),
}

/// Bytes of a name that are kept: a peer may send 64 KiB, and as many names as it likes.
pub const NAME_BYTES_MAX: usize = 128;

/// What it was banned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// It connected over and over.
    Flapping,
    /// It failed to log in over and over.
    FailedLogins,
}

impl Subject {
    /// The client with this identifier at `address`. `hasher` is seeded so that nobody chooses long names
    /// that are taken for one another.
    pub fn client(address: AddressGroup, id: &ClientId, hasher: &RandomState) -> Self {
        let short = shortened(id.as_str(), hasher);
        Self::Client(address, short.map_or_else(|| id.clone(), |short| ClientId::new(&short)))
    }

    /// Who gives this user name; `hasher` as above.
    pub fn user(name: &str, hasher: &RandomState) -> Self {
        Self::User(shortened(name, hasher).map_or_else(|| name.into(), Arc::from))
    }
}

/// What stands for a name that is too long. It is too long itself, so no name that is not looks like it.
fn shortened(name: &str, hasher: &RandomState) -> Option<String> {
    if name.len() <= NAME_BYTES_MAX {
        return None;
    }
    let end = (0..=NAME_BYTES_MAX).rfind(|at| name.is_char_boundary(*at)).unwrap_or(0);
    Some(format!("{}…{:016x}", &name[..end], hasher.hash_one(name)))
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
