//! `fulmar bans`: who is kept out by a broker that runs, and how it comes in again.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::{EXIT_MISTAKE, check};
use crate::config::Config;
use crate::server;

#[derive(Subcommand)]
pub(super) enum Bans {
    /// Print who is banned: the seconds left, how often it was banned, why, and who.
    List,
    /// Let somebody in again, as list names it: address 192.0.2.1
    Lift {
        /// Everybody.
        #[arg(long, conflicts_with = "subject", required_unless_present = "subject")]
        all: bool,
        /// The last column of list.
        subject: Vec<String>,
    },
}

/// The longest that a broker takes to answer.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Gives the order to the broker that runs with this configuration.
pub(super) fn run(command: &Bans, config: &Config) -> ExitCode {
    let order = match command {
        Bans::List => "bans".to_owned(),
        Bans::Lift { all: true, .. } => "lift".to_owned(),
        Bans::Lift { subject, .. } => format!("lift {}", subject.join(" ")),
    };
    let Some(path) = server::control_path(config) else {
        let _ = writeln!(io::stderr(), "a broker that keeps nothing on disk takes no orders");
        return ExitCode::from(EXIT_MISTAKE);
    };
    match ask(&path, &order) {
        Ok(answer) => check::print(&answer),
        Err(error) => {
            let _ = writeln!(io::stderr(), "no broker answers at {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn ask(path: &Path, order: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TIME_MAX))?;
    stream.set_write_timeout(Some(TIME_MAX))?;
    stream.write_all(format!("{order}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
