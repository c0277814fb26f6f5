use std::fmt;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use super::encoding::{decoded, padded};
use super::{Argon2id, ScramRecord};

/// What is kept of one user's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// What `fulmar passwd add` makes.
    Argon2id(Argon2id),
    /// What `fulmar passwd add --scram` makes.
    Scram(ScramRecord),
    /// What mosquitto_passwd makes: `$7$iterations$salt$hash`.
    Pbkdf2Sha512 {
        /// How often the password is hashed.
        iterations: u32,
        /// What is hashed with it.
        salt: Box<[u8]>,
        /// What comes of it.
        hash: Hash,
    },
    /// What old versions of mosquitto_passwd made: `$6$salt$hash`.
    Sha512 {
        /// Hashed behind the password.
        salt: Box<[u8]>,
        /// What comes of it.
        hash: Hash,
    },
}

/// Sixty-four bytes that nobody is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash([u8; 64]);

/// Random bytes in the salt of a new record.
pub const SALT_BYTES: usize = 16;

/// The most iterations of a `$7$` record.
pub const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;

impl Record {
    /// Reads what stands behind the user's name in a password file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that hold no part of it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("$argon2id$") {
            let record = Argon2id::parse(text).map(Self::Argon2id);
            record.ok_or("an $argon2id$ record that cannot be read, or costs too much")
        } else if text.starts_with("SCRAM-SHA-256$") {
            let record = ScramRecord::parse(text).map(Self::Scram);
            record.ok_or("a SCRAM-SHA-256 record that cannot be read, or has too few iterations")
        } else if let Some(rest) = text.strip_prefix("$7$") {
            pbkdf2(rest).ok_or("a $7$ record that cannot be read, or has too many iterations")
        } else if let Some(rest) = text.strip_prefix("$6$") {
            sha512(rest).ok_or("a $6$ record that cannot be read")
        } else {
            Err(
                "neither $argon2id$, SCRAM-SHA-256, $7$ nor $6$: passwords are not kept in plain text",
            )
        }
    }

    /// Whether `password` is the one. Takes as long either way; for Argon2id that is tens of
    /// milliseconds and megabytes.
    pub fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2id(record) => record.verify(password),
            Self::Scram(record) => record.verify(password),
            Self::Pbkdf2Sha512 { iterations, salt, hash } => {
                let mut found = [0; 64];
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, *iterations, &mut found);
                found.ct_eq(&hash.0).into()
            }
            Self::Sha512 { salt, hash } => {
                let found = Sha512::new().chain_update(password).chain_update(salt).finalize();
                found.ct_eq(&hash.0).into()
            }
        }
    }

    /// What SCRAM needs, where this has it.
    pub fn scram(&self) -> Option<&ScramRecord> {
        match self {
            Self::Scram(record) => Some(record),
            _ => None,
        }
    }
}

fn pbkdf2(text: &str) -> Option<Record> {
    let (iterations, rest) = text.split_once('$')?;
    let iterations = iterations.parse().ok()?;
    let (salt, hash) = salt_and_hash(rest)?;
    let known = (1..=PBKDF2_ITERATIONS_MAX).contains(&iterations);
    known.then_some(Record::Pbkdf2Sha512 { iterations, salt, hash })
}

fn sha512(text: &str) -> Option<Record> {
    let (salt, hash) = salt_and_hash(text)?;
    Some(Record::Sha512 { salt, hash })
}

