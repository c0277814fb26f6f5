//! Keys made by openssl, and tokens signed with them.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::broker::Files;

/// A private key, and the file with its public half.
pub struct Pair {
    pub private: EncodingKey,
    pub public: PathBuf,
}

/// Thirty-two bytes and more.
pub const SECRET: &[u8] = b"a secret of more than sixty-four bytes, so that every HMAC may use it";

/// A new key for `algorithm`, its public half in `files`.
pub fn pair(algorithm: Algorithm, files: &Files) -> Pair {
    let name = format!("{algorithm:?}");
    let (private, public) =
        (files.path(&format!("{name}.key")), files.path(&format!("{name}.pem")));
    let kind: &[&str] = match algorithm {
        Algorithm::ES256 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        Algorithm::ES384 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        Algorithm::EdDSA => &["-algorithm", "ED25519"],
        _ => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    };
    let mut make = Command::new("openssl");
    run(make.arg("genpkey").args(kind).arg("-out").arg(&private));
    run(Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&private)
        .arg("-out")
        .arg(&public));
    let pem = std::fs::read(&private).expect("made");
    let private = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(&pem),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(&pem),
        _ => EncodingKey::from_rsa_pem(&pem),
    };
    Pair { private: private.expect("a private key"), public }
}

/// A token for ann, valid for an hour, with these claims besides or instead; `null` takes one out.
pub fn token(algorithm: Algorithm, key: &EncodingKey, claims: Value) -> String {
    token_with(Header::new(algorithm), key, claims)
}

pub fn token_with(header: Header, key: &EncodingKey, claims: Value) -> String {
    let mut all = json!({ "sub": "ann", "exp": now_secs() + 3600 });
    for (name, value) in claims.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    encode(&header, &all, key).expect("signed")
}

/// The same with the shared secret.
pub fn secret_token(claims: Value) -> String {
    token(Algorithm::HS256, &EncodingKey::from_secret(SECRET), claims)
}

pub fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) {
    let done = command.output().expect("openssl is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
