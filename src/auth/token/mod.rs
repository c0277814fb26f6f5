//! JSON Web Tokens (RFC 7519) as credentials.

mod claims;
mod keys;

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

    /// The user whom `token` names, be it true or not: nothing in it is checked.
    pub fn named_user(&self, token: &[u8]) -> Option<String> {
        let token = Some(token).filter(|token| token.len() <= TOKEN_BYTES_MAX)?;
        let payload = token.split(|byte| *byte == b'.').nth(1)?;
        let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: Map<String, Value> = serde_json::from_slice(&json).ok()?;
        self.names.username(&claims).map(String::from)
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

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &[u8] = &[7; 32];
    const NOW: u64 = 1_000_000;

    #[test]
    fn what_is_left_of_a_token_is_its_time_and_the_leeway() {
        let left = |claims: Value, leeway_secs| {
            let rules = TokenRules { leeway_secs, expiry_required: false, ..rules() };
            rules.check(signed(claims).as_bytes(), None, NOW).map(|it| it.valid_for)
        };
        let secs = |secs| Ok(Some(Duration::from_secs(secs)));

        assert_eq!(left(json!({ "exp": NOW + 5 }), 0), secs(5));
        assert_eq!(left(json!({ "exp": NOW + 5 }), 10), secs(15));
        assert_eq!(left(json!({ "exp": NOW - 5 }), 10), secs(5));
        assert_eq!(
            left(json!({ "exp": NOW as f64 + 0.5 }), 0),
            Ok(Some(Duration::from_millis(500)))
        );
        assert_eq!(left(json!({ "exp": NOW }), 0), Err("its token has expired"));
        assert_eq!(left(json!({ "exp": NOW - 10 }), 10), Err("its token has expired"));
        assert_eq!(left(json!({ "nbf": NOW }), 0), Ok(None));
        assert_eq!(left(json!({ "nbf": NOW + 1 }), 0), Err("its token is not valid yet"));
        assert_eq!(left(json!({ "nbf": NOW + 1 }), 1), Ok(None));
        assert_eq!(left(json!({ "exp": 1e300 }), 0), Ok(None), "for ever, as good as");
    }

    #[test]
    fn groups_and_topics_are_read_from_the_claims() {
        let identity = |claims: Value| {
            let rules = TokenRules { expiry_required: false, ..rules() };
            rules.check(signed(claims).as_bytes(), None, NOW).map(|it| it.identity)
        };
        let many: Vec<String> = (0..=CLAIM_ENTRIES_MAX).map(|it| it.to_string()).collect();

        let lists = json!({ "groups": ["a", "b"], "publish": ["x/#"], "subscribe": "y z" });
        let found = identity(lists).expect("believed");
        assert_eq!(found.groups, ["a", "b"]);
        let grants = found.grants.expect("topics are named");
        assert_eq!((grants.publish, grants.subscribe), (vec!["x/#".into()], vec!["y z".into()]));
        assert_eq!(identity(json!({ "groups": "a b" })).expect("believed").groups, ["a", "b"]);
        assert_eq!(identity(json!({})).expect("believed").grants, None);
        assert!(identity(json!({ "groups": &many[1..] })).is_ok());
        assert!(identity(json!({ "groups": many })).is_err());
        assert!(identity(json!({ "groups": [1] })).is_err());
        assert!(identity(json!({ "publish": {} })).is_err());
    }

    #[test]
    fn a_token_has_a_bounded_length() {
        let rules = TokenRules { expiry_required: false, ..rules() };
        let padded = |len: usize| {
            let mut token = signed(json!({ "x": "x".repeat(len) })).into_bytes();
            token.truncate(TOKEN_BYTES_MAX + 1);
            rules.check(&token, None, NOW).err()
        };
        assert_eq!(padded(11_000), None);
        assert_eq!(padded(TOKEN_BYTES_MAX), Some("its token is too long"));
    }

    #[test]
    fn a_critical_header_that_is_not_known_is_refused() {
        let header = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(SECRET);
        let token = encode(&header, &json!({ "sub": "ann" }), &key).expect("signed");

        let answer = rules().check(token.as_bytes(), None, NOW);

        assert_eq!(answer, Err("its token has a critical header that is not known"));
    }

    #[test]
    fn a_short_secret_is_for_short_hashes_only() {
        for (len, algorithm, fits) in [
            (32, Algorithm::HS256, true),
            (47, Algorithm::HS384, false),
            (48, Algorithm::HS384, true),
            (63, Algorithm::HS512, false),
            (64, Algorithm::HS512, true),
        ] {
            let key = Key::from_secret(&vec![7; len]).expect("long enough");
            assert_eq!(key.fits(&Header::new(algorithm)), fits, "{len} bytes");
        }
        assert!(Key::from_secret(&[7; SECRET_BYTES_MIN - 1]).is_err());
        assert!(Key::from_secret(b"12345678901234567890123456789012\r\n").is_ok());
        assert!(Key::from_secret(b"1234567890123456789012345678901\n").is_err());
    }

    #[test]
    fn a_set_has_a_bounded_number_of_keys_and_unknown_ones_are_passed_over() {
        let key = r#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
        let set = |keys: &[&str]| {
            let text = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
            Key::from_jwks(text.as_bytes()).map(|keys| keys.len())
        };
        let encryption = r#"{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}"#;

        assert_eq!(set(&[key, r#"{"kty":"new"}"#, encryption]), Ok(1));
        assert_eq!(set(&[encryption]), Err(KeyError::None));
        assert_eq!(set(&vec![key; JWKS_KEYS_MAX]), Ok(JWKS_KEYS_MAX));
        assert_eq!(set(&vec![key; JWKS_KEYS_MAX + 1]), Err(KeyError::Many));
        assert_eq!(Key::from_jwks(b"[]").err(), Some(KeyError::Jwks));
    }

    #[test]
    fn a_token_says_whom_it_names_whether_it_is_good_or_not() {
        let forged = |payload: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
        let named = |token: &str| rules().named_user(token.as_bytes());

        assert_eq!(named(&signed(json!({ "exp": 1 }))).as_deref(), Some("ann"));
        assert_eq!(named(&forged(r#"{"sub":"ann"}"#)).as_deref(), Some("ann"));
        for token in ["", "e30", "e30.?", &forged("[]"), &forged(r#"{"sub":7}"#)] {
            assert_eq!(named(token), None, "{token}");
        }
        let long = |len: usize| format!("{:x<len$}", forged(r#"{"sub":"ann"}"#));
        assert!(named(&long(TOKEN_BYTES_MAX)).is_some());
        assert!(named(&long(TOKEN_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn passwords_that_are_no_tokens_are_seen() {
        let token = signed(json!({}));
        let with_none = format!("{}.e30.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
        assert!(
            TokenRules::is_token(token.as_bytes()) && TokenRules::is_token(with_none.as_bytes())
        );
        for password in ["", "secret", "a.b.c", "e30.e30.e30", "..", &format!("{token}.x"), "eyJ"] {
            assert!(!TokenRules::is_token(password.as_bytes()), "{password}");
        }
    }

    fn rules() -> TokenRules {
        TokenRules {
            keys: vec![Key::from_secret(SECRET).expect("long enough")],
            issuer: String::new(),
            audience: String::new(),
            names: ClaimNames::default(),
            leeway_secs: 0,
            expiry_required: true,
        }
    }

    fn signed(mut claims: Value) -> String {
        claims["sub"] = "ann".into();
        let key = EncodingKey::from_secret(SECRET);
        encode(&Header::new(Algorithm::HS256), &claims, &key).expect("signed")
    }
}
