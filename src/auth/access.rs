use std::pin::Pin;
use std::sync::Arc;

use crate::auth::PeerInfo;
use crate::types::{ClientId, Timestamp};

/// What a client wants to do with a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The client.
    pub client_id: ClientId,
    /// Who it was found to be; `None` for an anonymous client.
    pub username: Option<Arc<str>>,
    /// Where it comes from.
    pub peer: PeerInfo,
    /// What it wants to do.
    pub action: Action,
    /// A topic name to publish to or receive from, a topic filter to subscribe to.
    pub topic: Arc<str>,
}

/// What can be done with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To publish to it.
    Publish,
    /// To subscribe to it.
    Subscribe,
    /// To receive a message of it.
    Receive,
}

/// What somebody says of an [`Access`], and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    /// What it says.
    pub permission: Permission,
    /// From this moment on it has to be asked again.
    pub until: Timestamp,
}

/// What somebody says of an [`Access`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allow,
    /// It may not; also where nobody could be asked.
    Deny,
    /// Somebody else is to say.
    NotMine,
}

/// Somebody elsewhere who is asked what clients may do.
pub trait Authorizer: Send + Sync {
    /// The answer to `access`, when it is there: it always comes, within a time that the authorizer
    /// sets itself.
    fn authorize(&self, access: &Access) -> Pin<Box<dyn Future<Output = Ruling> + Send>>;

    /// Another number once what was said before does not hold any more.
    fn edition(&self) -> u64;
}
