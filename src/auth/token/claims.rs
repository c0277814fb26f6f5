use serde_json::{Map, Value};

use crate::request::{Grants, Identity};

/// The claims from which an [`Identity`] is read. A name with dots leads through objects, as in
/// `realm_access.roles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// The user name: a text.
    pub username: String,
    /// The groups: a list of texts, or one text with spaces between them.
    pub groups: String,
    /// Topic filters to publish to: a list of texts.
    pub publish: String,
    /// Topic filters to subscribe to: a list of texts.
    pub subscribe: String,
}

/// The most groups, and the most topic filters of either kind, that one token may list.
pub const CLAIM_ENTRIES_MAX: usize = 256;

impl Default for ClaimNames {
    /// As most issuers have them.
    fn default() -> Self {
        Self {
            username: "sub".into(),
            groups: "groups".into(),
            publish: "publish".into(),
            subscribe: "subscribe".into(),
        }
    }
}

impl ClaimNames {
    /// Who the holder of these claims is, with or without a user name.
    ///
    /// # Errors
    ///
    /// Which of them cannot be used.
    pub fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, &'static str> {
        let username = self.username(claims);
        let groups = list(find(claims, &self.groups), str::split_ascii_whitespace)?;
        let (publish, subscribe) = (find(claims, &self.publish), find(claims, &self.subscribe));
        let grants = match (publish, subscribe) {
            (None, None) => None,
            _ => Some(Box::new(Grants {
                publish: list(publish, std::iter::once)?,
                subscribe: list(subscribe, std::iter::once)?,
            })),
        };
        Ok(Identity { username: username.map(String::from), groups, grants })
    }

    /// The user name in these claims.
    pub fn username<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a str> {
        let username = find(claims, &self.username).and_then(Value::as_str);
        username.filter(|name| !name.is_empty() && !name.contains('\0'))
    }
}

/// Seconds since 1970 in the claim `name`, which may have a fraction (RFC 7519 section 2).
pub fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, &'static str> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or("its token has a time that is no number"),
    }
}

/// The text or the texts that `value` is.
pub fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = value.and_then(Value::as_str);
    let many = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(many)
}

fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return None;
    }
    // A name with dots in it may be just that: "https://example.org/roles".
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    find(claims.get(first)?.as_object()?, rest)
}

fn list<'a, I: Iterator<Item = &'a str>>(
    value: Option<&'a Value>,
    split: impl Fn(&'a str) -> I,
) -> Result<Vec<String>, &'static str> {
    let entries: Vec<String> = match value {
        None => Vec::new(),
        Some(Value::String(text)) => split(text).map(String::from).collect(),
        Some(Value::Array(all)) => {
            let all: Option<Vec<_>> = all.iter().map(Value::as_str).collect();
            all.ok_or(UNUSABLE)?.into_iter().map(String::from).collect()
        }
        Some(_) => return Err(UNUSABLE),
    };
    if entries.len() > CLAIM_ENTRIES_MAX {
        return Err("too many groups or topics are listed for it");
    }
    Ok(entries)
}

const UNUSABLE: &str = "groups or topics are listed for it that are no texts";
