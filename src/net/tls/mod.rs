//! TLS: what the files of a listener make possible, and the handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;

mod certificate;
mod files;
mod handshake;
mod material;
mod names;
mod provider;

pub use files::FILE_BYTES_MAX;
pub use handshake::handshake;
pub use provider::crypto_provider;

use crate::config;
use crate::net::{FileError, Stamp};
use crate::types::Timestamp;
use certificate::Facts;
use material::Material;

/// What a listener shows of itself and asks of its clients, as its files were when they were last
/// read without a problem.
#[derive(Debug)]
pub struct Tls {
    settings: config::Tls,
    /// What clients may name by ALPN.
    protocol: &'static [u8],
    /// A lock because handshakes read it in many tasks while one thread renews it. Held for the
    /// copy of a pointer.
    material: Mutex<Arc<Material>>,
    /// Looked at by whoever watches the files, and by nobody else.
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    /// The files as they were when they were last read.
    read: Stamp,
    /// As they were when they were last looked at.
    seen: Stamp,
}

/// When a certificate ends, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// The file it stands in.
    pub path: PathBuf,
    /// Its common name.
    pub name: String,
    /// Before this it is not valid.
    pub not_before: Timestamp,
    /// After this it is not valid.
    pub not_after: Timestamp,
}

/// How long before its end a certificate is warned about.
pub const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 3_600);

impl Tls {
    /// Reads the files of `settings`. Clients that name a protocol by ALPN must name `protocol`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the files.
    pub fn read(settings: config::Tls, protocol: &'static [u8]) -> Result<Self, Vec<FileError>> {
        let stamp = Stamp::of(files_of(&settings));
        let material = Mutex::new(Arc::new(Material::read(&settings, protocol)?));
        let watch = Mutex::new(Watch { read: stamp.clone(), seen: stamp });
        Ok(Self { settings, protocol, material, watch })
    }

    /// Reads the files again: connections that come from now on see what is in them now. Those that
    /// stand are not touched.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the files; then all stays as it was.
    pub fn reread(&self) -> Result<(), Vec<FileError>> {
        // Before reading: a change in between is noticed the next time.
        let stamp = Stamp::of(files_of(&self.settings));
        *self.watch.lock() = Watch { read: stamp.clone(), seen: stamp };
        let material = Arc::new(Material::read(&self.settings, self.protocol)?);
        *self.material.lock() = material;
        Ok(())
    }

    /// Whether the files are no longer what they were when they were last read, and have not
    /// changed since this was last asked: whoever replaces a certificate and its key takes a moment.
    pub fn has_changed(&self) -> bool {
        let now = Stamp::of(files_of(&self.settings));
        let mut watch = self.watch.lock();
        let settled = watch.seen == now;
        watch.seen = now;
        settled && watch.seen != watch.read
    }

    /// When the certificates in use end.
    pub fn expiries(&self) -> Vec<Expiry> {
        self.material.lock().expiries.clone()
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.material.lock().config)
    }
}

impl Expiry {
    fn new(path: &Path, facts: &Facts) -> Self {
        Self {
            path: path.into(),
            name: facts.name().into(),
            not_before: facts.not_before,
            not_after: facts.holder.not_after,
        }
    }

    /// What is to be said about the certificate at `now`, if anything is.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let days = |time: Duration| time.as_secs() / (24 * 3_600);
        if now < self.not_before {
            return Some(format!(
                "is not valid yet, not for {} days",
                days(self.not_before.since(now))
            ));
        }
        if now > self.not_after {
            return Some(format!("expired {} days ago", days(now.since(self.not_after))));
        }
        let left = self.not_after.since(now);
        (left <= EXPIRY_WARNING).then(|| format!("expires in {} days", days(left)))
    }
}

fn files_of(tls: &config::Tls) -> impl Iterator<Item = &PathBuf> {
    tls.cert.iter().chain(&tls.key).chain(&tls.ca).chain(&tls.crl)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3_600 * 1_000;

    #[test]
    fn a_certificate_is_warned_about_from_thirty_days_before_its_end() {
        let expiry = Expiry {
            path: "a.crt".into(),
            name: "a".into(),
            not_before: Timestamp(10 * DAY_MS),
            not_after: Timestamp(100 * DAY_MS),
        };
        for (now, expected) in [
            (Timestamp(8 * DAY_MS), Some("is not valid yet, not for 2 days")),
            (Timestamp(10 * DAY_MS), None),
            (Timestamp(70 * DAY_MS - 1), None),
            (Timestamp(70 * DAY_MS), Some("expires in 30 days")),
            (Timestamp(100 * DAY_MS), Some("expires in 0 days")),
            (Timestamp(103 * DAY_MS), Some("expired 3 days ago")),
        ] {
            assert_eq!(expiry.warning(now).as_deref(), expected, "{now:?}");
        }
    }
}
