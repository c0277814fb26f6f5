use std::io::Write;
use std::process::ExitCode;

use crate::config::{self, Loaded};

/// Prints the configuration in effect on standard output and its warnings on standard error.
pub(super) fn run(loaded: &Loaded) -> ExitCode {
    for warning in &loaded.warnings {
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    print(&config::effective(loaded))
}

/// A reader that has gone away has seen enough.
pub(super) fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
