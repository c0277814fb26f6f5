use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::timeout;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::cache::{Cache, Digest};
use super::files;
use super::pool::Pool;
use crate::auth::token::ClaimNames;
use crate::auth::{Access, Action, Authorizer, Login, PeerInfo, Permission, Ruling, Verdict};
use crate::net::tls::crypto_provider;
use crate::net::{Clock, FileError, Mistakes};

/// Another server that is asked by HTTP who a client is and what it may do: POST of JSON, and an
/// answer in JSON.
#[derive(Clone)]
pub struct Callout(Arc<Inner>);

/// How a [`Callout`] is made.
#[derive(Debug, Clone)]
pub struct CalloutOptions {
    /// Whom to ask who a client is; empty for nobody.
    pub login_url: String,
    /// Whom to ask what it may do; empty for nobody.
    pub access_url: String,
    /// Authorities in PEM that the other server's certificate comes from; `None` for those of the
    /// system.
    pub ca: Option<PathBuf>,
    /// How long one answer may take, from the name of the server to the last byte.
    pub timeout: Duration,
    /// Questions of each kind that are asked at a time.
    pub connections_max: usize,
    /// Questions of each kind that wait for one of these.
    pub waiting_max: usize,
    /// Answers that are remembered.
    pub cache_entries_max: usize,
    /// For how long.
    pub cache_time: Duration,
}

struct Inner {
    options: CalloutOptions,
    agent: Agent,
    logins: Questions<Allowed>,
    accesses: Questions<Permission>,
    /// Raised when the memory is to be forgotten; part of what answers are found by.
    edition: AtomicU64,
    clock: Clock,
    /// Clients can make it fail as often as they like.
    failures: Mistakes,
}

type Allowed = (crate::request::Identity, Option<Duration>);

/// The questions of one kind. Each has threads of its own: however many strangers want to log in,
/// those who are in are asked about.
struct Questions<T> {
    /// Whom to ask; empty for nobody.
    url: String,
    pool: Pool,
    answers: Cache<T>,
}

/// The most bytes of an answer.
pub const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// The most log lines a second about a server that cannot be asked.
const FAILURES_PER_SECOND: u32 = 5;

/// Where the system keeps the authorities that it trusts.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";
const CA_BYTES_MAX: usize = 4 * 1024 * 1024;

impl Callout {
    /// Starts the threads that ask. `key` is for the memory of answers.
    ///
    /// # Errors
    ///
    /// [`FileError`], also where there are no more threads.
    pub fn start(options: CalloutOptions, key: [u8; 32], clock: Clock) -> Result<Self, FileError> {
        Ok(Self(Arc::new(Inner {
            agent: agent(&options)?,
            logins: Questions::new("fulmar-login", &options.login_url, &options, key)?,
            accesses: Questions::new("fulmar-access", &options.access_url, &options, key)?,
            options,
            edition: AtomicU64::new(0),
            clock,
            failures: Mistakes::new(FAILURES_PER_SECOND),
        })))
    }

    /// Whether there is a URL to ask about topics.
    pub fn knows_topics(&self) -> bool {
        !self.0.accesses.url.is_empty()
    }

    /// From now on everything is asked again.
    pub fn forget(&self) {
        self.0.edition.fetch_add(1, Ordering::Release);
    }

    /// Accepts whom the other server allows and refuses whom it denies. Whom it ignores is not its
    /// own. Where it cannot be asked nobody gets in.
    pub async fn check(&self, login: &Login) -> Verdict {
        let inner = &self.0;
        if login.password.as_ref().is_some_and(|password| str::from_utf8(password).is_err()) {
            return Verdict::wrong("its password is no text, as the HTTP server needs it");
        }
        let question = login_question(login);
        let answers = &inner.logins.answers;
        let digest = inner.digest(answers, &question);
        let now = inner.clock.now();
        if let Some((at, (identity, valid_for))) = answers.find(&digest, now) {
            let valid_for = valid_for.map(|time| time.saturating_sub(now.since(at)));
            return Verdict::Accept { identity, valid_for };
        }
        match self.ask(&inner.logins, question).await {
            Ok(answer) => {
                let verdict = login_verdict(&answer, login);
                if let Verdict::Accept { identity, valid_for } = &verdict {
                    answers.keep(digest, (identity.clone(), *valid_for), now);
                }
                verdict
            }
            Err(Failed::Busy) => Verdict::busy(),
            Err(Failed::Denied) => Verdict::wrong("refused by the HTTP server"),
            Err(Failed::Unavailable) => Verdict::unavailable("the HTTP server gave no answer"),
        }
    }

