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
        say("a broker that keeps nothing on disk takes no orders");
        return ExitCode::from(EXIT_MISTAKE);
    };
    match ask(&path, &order) {
        Ok(answer) if answer == server::NOBODY_IS_BANNED => {
            // Standard output has a line for each ban, and nothing else: other programs read it.
            say("nobody is banned");
            ExitCode::SUCCESS
        }
        Ok(answer) if answer.is_empty() => {
            say(&format!("the broker at {} gave no answer", path.display()));
            ExitCode::FAILURE
        }
        Ok(answer) => check::print(&answer),
        Err(error) => {
            say(&unanswered(&path, &error));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn unanswered(path: &Path, error: &io::Error) -> String {
    use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied, TimedOut, WouldBlock};
    let path = path.display();
    match error.kind() {
        NotFound | ConnectionRefused => format!(
            "no broker runs with this configuration: nobody listens at {path}; \
             --config or --data-dir says which broker is meant"
        ),
        PermissionDenied => {
            format!("only the user whose broker it is gives it orders, at {path}: {error}")
        }
        TimedOut | WouldBlock => {
            format!("the broker at {path} gave no answer in {} s", TIME_MAX.as_secs())
        }
        _ => format!("no broker answers at {path}: {error}"),
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
