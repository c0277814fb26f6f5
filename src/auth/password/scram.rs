use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::encoding::{decoded, padded};

/// What a server keeps of a password for SCRAM-SHA-256 (RFC 5802, RFC 7677), in the form that
/// PostgreSQL writes: neither the password nor what proves to know it follows from this.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramRecord {
    /// How often the password is hashed.
    pub iterations: u32,
    /// What is hashed with it.
    pub salt: Box<[u8]>,
    /// What the client's proof is held against.
    pub stored_key: [u8; 32],
    /// What proves to the client that the server knows it.
    pub server_key: [u8; 32],
}

/// Iterations of new records (RFC 7677 section 4 wants as many at least).
pub const SCRAM_ITERATIONS: u32 = 15_000;
/// The fewest iterations that are taken: clients refuse fewer.
pub const SCRAM_ITERATIONS_MIN: u32 = 4_096;
/// The most.
pub const SCRAM_ITERATIONS_MAX: u32 = 10_000_000;

impl ScramRecord {
    /// What is kept of `password`, hashed `iterations` times with `salt`.
    pub fn new(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted = salted(password, salt, iterations);
        Self {
            iterations,
            salt: salt.into(),
            stored_key: Sha256::digest(keyed_hash(&salted, b"Client Key")).into(),
            server_key: keyed_hash(&salted, b"Server Key"),
        }
    }

    /// Reads `SCRAM-SHA-256$15000:salt$StoredKey:ServerKey`.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let iterations = iterations.parse().ok()?;
        let known = (SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX).contains(&iterations);
        let key = |text| (*decoded(text, 32..=32)?).try_into().ok();
        known.then_some(Self {
            iterations,
            salt: decoded(salt, 8..=64)?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }

    /// Whether `password` is the one. Takes its time in any case.
    pub fn verify(&self, password: &[u8]) -> bool {
        let salted = salted(password, &self.salt, self.iterations);
        self.is_client_key(&keyed_hash(&salted, b"Client Key"))
    }

    /// Whether `key` is the client's key.
    pub fn is_client_key(&self, key: &[u8; 32]) -> bool {
        Sha256::digest(key).ct_eq(&self.stored_key).into()
    }
}

/// HMAC with SHA-256 (RFC 2104).
pub fn keyed_hash(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn salted(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(&prepared(password), salt, iterations, &mut salted);
    salted
}

/// As SASLprep (RFC 4013) would have it, so that each way to write a letter is the same password.
/// What it forbids is taken as it is: not every client looks at it.
fn prepared(password: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(password).ok();
    let prepared = text.and_then(|text| stringprep::saslprep(text).ok());
    prepared.map_or_else(|| password.to_vec(), |text| text.into_owned().into_bytes())
}

impl fmt::Display for ScramRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (iterations, salt) = (self.iterations, padded(&self.salt));
        let (stored, server) = (padded(&self.stored_key), padded(&self.server_key));
        write!(f, "SCRAM-SHA-256${iterations}:{salt}${stored}:{server}")
    }
}

impl fmt::Debug for ScramRecord {
    /// Without the keys: with the server's one could pose as the server.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramRecord")
    }
}