    async fn ask<T>(
        &self,
        about: &Questions<T>,
        question: String,
    ) -> Result<Map<String, Value>, Failed> {
        let (inner, url) = (Arc::clone(&self.0), about.url.clone());
        let asked = about.pool.run(move || inner.post(&url, &question));
        asked.map_err(|_| Failed::Busy)?.await.unwrap_or(Err(Failed::Unavailable))
    }
}

impl Authorizer for Callout {
    /// Remembers what the other server says of one topic. Where it cannot be asked the answer is no.
    fn authorize(&self, access: &Access) -> Pin<Box<dyn Future<Output = Ruling> + Send>> {
        let this = self.clone();
        let question = access_question(access);
        Box::pin(async move {
            let inner = &this.0;
            let answers = &inner.accesses.answers;
            let digest = inner.digest(answers, &question);
            let now = inner.clock.now();
            if let Some((at, permission)) = answers.find(&digest, now) {
                return Ruling { permission, until: at + inner.options.cache_time };
            }
            let asked = this.ask(&inner.accesses, question);
            // Also the time in which it only waits to be asked.
            let Ok(Ok(answer)) = timeout(inner.options.timeout, asked).await else {
                return Ruling { permission: Permission::Deny, until: now };
            };
            let permission = match result(&answer) {
                Some("allow") => Permission::Allow,
                Some("ignore") => Permission::NotMine,
                _ => Permission::Deny,
            };
            answers.keep(digest, permission, now);
            Ruling { permission, until: now + inner.options.cache_time }
        })
    }

    fn edition(&self) -> u64 {
        self.0.edition.load(Ordering::Acquire)
    }
}

/// Why there is no answer to go by.
enum Failed {
    /// As many questions wait as may.
    Busy,
    /// The other server says so by its status.
    Denied,
    /// It cannot be reached in time, or says nothing that can be understood.
    Unavailable,
}

impl<T: Clone> Questions<T> {
    fn new(
        name: &str,
        url: &str,
        options: &CalloutOptions,
        key: [u8; 32],
    ) -> Result<Self, FileError> {
        // Where nobody is asked a pool is never used.
        let threads = if url.is_empty() { 1 } else { options.connections_max };
        let pool = Pool::start(name, threads, options.waiting_max).map_err(|error| {
            FileError::new(Path::new(url), format!("no threads to ask it: {error}"))
        })?;
        let answers = Cache::new(key, options.cache_entries_max, options.cache_time);
        Ok(Self { url: url.to_owned(), pool, answers })
    }
}

impl Inner {
    fn digest<T: Clone>(&self, cache: &Cache<T>, question: &str) -> Digest {
        let edition = self.edition.load(Ordering::Acquire).to_be_bytes();
        cache.digest(&[&edition, question.as_bytes()])
    }

    fn post(&self, url: &str, question: &str) -> Result<Map<String, Value>, Failed> {
        let request = self.agent.post(url).content_type("application/json");
        let failed = |error: ureq::Error| self.failed(url, &error.to_string());
        let mut response = request.send(question).map_err(failed)?;
        match response.status().as_u16() {
            200 => {
                let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
                let answer = serde_json::from_slice(&body.map_err(failed)?);
                answer.map_err(|_| self.failed(url, "its answer is no object in JSON"))
            }
            401 | 403 => Err(Failed::Denied),
            status => Err(self.failed(url, &format!("it answers with status {status}"))),
        }
    }

