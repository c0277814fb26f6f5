//! `fulmar passwd`: users of a password file.

mod edit;
mod prompt;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::EXIT_MISTAKE;
use crate::auth::password::{
    Argon2id, PasswordFile, Record, SALT_BYTES, SCRAM_ITERATIONS, ScramRecord, check_user,
    with_user, without_user,
};
use crate::identity::random;

#[derive(Subcommand)]
pub(super) enum Passwd {
    /// Add a user, or give it another password.
    Add {
        #[command(flatten)]
        target: Target,
        /// Keep what SCRAM-SHA-256 needs instead of an Argon2id hash.
        #[arg(long)]
        scram: bool,
        #[command(flatten)]
        source: Source,
    },
    /// Delete a user.
    Delete {
        #[command(flatten)]
        target: Target,
    },
    /// Say whether a password is right; exit code 1 if not.
    Check {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        source: Source,
    },
}

#[derive(Args)]
pub(super) struct Target {
    /// The password file; add makes it if it is missing.
    file: PathBuf,
    /// The user.
    user: String,
}

#[derive(Args)]
pub(super) struct Source {
    /// Read the password from standard input instead of asking for it.
    #[arg(long)]
    stdin: bool,
}

/// Does what was asked. What is wrong goes to standard error.
pub(super) fn run(command: Passwd) -> ExitCode {
    let done = match command {
        Passwd::Add { target, scram, source } => add(&target, scram, &source),
        Passwd::Delete { target } => delete(&target),
        Passwd::Check { target, source } => check(&target, &source),
    };
    done.unwrap_or_else(|mistake| {
        let _ = writeln!(io::stderr(), "{mistake}");
        ExitCode::from(EXIT_MISTAKE)
    })
}

fn add(target: &Target, scram: bool, source: &Source) -> Result<ExitCode, String> {
    let Target { file, user } = target;
    check_user(user).map_err(|what| format!("{user:?}: {what}"))?;
    // Before anybody types a password for nothing.
    read_if_there(file)?;
    let password = source.password(prompt::Times::Twice)?;
    let record = record(&password, scram).map_err(|error| format!("no randomness: {error}"))?;
    edit::replace(file, true, |text| {
        readable(file, text)?;
        Ok(with_user(text, user, &record))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn delete(target: &Target) -> Result<ExitCode, String> {
    let Target { file, user } = target;
    edit::replace(file, false, |text| {
        readable(file, text)?;
        without_user(text, user).ok_or_else(|| format!("{}: no user {user:?}", file.display()))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn check(target: &Target, source: &Source) -> Result<ExitCode, String> {
    let Target { file, user } = target;
    let text = edit::read(file)?;
    let users = readable(file, &text)?;
    let password = source.password(prompt::Times::Once)?;
    let known = users.record(user);
    let right = known.is_some_and(|record| record.verify(&password));
    let answer = match (known, right) {
        (_, true) => "the password is right",
        (Some(_), false) => "the password is wrong",
        (None, _) => "no such user",
    };
    let _ = writeln!(io::stdout(), "{answer}");
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Source {
    fn password(&self, times: prompt::Times) -> Result<Vec<u8>, String> {
        let password = match self.stdin {
            true => prompt::from_stdin(),
            false => prompt::from_terminal(times),
        };
        match password {
            Ok(password) if password.is_empty() => Err("an empty password is none".into()),
            Ok(password) => Ok(password),
            Err(error) => Err(format!("no password: {error}")),
        }
    }
}

fn record(password: &[u8], scram: bool) -> io::Result<Record> {
    let salt = random::<SALT_BYTES>()?;
    Ok(match scram {
        true => Record::Scram(ScramRecord::new(password, &salt, SCRAM_ITERATIONS)),
        false => Record::Argon2id(Argon2id::new(password, salt)),
    })
}

fn read_if_there(file: &Path) -> Result<(), String> {
    if file.exists() {
        readable(file, &edit::read(file)?)?;
    }
    Ok(())
}

/// The users of the file with this `text`: nothing is written to a file that cannot be read.
fn readable(file: &Path, text: &str) -> Result<PasswordFile, String> {
    PasswordFile::parse(text.as_bytes()).map_err(|mistakes| {
        let line = |mistake: &_| format!("{}: {mistake}", file.display());
        mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
