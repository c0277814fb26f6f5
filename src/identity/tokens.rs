use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use super::files;
use super::pool::Pool;
use crate::auth::token::{Key, TokenRules};
use crate::auth::{Login, Verdict};
use crate::net::{Clock, FileError};
use crate::types::ReasonCode;

/// Tokens and the files with the keys that they are checked with.
pub struct Tokens {
    files: KeyFiles,
    /// Locked to take a share of the rules or to put new ones in their place.
    current: RwLock<Arc<TokenRules>>,
}

/// Where the keys are.
#[derive(Debug, Clone, Default)]
pub struct KeyFiles {
    /// Public keys in PEM, one in each file.
    pub pem: Vec<PathBuf>,
    /// Secrets shared with whoever issues tokens, one in each file.
    pub secret: Vec<PathBuf>,
    /// Sets of keys in JSON.
    pub jwks: Vec<PathBuf>,
    /// Whether files with secrets are refused if everybody can read them.
    pub private: bool,
}

/// The most bytes of a file with keys.
const KEY_FILE_BYTES_MAX: usize = 1024 * 1024;

impl Tokens {
    /// Reads the keys in `files`, to check tokens by `rules`.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn open(files: KeyFiles, rules: TokenRules) -> Result<Self, FileError> {
        let rules = TokenRules { keys: files.read()?, ..rules };
        Ok(Self { files, current: RwLock::new(Arc::new(rules)) })
    }

    /// The files that are read.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.pem.iter().chain(&self.files.secret).chain(&self.files.jwks)
    }

    /// Reads the keys again. Returns how many there are.
    ///
    /// # Errors
    ///
    /// [`FileError`]; what was read before stays in use.
    pub fn reload(&self) -> Result<usize, FileError> {
        let keys = self.files.read()?;
        let count = keys.len();
        let mut current = self.current.write();
        *current = Arc::new(TokenRules { keys, ..(**current).clone() });
        Ok(count)
    }

    /// Accepts a good token as password and refuses a bad one. A password that is no token is not
    /// its own.
    pub async fn check(&self, login: &Login, pool: &Pool) -> Verdict {
        let Some(token) = login.password.clone().filter(|it| TokenRules::is_token(it)) else {
            return Verdict::NotMine("it gave no token");
        };
        match self.believe(token, login.username.clone(), pool).await {
            Verdict::Refuse { reason: ReasonCode::NotAuthorized, why } => Verdict::wrong(why),
            verdict => verdict,
        }
    }

    /// The user whom `token` names, be it true or not.
    pub fn named_user(&self, token: &[u8]) -> Option<String> {
        let rules = Arc::clone(&self.current.read());
        rules.named_user(token)
    }

    /// Accepts a good token and refuses anything else.
    pub async fn believe(&self, token: Vec<u8>, user: Option<String>, pool: &Pool) -> Verdict {
        let rules = Arc::clone(&self.current.read());
        let now = Clock::wall_secs();
        let believed = pool.run(move || rules.check(&token, user.as_deref(), now));
        match believed {
            Err(_) => Verdict::busy(),
            Ok(believed) => match believed.await {
                Ok(Ok(believed)) => {
                    Verdict::Accept { identity: believed.identity, valid_for: believed.valid_for }
                }
                Ok(Err(why)) => Verdict::Refuse { reason: ReasonCode::NotAuthorized, why },
                Err(_) => Verdict::unavailable("its token could not be checked"),
            },
        }
    }
}

impl KeyFiles {
    fn read(&self) -> Result<Vec<Key>, FileError> {
        let mut keys = Vec::new();
        for path in &self.pem {
            let bytes = files::read(path, KEY_FILE_BYTES_MAX, false)?;
            keys.push(Key::from_pem(&bytes).map_err(|error| FileError::new(path, error))?);
        }
        for path in &self.secret {
            let bytes = files::read(path, KEY_FILE_BYTES_MAX, self.private)?;
            keys.push(Key::from_secret(&bytes).map_err(|error| FileError::new(path, error))?);
        }
        for path in &self.jwks {
            keys.extend(self.read_jwks(path)?);
        }
        Ok(keys)
    }

    /// A set may hold secrets: then it is one.
    fn read_jwks(&self, path: &Path) -> Result<Vec<Key>, FileError> {
        let bytes = files::read(path, KEY_FILE_BYTES_MAX, false)?;
        let keys = Key::from_jwks(&bytes).map_err(|error| FileError::new(path, error))?;
        if keys.iter().any(Key::is_secret) {
            files::read(path, KEY_FILE_BYTES_MAX, self.private)?;
        }
        Ok(keys)
    }
}