    fn failed(&self, url: &str, error: &str) -> Failed {
        if self.failures.admit(self.clock.now()) {
            tracing::warn!(url, error, "HTTP server for authentication cannot be asked");
        }
        Failed::Unavailable
    }
}

fn agent(options: &CalloutOptions) -> Result<Agent, FileError> {
    // Of both kinds, which may be asked of one server.
    let connections_max = 2 * options.connections_max;
    let mut config = Agent::config_builder()
        .timeout_global(Some(options.timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(connections_max)
        .max_idle_connections_per_host(connections_max)
        .user_agent("fulmar")
        // Whom to ask is written in our configuration and nowhere else.
        .proxy(None);
    let urls = [&options.login_url, &options.access_url];
    if urls.iter().any(|url| url.starts_with("https:")) {
        config = config.tls_config(tls(options)?);
    }
    Ok(config.build().new_agent())
}

fn tls(options: &CalloutOptions) -> Result<TlsConfig, FileError> {
    let path = options.ca.clone().unwrap_or_else(|| PathBuf::from(SYSTEM_CA));
    let bytes = files::read(&path, CA_BYTES_MAX, false)?;
    let mut roots: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&bytes) {
        match item {
            Ok(PemItem::Certificate(certificate)) => roots.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(FileError::new(&path, error)),
        }
    }
    if roots.is_empty() {
        return Err(FileError::new(&path, "holds no certificate"));
    }
    let provider = crypto_provider(&[]);
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn login_question(login: &Login) -> String {
    let password = login.password.as_deref().map(String::from_utf8_lossy);
    let mut question = json!({
        "client_id": login.client_id.as_str(),
        "username": login.username,
        "password": password,
    });
    add_peer(&mut question, &login.peer);
    question.to_string()
}

fn access_question(access: &Access) -> String {
    let action = match access.action {
        Action::Publish => "publish",
        Action::Subscribe => "subscribe",
        Action::Receive => "receive",
    };
    let mut question = json!({
        "client_id": access.client_id.as_str(),
        "username": access.username.as_deref(),
        "action": action,
        "topic": &*access.topic,
    });
    add_peer(&mut question, &access.peer);
    question.to_string()
}

/// The address without its port: each connection has another one, and the answer is remembered.
fn add_peer(question: &mut Value, peer: &PeerInfo) {
    question["address"] = json!(peer.address.map(|address| address.ip().to_string()));
    question["listener"] = json!(&*peer.listener);
    if let Some(certificate) = &peer.certificate {
        let hex = |byte: &u8| format!("{byte:02x}");
        question["certificate"] = json!({
            "common_name": certificate.common_name,
            "fingerprint_sha256": certificate.fingerprint_sha256.iter().map(hex).collect::<String>(),
        });
    }
}

fn login_verdict(answer: &Map<String, Value>, login: &Login) -> Verdict {
    match result(answer) {
        Some("allow") => allowed(answer, login),
        Some("deny") => Verdict::wrong("refused by the HTTP server"),
        Some("ignore") => Verdict::NotMine("ignored by the HTTP server"),
        _ => Verdict::unavailable("the HTTP server gave no answer that can be understood"),
    }
}

/// The identity stands in the answer as it would in a token. Without a user name it is the one that
/// the client gave, if any.
fn allowed(answer: &Map<String, Value>, login: &Login) -> Verdict {
    let names = ClaimNames { username: "username".into(), ..ClaimNames::default() };
    let valid_for = match answer.get("expires_in_secs") {
        None => Ok(None),
        Some(secs) => secs.as_u64().map(Duration::from_secs).map(Some).ok_or(()),
    };
    match (names.identity(answer), valid_for) {
        (Ok(mut identity), Ok(valid_for)) => {
            identity.username = identity.username.or_else(|| login.username.clone());
            Verdict::Accept { identity, valid_for }
        }
        _ => Verdict::unavailable("the HTTP server gave no answer that can be understood"),
    }
}

fn result(answer: &Map<String, Value>) -> Option<&str> {
    answer.get("result").and_then(Value::as_str)
}
