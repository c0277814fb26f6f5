use super::choice::{name_in, named};
use super::combinations::{at_common_key, at_listener};
use super::value::{Entry, Range, Value, Written};
use super::{CertificateUser, Config, Mistake, Origins};

/// A source of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthSource {
    /// The certificate that the client showed.
    Certificate,
    /// A JSON Web Token.
    Jwt,
    /// The password file, by user name and password.
    Password,
    /// The password file, by SCRAM-SHA-256.
    Scram,
    /// Another server, asked by HTTP.
    Http,
    /// Nobody: clients that give neither user name nor password come in.
    Anonymous,
}

/// Which sources a listener asks.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum ListenerAuth {
    /// Those of `auth.chain`.
    #[default]
    Common,
    /// These, in this order.
    Chain(Vec<AuthSource>),
}

const NAMES: [(&str, AuthSource); 6] = [
    ("certificate", AuthSource::Certificate),
    ("jwt", AuthSource::Jwt),
    ("password", AuthSource::Password),
    ("scram", AuthSource::Scram),
    ("http", AuthSource::Http),
    ("anonymous", AuthSource::Anonymous),
];

impl ListenerAuth {
    /// The sources, where `common` is what `auth.chain` says.
    pub fn chain<'a>(&'a self, common: &'a [AuthSource]) -> &'a [AuthSource] {
        match self {
            Self::Common => common,
            Self::Chain(chain) => chain,
        }
    }
}

impl Entry for AuthSource {
    fn read(text: &str) -> Result<Self, String> {
        named(&NAMES, text)
    }

    fn show(&self) -> String {
        name_in(&NAMES, self).to_owned()
    }
}

impl Value for ListenerAuth {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        match written {
            Written::Text("common") => Ok(Self::Common),
            _ => Ok(Self::Chain(Value::read(written, range)?)),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Common => "\"common\"".into(),
            Self::Chain(chain) => chain.show(),
        }
    }
}

/// Sources without what they need, by key.
pub(super) fn mistakes(config: &Config, origins: &Origins) -> Vec<Mistake> {
    let chains = config.listeners.iter().map(|listener| listener.auth.chain(&config.auth.chain));
    let mut asked: Vec<AuthSource> = Vec::new();
    for source in chains.flatten().chain(&config.auth.chain) {
        if !asked.contains(source) {
            asked.push(*source);
        }
    }
    let lacks = asked.iter().filter_map(|source| lacking(*source, config));
    let mut found: Vec<(&str, String)> = lacks.collect();
    let auth = &config.auth;
    let urls = [("auth.http_url", &auth.http_url), ("auth.http_access_url", &auth.http_access_url)];
    for (key, url) in urls {
        if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
            found.push((key, "must begin with http:// or https://".into()));
        }
    }
    let mut mistakes: Vec<Mistake> =
        found.into_iter().map(|(key, text)| at_common_key(key, origins, text)).collect();
    mistakes.extend(namesakes(config, origins));
    mistakes
}

fn lacking(source: AuthSource, config: &Config) -> Option<(&'static str, String)> {
    let auth = &config.auth;
    let no_keys = [&auth.jwt_key_files, &auth.jwt_secret_files, &auth.jwt_jwks_files]
        .iter()
        .all(|files| files.is_empty());
    let key = match source {
        AuthSource::Password | AuthSource::Scram if auth.password_file.is_none() => {
            "auth.password_file"
        }
        AuthSource::Jwt if no_keys => "auth.jwt_key_files",
        AuthSource::Http if auth.http_url.is_empty() => "auth.http_url",
        AuthSource::Certificate if auth.certificate_user == CertificateUser::None => {
            "auth.certificate_user"
        }
        _ => return None,
    };
    Some((key, format!("is missing: the source {:?} needs it", source.show())))
}

/// Listeners are told apart by their names: those of one name ask the same sources.
fn namesakes(config: &Config, origins: &Origins) -> Vec<Mistake> {
    let mut found = Vec::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let mut earlier = config.listeners[..index].iter();
        if earlier.any(|other| other.name == listener.name && other.auth != listener.auth) {
            let text = format!("two of the name {:?} differ in auth", listener.name);
            found.push(at_listener(index, origins, text));
        }
    }
    found
}
