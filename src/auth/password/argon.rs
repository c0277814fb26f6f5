use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

use super::encoding::{bare, decoded};

/// A password's hash by Argon2id (RFC 9106), in the form that the PHC calls its string format.
#[derive(Clone, PartialEq, Eq)]
pub struct Argon2id {
    version: Version,
    params: Params,
    salt: Box<[u8]>,
    hash: Box<[u8]>,
}

/// The most memory that checking one password may take, in KiB.
pub const ARGON_MEMORY_KIB_MAX: u32 = 1_048_576;
/// The most passes over that memory.
pub const ARGON_PASSES_MAX: u32 = 64;
/// The most lanes of it.
pub const ARGON_LANES_MAX: u32 = 64;

/// What OWASP asks of new hashes: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;

impl Argon2id {
    /// The hash of `password` with `salt`.
    pub fn new(password: &[u8], salt: [u8; super::SALT_BYTES]) -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES));
        let params = params.expect("the parameters are within the bounds of the algorithm");
        let mut new = Self {
            version: Version::V0x13,
            params,
            salt: salt.into(),
            hash: [0; HASH_BYTES].into(),
        };
        new.hash = new.hash(password).expect("passwords and salts of this length can be hashed");
        new
    }

    /// Reads `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$argon2id$")?.split('$');
        let version = match parts.next()?.strip_prefix("v=")? {
            "19" => Version::V0x13,
            "16" => Version::V0x10,
            _ => return None,
        };
        let (memory, passes, lanes) = costs(parts.next()?)?;
        let salt = decoded(parts.next()?, 8..=64)?;
        let hash = decoded(parts.next()?, 16..=64)?;
        let params = Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
        parts.next().is_none().then_some(Self { version, params, salt, hash })
    }

    /// Whether `password` is the one. Takes its time and memory in any case.
    pub fn verify(&self, password: &[u8]) -> bool {
        self.hash(password).is_some_and(|hash| hash.ct_eq(&self.hash).into())
    }

    fn hash(&self, password: &[u8]) -> Option<Box<[u8]>> {
        let mut hash = vec![0; self.hash.len()];
        let argon = Argon2::new(Algorithm::Argon2id, self.version, self.params.clone());
        argon.hash_password_into(password, &self.salt, &mut hash).ok()?;
        Some(hash.into())
    }
}

/// Memory in KiB, passes and lanes of `m=19456,t=2,p=1`.
fn costs(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split(',');
    let mut number = |prefix: &str, max: u32| {
        let digits = parts.next()?.strip_prefix(prefix)?;
        digits.parse().ok().filter(|number| *number <= max)
    };
    let costs = (
        number("m=", ARGON_MEMORY_KIB_MAX)?,
        number("t=", ARGON_PASSES_MAX)?,
        number("p=", ARGON_LANES_MAX)?,
    );
    parts.next().is_none().then_some(costs)
}

impl fmt::Display for Argon2id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = u32::from(self.version);
        let (memory, passes, lanes) =
            (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let (salt, hash) = (bare(&self.salt), bare(&self.hash));
        write!(f, "$argon2id$v={version}$m={memory},t={passes},p={lanes}${salt}${hash}")
    }
}

impl fmt::Debug for Argon2id {
    /// Without the hash, which is as good as a weak password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argon2id")
    }
}
