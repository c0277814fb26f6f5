//! The sources of credentials, out of the configuration.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::auth::Authorizer;
use crate::auth::token::{ClaimNames, TokenRules};
use crate::config::{self, AuthSource, Config};
use crate::identity::{
    Callout, CalloutOptions, CertificateUser, Identities, KeyFiles, Parts, Passwords, Pool,
    Reloader, RuleSource, SourceKind, Tokens, random,
};
use crate::net::{Clock, FileError, Shared};

/// Whoever decides about credentials, and how to have the files of it read again.
pub struct Sources {
    /// For the connections.
    pub identities: Identities,
    /// For the connections, where another server says what clients may do.
    pub authorizer: Option<Arc<dyn Authorizer>>,
    /// For SIGHUP.
    pub reloader: Reloader,
    /// For [`tell_rules`].
    pub parts: Arc<Parts>,
}

/// Why there is nobody to decide about credentials.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// A file cannot be used.
    #[error("{0}")]
    File(#[from] FileError),
    /// The system gave no threads or no randomness.
    #[error("cannot prepare authentication: {0}")]
    System(#[from] std::io::Error),
}

/// Reads every file that a listener's chain needs.
///
/// # Errors
///
/// [`SourcesError`]. Nobody is served by half of what was configured.
pub fn open(config: &Config, clock: Clock) -> Result<Sources, SourcesError> {
    let chain = |listener: &config::Listener| {
        let chain = listener.auth.chain(&config.auth.chain).iter().map(kind).collect();
        (listener.name.clone(), chain)
    };
    let chains: HashMap<String, Arc<[SourceKind]>> = config.listeners.iter().map(chain).collect();
    let parts = Arc::new(parts(config, &chains, clock)?);
    let reloader = Reloader::start(&parts, Duration::from_secs(config.auth.reload_secs))?;
    let authorizer = parts.callout.clone().filter(Callout::knows_topics);
    let authorizer = authorizer.map(|callout| Arc::new(callout) as Arc<dyn Authorizer>);
    let identities = Identities::new(Arc::clone(&parts), chains);
    Ok(Sources { identities, authorizer, reloader, parts })
}

/// Has `shared` told of the rules about topics, now and when they change.
pub fn tell_rules(parts: &Arc<Parts>, shared: &Arc<Shared>) {
    // The connections' share holds on to the sources: nobody holds on to it in turn.
    let shared = Arc::downgrade(shared);
    parts.rules.tell(move |rules| {
        if let Some(shared) = Weak::upgrade(&shared) {
            shared.set_rules(rules);
        }
    });
}

fn parts(
    config: &Config,
    chains: &HashMap<String, Arc<[SourceKind]>>,
    clock: Clock,
) -> Result<Parts, SourcesError> {
    let auth = &config.auth;
    let asked = |kind: SourceKind| chains.values().any(|chain| chain.contains(&kind));
    let private = !auth.allow_readable_files;
    let key = random()?;
    let passwords = asked(SourceKind::Password) || asked(SourceKind::Scram);
    let passwords = auth.password_file.clone().filter(|_| passwords).map(|path| {
        let cache = (auth.cache_entries_max, Duration::from_secs(auth.cache_secs));
        Passwords::open(path, private, key, cache, clock)
    });
    let tokens = asked(SourceKind::Token).then(|| Tokens::open(key_files(auth), rules(auth)));
    let by_http = asked(SourceKind::Http) || !auth.http_access_url.is_empty();
    let callout = by_http.then(|| Callout::start(callout(auth), key, clock));
    Ok(Parts {
        pool: Pool::start("fulmar-hash", hashing_threads(auth), auth.hashing_queue_max)?,
        certificate_user: certificate_user(auth.certificate_user),
        passwords: passwords.transpose()?,
        tokens: tokens.transpose()?,
        callout: callout.transpose()?,
        rules: RuleSource::open(config.acl.file.clone(), config.acl_rules.clone())?,
    })
}

fn kind(source: &AuthSource) -> SourceKind {
    match source {
        AuthSource::Certificate => SourceKind::Certificate,
        AuthSource::Jwt => SourceKind::Token,
        AuthSource::Password => SourceKind::Password,
        AuthSource::Scram => SourceKind::Scram,
        AuthSource::Http => SourceKind::Http,
        AuthSource::Anonymous => SourceKind::Anonymous,
    }
}

/// Half of the cores, so that a flood of logins leaves the others to the clients that are there.
fn hashing_threads(auth: &config::Auth) -> usize {
    match auth.hashing_threads {
        0 => std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)),
        threads => threads,
    }
}

fn certificate_user(part: config::CertificateUser) -> Option<CertificateUser> {
    match part {
        config::CertificateUser::None => None,
        config::CertificateUser::CommonName => Some(CertificateUser::CommonName),
        config::CertificateUser::Dns => Some(CertificateUser::Dns),
        config::CertificateUser::Email => Some(CertificateUser::Email),
        config::CertificateUser::Uri => Some(CertificateUser::Uri),
    }
}

fn key_files(auth: &config::Auth) -> KeyFiles {
    KeyFiles {
        pem: auth.jwt_key_files.clone(),
        secret: auth.jwt_secret_files.clone(),
        jwks: auth.jwt_jwks_files.clone(),
        private: !auth.allow_readable_files,
    }
}

fn rules(auth: &config::Auth) -> TokenRules {
    TokenRules {
        keys: Vec::new(),
        issuer: auth.jwt_issuer.clone(),
        audience: auth.jwt_audience.clone(),
        names: ClaimNames {
            username: auth.jwt_username_claim.clone(),
            groups: auth.jwt_groups_claim.clone(),
            publish: auth.jwt_publish_claim.clone(),
            subscribe: auth.jwt_subscribe_claim.clone(),
        },
        leeway_secs: auth.jwt_leeway_secs,
        expiry_required: auth.jwt_expiry_required,
    }
}

fn callout(auth: &config::Auth) -> CalloutOptions {
    CalloutOptions {
        login_url: auth.http_url.clone(),
        access_url: auth.http_access_url.clone(),
        ca: auth.http_ca_file.clone(),
        timeout: Duration::from_millis(auth.http_timeout_ms),
        connections_max: auth.http_connections_max,
        waiting_max: auth.http_queue_max,
        cache_entries_max: auth.http_cache_entries_max,
        cache_time: Duration::from_secs(auth.http_cache_secs),
    }
}
