//! `fulmar store`: commands on the files of a broker that does not run.

mod bar;
mod compact;
mod export;
mod import;
mod line;
mod message;
mod repair;
mod survey;
mod tally;
mod verify;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::EXIT_MISTAKE;
use crate::config::{self, Config};
use crate::store::{
    DataDirectory, Durability, EngineKind, EngineOptions, Prepared, Store, StoreError,
};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The engine, where it is not the one of the configuration.
    #[arg(long, global = true, value_name = "ENGINE")]
    engine: Option<EngineName>,
}

#[derive(Subcommand)]
enum Command {
    /// Read everything, check it, and print what is there. Changes nothing.
    Verify,
    /// Write everything as lines of JSON.
    Export {
        /// Where to; standard output without it.
        file: Option<PathBuf>,
    },
    /// Fill an empty store with what an export says, all of it or nothing.
    Import {
        /// From where; standard input without it.
        file: Option<PathBuf>,
    },
    /// Mend what `verify` finds, and say what is lost. What was there is kept beside it.
    Repair {
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Give the disk back what the store does not need.
    Compact,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    Sled,
    Fjall,
}

/// What a command works on.
struct Place {
    directory: DataDirectory,
    engine: EngineKind,
}

/// Why a command did not do what it was to do.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("there is no store of the engine {engine} in {}", directory.display())]
    NoStore { engine: &'static str, directory: PathBuf },
    #[error("{0}")]
    Refused(String),
}

/// Whether everything is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Clean,
    Problems,
}

/// Does what the command line says. Exit codes: 0 done and nothing wrong, 1 problems or failure,
/// 2 wrong usage.
pub(super) fn run(arguments: &Arguments, config: &Config) -> ExitCode {
    silence_engines();
    let directory = config.store.data_dir.as_deref().unwrap_or(Path::new("./data"));
    let Some(engine) = engine(arguments.engine, config, directory) else {
        complain(
            "the engine \"memory\" keeps nothing on disk: say --engine sled or --engine fjall",
        );
        return ExitCode::from(EXIT_MISTAKE);
    };
    let outcome = place(engine, directory).and_then(|place| match &arguments.command {
        Command::Verify => verify::run(&place),
        Command::Export { file } => export::run(&place, file.as_deref()),
        Command::Import { file } => import::run(&place, file.as_deref()),
        Command::Repair { dry_run } => repair::run(&place, *dry_run),
        Command::Compact => compact::run(&place),
    });
    match outcome {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Problems) => ExitCode::FAILURE,
        Err(failure) => {
            complain(&failure.to_string());
            if matches!(failure, Failure::Store(StoreError::Damaged { .. })) {
                complain("`fulmar store repair` mends what can be mended");
            }
            ExitCode::FAILURE
        }
    }
}

/// As typed, else as configured; but where only another one has files, that one.
fn engine(typed: Option<EngineName>, config: &Config, directory: &Path) -> Option<EngineKind> {
    match typed {
        Some(EngineName::Sled) => return Some(EngineKind::Sled),
        Some(EngineName::Fjall) => return Some(EngineKind::Fjall),
        None => {}
    }
    let configured = match config.store.engine {
        config::Engine::Sled => Some(EngineKind::Sled),
        config::Engine::Fjall => Some(EngineKind::Fjall),
        config::Engine::Memory => None,
    };
    let there = |engine: &EngineKind| engine.is_in(directory);
    let mut found = [EngineKind::Sled, EngineKind::Fjall].into_iter().filter(there);
    let only_one = found.next().filter(|_| found.next().is_none());
    configured.filter(there).or(only_one).or(configured)
}

fn place(engine: EngineKind, directory: &Path) -> Result<Place, Failure> {
    if !directory.is_dir() {
        return Err(Failure::NoStore { engine: engine.name(), directory: directory.into() });
    }
    let directory = DataDirectory::take(directory)?;
    Ok(Place { directory, engine })
}

impl Place {
    /// The store, which must be there.
    fn open(&self) -> Result<Box<dyn Store>, Failure> {
        if !self.directory.has(self.engine) {
            let path = self.directory.engine_path(self.engine);
            let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
            return Err(Failure::NoStore { engine: self.engine.name(), directory });
        }
        Ok(self.directory.open(self.engine, &EngineOptions::default())?)
    }

    /// A new store that is to take its place, and is made durable only then.
    fn prepare(&self) -> Result<Prepared, Failure> {
        let options = EngineOptions { durability: Durability::Os, ..EngineOptions::default() };
        Ok(self.directory.prepare(self.engine, &options)?)
    }
}

/// An engine that meets damage panics; what it says then is in the error that becomes of it. Our own
/// files have paths below `src`, those of others absolute ones.
fn silence_engines() {
    let ours = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|place| place.file().starts_with("src")) {
            ours(panic);
        }
    }));
}

/// On standard output; a reader that has gone away has seen enough.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// On standard error.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Bytes for people: three digits that count.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    match unit {
        "bytes" => format!("{bytes} bytes"),
        _ => format!("{value:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_whose_swap_was_cut_off_is_there() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut config = Config::default();
        config.store.engine = config::Engine::Sled;
        assert_eq!(engine(None, &config, dir.path()), Some(EngineKind::Sled));

        std::fs::create_dir(dir.path().join("fjall.old")).expect("made");

        assert_eq!(engine(None, &config, dir.path()), Some(EngineKind::Fjall));
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(1536 * 1024), "1.5 MiB");
    }
}
