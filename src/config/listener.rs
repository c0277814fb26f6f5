use std::net::SocketAddr;

use super::ListenerAuth;
use super::key::Key;
use super::value::{Range, Value, Written};

/// A socket on which clients are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What the log calls it.
    pub name: String,
    /// Where it listens; port 0 is a free one of the system's choice.
    pub address: SocketAddr,
    /// Whether clients without credentials are accepted, if no source of credentials is asked.
    pub allow_anonymous: bool,
    /// Which sources of credentials are asked.
    pub auth: ListenerAuth,
}

/// Most listeners of one broker.
pub const LISTENERS_MAX: usize = 64;
/// Most entries of one list, such as certificates or trusted addresses.
pub const LIST_ENTRIES_MAX: usize = 64;

const NAME_BYTES_MAX: u64 = 64;

impl Listener {
    /// Anonymous clients are accepted only where no other machine can reach the listener.
    pub(super) fn at(address: SocketAddr) -> Self {
        let allow_anonymous = address.ip().to_canonical().is_loopback();
        Self { name: address.to_string(), address, allow_anonymous, auth: ListenerAuth::Common }
    }
}

impl Default for Listener {
    /// MQTT's port on the loopback address.
    fn default() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 1883)))
    }
}

/// One listener as far as it has been read.
#[derive(Default)]
pub struct Draft {
    address: Option<SocketAddr>,
    name: String,
    allow_anonymous: AllowAnonymous,
    auth: ListenerAuth,
}

#[derive(Clone, Copy, Default)]
enum AllowAnonymous {
    #[default]
    Loopback,
    Written(bool),
}

impl Draft {
    pub(super) const KEYS: &[Key<Self>] = &[
        Key {
            section: "listeners",
            name: "address",
            about: "An IP address and a port; 0.0.0.0 and [::] are all addresses of the machine.",
            range: None,
            allowed: <SocketAddr as Value>::allowed,
            set: |draft, written, range| {
                draft.address = Some(Value::read(written, range)?);
                Ok(())
            },
            show: |draft| draft.address.as_ref().map_or_else(String::new, Value::show),
        },
        Key {
            section: "listeners",
            name: "name",
            about: "What the log calls it; empty for the address.",
            range: Some(0..=NAME_BYTES_MAX),
            allowed: <String as Value>::allowed,
            set: |draft, written, range| {
                draft.name = Value::read(written, range)?;
                Ok(())
            },
            show: |draft| draft.name.show(),
        },
        Key {
            section: "listeners",
            name: "allow_anonymous",
            about: "Whether clients come in where no source of credentials is asked; \"loopback\": only from this machine.",
            range: None,
            allowed: AllowAnonymous::allowed,
            set: |draft, written, range| {
                draft.allow_anonymous = Value::read(written, range)?;
                Ok(())
            },
            show: |draft| draft.allow_anonymous.show(),
        },
        Key {
            section: "listeners",
            name: "auth",
            about: "Sources of credentials as in auth.chain, for this listener; \"common\": that one.",
            range: None,
            allowed: <ListenerAuth as Value>::allowed,
            set: |draft, written, range| {
                draft.auth = Value::read(written, range)?;
                Ok(())
            },
            show: |draft| draft.auth.show(),
        },
    ];

    /// `None` while the address is missing.
    pub(super) fn finish(self) -> Option<Listener> {
        let default = Listener::at(self.address?);
        Some(Listener {
            name: Some(self.name).filter(|name| !name.is_empty()).unwrap_or(default.name),
            address: default.address,
            allow_anonymous: match self.allow_anonymous {
                AllowAnonymous::Loopback => default.allow_anonymous,
                AllowAnonymous::Written(allowed) => allowed,
            },
            auth: self.auth,
        })
    }

    /// The listener that there is unless one is written, with nothing worked out yet.
    pub(super) fn default_as_written() -> Self {
        Self { address: Some(Listener::default().address), ..Self::default() }
    }
}

impl Value for AllowAnonymous {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        match written {
            Written::Text("loopback") => Ok(Self::Loopback),
            Written::Flag(allowed) => Ok(Self::Written(*allowed)),
            _ => Err(written.instead_of(&Self::allowed(range))),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Loopback => "\"loopback\"".into(),
            Self::Written(allowed) => allowed.show(),
        }
    }

    fn allowed(_: &Range) -> String {
        "true, false or \"loopback\"".into()
    }
}

impl From<&Listener> for Draft {
    fn from(listener: &Listener) -> Self {
        Self {
            address: Some(listener.address),
            name: listener.name.clone(),
            allow_anonymous: AllowAnonymous::Written(listener.allow_anonymous),
            auth: listener.auth.clone(),
        }
    }
}
