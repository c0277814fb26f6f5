use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::cache::Cache;
use super::files;
use super::pool::Pool;
use crate::auth::password::{
    Argon2id, FILE_BYTES_MAX, PasswordFile, Record, SALT_BYTES, SCRAM_ITERATIONS, keyed_hash,
};
use crate::auth::scram::{self, First};
use crate::auth::{Login, Verdict};
use crate::net::{Clock, FileError};
use crate::request::{AuthAnswer, Identity};
use crate::types::ReasonCode;

/// A password file in use.
pub struct Passwords {
    path: PathBuf,
    private: bool,
    /// Locked to take a share of the file or to put a new one in its place.
    current: RwLock<Arc<PasswordFile>>,
    /// Of this process: what it hashes means nothing to anybody else.
    key: [u8; 32],
    /// Logins that were right.
    cache: Cache<()>,
    clock: Clock,
}

/// How long a salt is that is made up for a user who does not exist.
const FAKE_SALT_BYTES: usize = SALT_BYTES;

impl Passwords {
    /// Reads the file at `path`, which is to be `private`. A right password is remembered for
    /// `cache_time`, `cache_entries_max` of them at most, under `key`.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn open(
        path: PathBuf,
        private: bool,
        key: [u8; 32],
        (cache_entries_max, cache_time): (usize, Duration),
        clock: Clock,
    ) -> Result<Self, FileError> {
        let current = RwLock::new(Arc::new(read(&path, private)?));
        let cache = Cache::new(key, cache_entries_max, cache_time);
        Ok(Self { path, private, current, key, cache, clock })
    }

    /// The file that is read.
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Reads the file again. Returns how many users it has.
    ///
    /// # Errors
    ///
    /// [`FileError`]; what was read before stays in use.
    pub fn reload(&self) -> Result<usize, FileError> {
        let new = read(&self.path, self.private)?;
        let users = new.len();
        *self.current.write() = Arc::new(new);
        Ok(users)
    }

    /// Accepts a user of the file with the right password and refuses one with a wrong password or
    /// none. Any other user is not its own; it takes as long to find that out.
    pub async fn check(&self, login: &Login, pool: &Pool) -> Verdict {
        let Some(username) = login.username.clone() else {
            return Verdict::NotMine("it gave no user name");
        };
        let file = Arc::clone(&self.current.read());
        let record = file.record(&username).map(Record::to_string);
        let known = record.is_some();
        let Some(password) = login.password.clone() else {
            return match known {
                true => Verdict::wrong("it gave no password"),
                false => Verdict::NotMine(UNKNOWN_USER),
            };
        };
        let record = record.unwrap_or_default();
        let digest = self.cache.digest(&[username.as_bytes(), &password, record.as_bytes()]);
        if known && self.cache.find(&digest, self.clock.now()).is_some() {
            return Verdict::accept(&username);
        }
        let decoy = self.number(b"decoy", &username);
        let user = username.clone();
        let right = match pool.run(move || is_right(&file, &user, &password, decoy)) {
            Ok(right) => right.await.unwrap_or(false),
            Err(_) => return Verdict::busy(),
        };
        match (known, right) {
            (true, true) => {
                self.cache.keep(digest, (), self.clock.now());
                Verdict::accept(&username)
            }
            (true, false) => Verdict::wrong("wrong password"),
            (false, _) => Verdict::NotMine(UNKNOWN_USER),
        }
    }

    /// Begins an exchange by SCRAM. A user who does not exist has a salt, too, always the same.
    pub fn begin(&self, message: &[u8], nonce: &str) -> AuthAnswer {
        let file = Arc::clone(&self.current.read());
        let first = scram::begin(message, nonce, |user| {
            let known = file.record(user).and_then(Record::scram);
            match known {
                Some(record) => (record.salt.clone(), record.iterations),
                None => self.fake(&file, user),
            }
        });
        match first {
            Ok(First { data, state }) => AuthAnswer::Continue { data, state },
            Err(why) => refused(why),
        }
    }

    /// Ends an exchange by SCRAM that stands at `state`.
    pub fn finish(&self, message: &[u8], state: &[u8]) -> AuthAnswer {
        let file = Arc::clone(&self.current.read());
        match scram::finish(message, state, |user| file.record(user).and_then(Record::scram)) {
            Ok(proven) => AuthAnswer::Accept {
                identity: Identity { username: Some(proven.username), ..Identity::default() },
                data: Some(proven.data),
                valid_for: None,
            },
            Err(why) => refused(why),
        }
    }

    /// Salt and iterations like those of the users that there are.
    fn fake(&self, file: &PasswordFile, user: &str) -> (Box<[u8]>, u32) {
        let like = file.scram_decoy(self.number(b"scram", user));
        let (len, iterations) = like
            .map_or((FAKE_SALT_BYTES, SCRAM_ITERATIONS), |like| (like.salt.len(), like.iterations));
        let one = keyed_hash(&self.key, &[b"salt 1 ", user.as_bytes()].concat());
        let other = keyed_hash(&self.key, &[b"salt 2 ", user.as_bytes()].concat());
        (one.into_iter().chain(other).take(len).collect(), iterations)
    }

    /// A number that is always the same for `user`, and different in each process.
    fn number(&self, what: &[u8], user: &str) -> u64 {
        let hash = keyed_hash(&self.key, &[what, b" ", user.as_bytes()].concat());
        u64::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
    }
}

/// Whether `password` is that of `user`. A user who does not exist is checked against another one's
/// record: it takes as long.
fn is_right(file: &PasswordFile, user: &str, password: &[u8], decoy: u64) -> bool {
    match (file.record(user), file.decoy(decoy)) {
        (Some(record), _) => return record.verify(password),
        // No compiler may see that nobody asks for these.
        (None, Some(decoy)) => {
            black_box(decoy.verify(password));
        }
        (None, None) => drop(black_box(Argon2id::new(password, [0; SALT_BYTES]))),
    }
    false
}

fn read(path: &std::path::Path, private: bool) -> Result<PasswordFile, FileError> {
    let bytes = files::read(path, FILE_BYTES_MAX, private)?;
    PasswordFile::parse(&bytes).map_err(|mistakes| {
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        FileError::new(path, mistakes.join("; "))
    })
}

fn refused(why: &'static str) -> AuthAnswer {
    AuthAnswer::Refuse { reason: ReasonCode::NotAuthorized, why }
}

const UNKNOWN_USER: &str = "unknown user";
