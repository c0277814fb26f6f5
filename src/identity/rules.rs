use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::files;
use crate::auth::rules::{self, RULES_MAX, Rule, Rules};
use crate::net::FileError;

/// Rules about topics in use: those of the configuration and, behind them, those of a file.
pub struct RuleSource {
    path: Option<PathBuf>,
    configured: Vec<Rule>,
    /// Locked while somebody is told, so that the newest rules are the last that anybody hears of.
    current: Mutex<Current>,
}

struct Current {
    rules: Arc<Rules>,
    told: Option<Told>,
}

type Told = Box<dyn Fn(Arc<Rules>) + Send>;

impl RuleSource {
    /// Reads the file at `path`, if there is one.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn open(path: Option<PathBuf>, configured: Vec<Rule>) -> Result<Self, FileError> {
        let rules = Arc::new(read_rules(path.as_deref(), &configured)?);
        Ok(Self { path, configured, current: Mutex::new(Current { rules, told: None }) })
    }

    /// The file that is read.
    pub fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    /// Tells `told` of the rules, now and each time that they are read again.
    pub fn tell(&self, told: impl Fn(Arc<Rules>) + Send + 'static) {
        let mut current = self.current.lock();
        told(Arc::clone(&current.rules));
        current.told = Some(Box::new(told));
    }

    /// Reads the file again. Returns how many rules there are.
    ///
    /// # Errors
    ///
    /// [`FileError`]; the old rules stay in use then.
    pub fn reload(&self) -> Result<usize, FileError> {
        let new = Arc::new(read_rules(self.path.as_deref(), &self.configured)?);
        let mut current = self.current.lock();
        current.rules = Arc::clone(&new);
        if let Some(told) = &current.told {
            told(Arc::clone(&new));
        }
        Ok(new.len())
    }
}

/// The rules that are `configured` and, behind them, those of the file at `path`.
///
/// # Errors
///
/// [`FileError`].
pub fn read_rules(path: Option<&Path>, configured: &[Rule]) -> Result<Rules, FileError> {
    let mut all = configured.to_vec();
    if let Some(path) = path {
        let bytes = files::read(path, rules::FILE_BYTES_MAX, false)?;
        let read = rules::parse(&bytes, &path.to_string_lossy());
        all.extend(read.map_err(|mistake| FileError::new(path, mistake))?);
        if all.len() > RULES_MAX {
            return Err(FileError::new(path, format!("makes more than {RULES_MAX} rules")));
        }
    }
    Ok(Rules::new(all))
}