fn salt_and_hash(text: &str) -> Option<(Box<[u8]>, Hash)> {
    let (salt, hash) = text.split_once('$')?;
    let hash = (*decoded(hash, 64..=64)?).try_into().ok()?;
    Some((decoded(salt, 1..=64)?, Hash(hash)))
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2id(record) => record.fmt(f),
            Self::Scram(record) => record.fmt(f),
            Self::Pbkdf2Sha512 { iterations, salt, hash } => {
                write!(f, "$7${iterations}${}${}", padded(salt), padded(&hash.0))
            }
            Self::Sha512 { salt, hash } => write!(f, "$6${}${}", padded(salt), padded(&hash.0)),
        }
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::password::{
        ARGON_LANES_MAX, ARGON_MEMORY_KIB_MAX, ARGON_PASSES_MAX, SCRAM_ITERATIONS_MAX,
        SCRAM_ITERATIONS_MIN,
    };

    /// "secret" by mosquitto_passwd 2.0.11: the new form, and with -H sha512 the old one.
    const SEVEN: &str = "$7$101$ZicIF3YP7gZcdIg/$32YToGD4Eh75H14wdocBs44oPHfaps1CZwyw0Ym3GHvtpmVg35K\
                         YjzrIE9l+vZ2Mz2ki1h8GnWJ30YO9N69CfQ==";
    const SIX: &str = "$6$WyG2s3ErSQGmFudu$FA795bBQ5yHCfSsQxUs+UcWuAsrhd9vImP0jwuFqyVUZKnigtmcT+0E527\
                       pR18N3lbWdB6cArcK2O6tiEgpQFQ==";
    const SALT: &str = "c2FsdHNhbHRzYWx0";

    #[test]
    fn a_new_record_takes_its_password_and_no_other() {
        for record in new_records(b"secret") {
            assert!(record.verify(b"secret"), "{record:?}");
            for wrong in [&b"Secret"[..], b"secret ", b"", b"secre"] {
                assert!(!record.verify(wrong), "{record:?}");
            }
        }
    }

    #[test]
    fn records_of_mosquitto_take_their_passwords() {
        for text in [SIX, SEVEN] {
            let record = Record::parse(text).expect("a record");
            assert!(record.verify(b"secret") && !record.verify(b"secret2"), "{text}");
        }
    }

    #[test]
    fn a_record_is_read_as_it_is_written() {
        let read = [SIX, SEVEN].map(|text| Record::parse(text).expect("a record"));
        for record in new_records(b"secret").into_iter().chain(read) {
            assert_eq!(Record::parse(&record.to_string()), Ok(record));
        }
    }

    #[test]
    fn a_record_shows_nothing_of_itself_in_a_log() {
        for record in new_records(b"secret") {
            assert!(
                ["Argon2id(Argon2id)", "Scram(ScramRecord)"].contains(&&*format!("{record:?}"))
            );
        }
    }

    #[test]
    fn costs_are_bounded() {
        let argon = |m: u32, t: u32, p: u32| {
            let text = format!("$argon2id$v=19$m={m},t={t},p={p}${SALT}${}", "A".repeat(43));
            Record::parse(&text).is_ok()
        };
        assert!(argon(ARGON_MEMORY_KIB_MAX, ARGON_PASSES_MAX, ARGON_LANES_MAX));
        assert!(!argon(ARGON_MEMORY_KIB_MAX + 1, ARGON_PASSES_MAX, ARGON_LANES_MAX));
        assert!(!argon(ARGON_MEMORY_KIB_MAX, ARGON_PASSES_MAX + 1, ARGON_LANES_MAX));
        assert!(!argon(ARGON_MEMORY_KIB_MAX, ARGON_PASSES_MAX, ARGON_LANES_MAX + 1));
        assert!(!argon(0, 0, 0));

        let key = padded(&[1; 32]);
        let scram = |iterations: u32| {
            Record::parse(&format!("SCRAM-SHA-256${iterations}:{SALT}${key}:{key}")).is_ok()
        };
        assert!(scram(SCRAM_ITERATIONS_MIN) && scram(SCRAM_ITERATIONS_MAX));
        assert!(!scram(SCRAM_ITERATIONS_MIN - 1) && !scram(SCRAM_ITERATIONS_MAX + 1));

        let hash = padded(&[1; 64]);
        let seven =
            |iterations: u32| Record::parse(&format!("$7${iterations}${SALT}${hash}")).is_ok();
        assert!(seven(1) && seven(PBKDF2_ITERATIONS_MAX));
        assert!(!seven(0) && !seven(PBKDF2_ITERATIONS_MAX + 1));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for text in [
            "",
            "secret",
            "$7$",
            "$6$",
            "$7$101$a$b",
            "$6$a$b",
            "$argon2id$",
            "$argon2i$v=19$m=8,t=1,p=1$a$b",
            "SCRAM-SHA-256$",
            "SCRAM-SHA-1$4096:a$b:c",
            "$6$c2FsdA==$c2FsdA==",
            "$5$a$b",
            "$7$x$a$b",
        ] {
            assert!(Record::parse(text).is_err(), "{text}");
        }
    }

    fn new_records(password: &[u8]) -> Vec<Record> {
        vec![
            Record::Argon2id(Argon2id::new(password, [7; SALT_BYTES])),
            Record::Scram(ScramRecord::new(password, &[7; SALT_BYTES], SCRAM_ITERATIONS_MIN)),
        ]
    }
}
