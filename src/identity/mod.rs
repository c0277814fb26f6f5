//! Where answers about credentials come from: files, keys and other servers, asked one after another.

mod cache;
mod certificates;
mod chain;
mod files;
mod http;
mod passwords;
mod pool;
mod reload;
mod rules;
mod secret;
mod tokens;

pub use certificates::CertificateUser;
pub use chain::{Identities, Parts, SourceKind};
pub use http::{Callout, CalloutOptions};
pub use passwords::Passwords;
pub use pool::Pool;
pub use reload::Reloader;
pub use rules::{RuleSource, read_rules};
pub use secret::random;
pub use tokens::{KeyFiles, Tokens};
