//! JSON Web Tokens (RFC 7519) as credentials.

mod claims;
mod keys;
#[cfg(test)]
mod tests;

pub use claims::{CLAIM_ENTRIES_MAX, ClaimNames};
pub use keys::{JWKS_KEYS_MAX, Key, KeyError, SECRET_BYTES_MIN};

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::request::Identity;

/// The name of the authentication method by which a token is given, and given anew before the last
/// one expires.
pub const METHOD: &str = "JWT";

/// The most bytes of a token.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Which tokens are believed, and what they say.
#[derive(Clone)]
pub struct TokenRules {
    /// Whose signatures count.
    pub keys: Vec<Key>,
    /// What `iss` must be; empty for anything.
    pub issuer: String,
    /// What `aud` must be or have; empty for anything.
    pub audience: String,
    /// Which claims say what.
    pub names: ClaimNames,
    /// How far the clock of whoever issued the token may be off, in seconds.
    pub leeway_secs: u64,
    /// Whether a token must expire at all.
    pub expiry_required: bool,
}

/// A token that is believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Believed {
    /// Who its holder is.
    pub identity: Identity,
    /// For how long; `None` for ever.
    pub valid_for: Option<Duration>,
}

impl TokenRules {
    /// Whether `password` is a token, be it good or bad.
    pub fn is_token(password: &[u8]) -> bool {
        let mut parts = password.splitn(4, |byte| *byte == b'.');
        let header = parts.next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let header = header.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
        header.is_some_and(|header| header.get("alg").is_some()) && parts.count() == 2
    }

    /// Who holds `token` at `now_secs`, seconds since 1970. A `username` given beside it must be
    /// the token's own.
    ///
    /// The key decides about the algorithm, never the token: a token says which one it was signed
    /// with, and only keys for just that one are tried.
    ///
    /// # Errors
    ///
    /// Why it is not believed.
    pub fn check(
        &self,
        token: &[u8],
        username: Option<&str>,
        now_secs: u64,
    ) -> Result<Believed, &'static str> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("its token is too long");
        }
        let header = decode_header(token).map_err(|_| "its token cannot be read")?;
        let claims = self.verify(token, &header)?;
        let valid_for = self.time_left(&claims, now_secs)?;
        self.check_parties(&claims)?;
        let identity = self.names.identity(&claims)?;
        if identity.username.is_none() {
            return Err("its token names no user");
        }
        if username.is_some() && username != identity.username.as_deref() {
            return Err("its user name is not the one of its token");
        }
        Ok(Believed { identity, valid_for })
    }

    /// The claims, if the signature is good.
    fn verify(&self, token: &[u8], header: &Header) -> Result<Map<String, Value>, &'static str> {
        if header.crit.is_some() {
            return Err("its token has a critical header that is not known");
        }
        let mut known = false;
        for key in self.keys.iter().filter(|key| key.fits(header)) {
            known = true;
            if let Ok(data) = decode(token, key.decoding(), &signature_only(header)) {
                return Ok(data.claims);
            }
        }
        Err(match known {
            true => "its token has a wrong signature",
            false => "its token is of an algorithm or a key that is not known",
        })
    }

    /// What is left of the life of the token.
    fn time_left(
        &self,
        claims: &Map<String, Value>,
        now_secs: u64,
    ) -> Result<Option<Duration>, &'static str> {
        let not_before = claims::time(claims, "nbf")?.unwrap_or(0.0);
        let (now, leeway) = (now_secs as f64, self.leeway_secs as f64);
        if not_before > now + leeway {
            return Err("its token is not valid yet");
        }
        match claims::time(claims, "exp")? {
            Some(expiry) if expiry + leeway <= now => Err("its token has expired"),
            Some(expiry) => Ok(Duration::try_from_secs_f64(expiry + leeway - now).ok()),
            None if self.expiry_required => Err("its token never expires"),
            None => Ok(None),
        }
    }

    fn check_parties(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        let is = |name: &str, wanted: &str| {
            wanted.is_empty() || claims::texts(claims.get(name)).any(|text| text == wanted)
        };
        if !is("iss", &self.issuer) {
            return Err("its token is of another issuer");
        }
        if !is("aud", &self.audience) {
            return Err("its token is for another audience");
        }
        Ok(())
    }
}

/// Times and parties are checked here, not there: against a clock that is given.
fn signature_only(header: &Header) -> Validation {
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}
