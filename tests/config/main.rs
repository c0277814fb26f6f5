//! The configuration as its users meet it: files, variables, flags and the answers to them.

mod commands;
mod limits;
mod listeners;
mod mistakes;
mod overrides;
mod reference;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use fulmar::config::{Config, Loaded, Mistakes, Sources, load};

/// A file that exists for one test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(content: impl AsRef<[u8]>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("fulmar-{}-{}.toml", unique.0, unique.1));
        std::fs::write(&path, content).expect("the temporary directory can be written");
        Self(path)
    }

    /// Its lines in a report of mistakes begin with the path, which is another each time.
    fn strip(&self, report: &str) -> String {
        report.replace(self.0.to_str().expect("temporary paths are UTF-8"), "FILE")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn load_file(text: &str) -> Result<Loaded, String> {
    let file = TempFile::new(text);
    let sources = Sources { file: Some(file.0.clone()), ..Sources::default() };
    load(&sources).map_err(|mistakes| file.strip(&mistakes.to_string()))
}

fn config_of(text: &str) -> Config {
    load_file(text).expect("the file has no mistake").config
}

fn mistakes_of(text: &str) -> String {
    load_file(text).expect_err("the file has a mistake")
}

fn load_environment(variables: &[(&str, &str)]) -> Result<Loaded, Mistakes> {
    load(&Sources { environment: environment(variables), ..Sources::default() })
}

fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}
