//! The configuration: a file as written, overrides from the environment and the command line,
//! and the checked values that come of them. All mistakes are found in one go.

mod acl;
mod auth;
mod choice;
mod combinations;
mod credentials;
mod data_dir;
mod environment;
mod file;
mod key;
mod listener;
mod log_filter;
mod mistake;
mod nearest;
mod reading;
mod render;
mod sections;
mod value;

pub use auth::{AuthSource, ListenerAuth};
pub use choice::{
    CertificateUser, Durability, Engine, LogFormat, MemoryMax, OnDamage, QueueFull,
    SessionExpiryMax, ShareStrategy,
};
pub use credentials::place_credentials;
pub use data_dir::platform_data_dir;
pub use file::FILE_BYTES_MAX;
pub use key::Key;
pub use listener::{
    CIPHER_SUITES, CipherSuite, ClientCertificates, Endpoint, FileMode, Files, LIST_ENTRIES_MAX,
    LISTENERS_MAX, Listener, ListenerLimits, MESSAGE_BYTES_MAX, Own, Proxy, Tls, TlsVersion,
    UnixSocket, WebSocket, WebSocketPath,
};
pub use log_filter::LogFilter;
pub use mistake::{Mistake, Mistakes, Origin};
pub use reading::{Loaded, Origins, Sources, load};
pub use render::{effective, reference};
pub use sections::{
    Acl, Auth, Bans, Limits, Log, Mqtt, Retained, Runtime, Session, Store, Sys, Tcp,
};

use crate::auth::rules::Rule;

/// Every value that can be configured, checked. The default runs a broker for this machine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where clients are accepted: at least one, at most [`LISTENERS_MAX`].
    pub listeners: Vec<Listener>,
    /// What one client, and all of them together, may cost.
    pub limits: Limits,
    /// Who is kept out for a while.
    pub bans: Bans,
    /// How clients show who they are.
    pub auth: Auth,
    /// What they may do, apart from [`Self::acl_rules`].
    pub acl: Acl,
    /// The rules about topics that stand in the file itself.
    pub acl_rules: Vec<Rule>,
    /// What is announced to clients, and the features of the protocol that are on.
    pub mqtt: Mqtt,
    /// Sessions, and the messages that wait in them.
    pub session: Session,
    /// Retained messages.
    pub retained: Retained,
    /// The broker's own topics below `$SYS`.
    pub sys: Sys,
    /// Sockets.
    pub tcp: Tcp,
    /// The threads of the process.
    pub runtime: Runtime,
    /// Where sessions and retained messages are kept.
    pub store: Store,
    /// The log.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listeners: vec![Listener::default()],
            limits: Limits::default(),
            bans: Bans::default(),
            auth: Auth::default(),
            acl: Acl::default(),
            acl_rules: Vec::new(),
            mqtt: Mqtt::default(),
            session: Session::default(),
            retained: Retained::default(),
            sys: Sys::default(),
            tcp: Tcp::default(),
            runtime: Runtime::default(),
            store: Store::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// The default but for the store: there is none, and a restart forgets everything.
    pub fn in_memory() -> Self {
        let store = Store { durability: Durability::Memory, ..Store::default() };
        Self { store, ..Self::default() }
    }
}

/// A table of the file.
pub struct Section {
    /// As in `[session]`.
    pub name: &'static str,
    /// One sentence for people.
    pub about: &'static str,
    /// Its keys, in the order in which people read them.
    pub keys: &'static [Key<Config>],
}

/// Every section but the listeners, in the order of the file.
pub const SECTIONS: &[Section] = &[
    Limits::SECTION,
    Bans::SECTION,
    Auth::SECTION,
    Acl::SECTION,
    Mqtt::SECTION,
    Session::SECTION,
    Retained::SECTION,
    Sys::SECTION,
    Tcp::SECTION,
    Runtime::SECTION,
    Store::SECTION,
    Log::SECTION,
];

/// Every key but the listeners', in the order of the file.
pub fn keys() -> impl Iterator<Item = &'static Key<Config>> {
    SECTIONS.iter().flat_map(|section| section.keys)
}
