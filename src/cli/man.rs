use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;

/// Where the manual goes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Write a page for each command to this directory, which must be there.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What is to be said of the broker itself, and of no option.
const ABOUT_THE_BROKER: &str = r#".SH FILES
.TP
.I /etc/fulmar/fulmar.toml
The configuration that the service of the package reads; fulmar check \-\-defaults prints one with
every key.
.TP
.I /var/lib/fulmar
Everything on disk, for the service and for root.
.TP
.I ~/.local/state/fulmar
Everything on disk, for everybody else.
.SH SIGNALS
.TP
.B SIGTERM, SIGINT
Stop accepting, say goodbye to the clients, end. A second one ends at once.
.TP
.B SIGHUP
Read certificates, keys, lists of revoked certificates, passwords, token keys and rules about topics
again. One that is broken is reported, and the one from before stays in use.
.SH ENVIRONMENT
.TP
.B FULMAR_CONFIG
The configuration file.
.TP
.B FULMAR_SECTION__KEY
The key of that section, as in FULMAR_SESSION__QUEUE_FULL.
.TP
.B NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS, STATE_DIRECTORY, CREDENTIALS_DIRECTORY, JOURNAL_STREAM
As systemd sets them for a service: see sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3),
systemd.exec(5).
"#;

/// Prints the page of `command`, or writes the pages of it and of all that are below it.
pub(super) fn run(arguments: &Arguments, command: Command) -> ExitCode {
    let written = match &arguments.dir {
        None => page(&command.disable_help_subcommand(true)).and_then(|page| print(&page)),
        Some(dir) => write_all(dir, command),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "fulmar man: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that has gone away has seen enough.
fn print(page: &[u8]) -> io::Result<()> {
    let _ = io::stdout().write_all(page);
    Ok(())
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    page.extend_from_slice(as_it_stands(&notes).as_bytes());
    page.extend_from_slice(ABOUT_THE_BROKER.as_bytes());
    Ok(page)
}

/// A section whose lines are not filled. No line begins with what troff would take for a command.
fn as_it_stands(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines: String = text.lines().map(|line| format!("\\&{line}\n")).collect();
    format!(".SH NOTES\n.nf\n{lines}.fi\n")
}

fn write_all(dir: &Path, command: Command) -> io::Result<()> {
    let broker = page(&command)?;
    clap_mangen::generate_to(command, dir)?;
    std::fs::write(dir.join("fulmar.1"), broker)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_page_has_what_the_options_do_not_say() {
        let page = page(&crate::cli::Arguments::command()).expect("memory");
        let page = String::from_utf8(page).expect("text");

        for part in [".SH NAME", ".SH OPTIONS", "\\-\\-data\\-dir", ".SH SIGNALS", ".SH FILES"] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }

    #[test]
    fn examples_stand_as_they_were_written() {
        assert_eq!(as_it_stands(".a -b\n\\"), ".SH NOTES\n.nf\n\\&.a \\-b\n\\&\\e\n.fi\n");
    }

    #[test]
    fn each_command_has_its_page() {
        let home = tempfile::tempdir().expect("a directory");

        write_all(home.path(), crate::cli::Arguments::command()).expect("written");

        for name in [
            "fulmar.1",
            "fulmar-bans-lift.1",
            "fulmar-bans-list.1",
            "fulmar-check.1",
            "fulmar-passwd-add.1",
            "fulmar-store-verify.1",
        ] {
            let page = std::fs::read_to_string(home.path().join(name)).expect(name);
            assert!(page.contains(".SH SYNOPSIS"), "{name}");
        }
        let broker = std::fs::read_to_string(home.path().join("fulmar.1")).expect("there");
        assert!(broker.contains(".SH SIGNALS"));
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        assert!(write_all(Path::new("/nonexistent"), crate::cli::Arguments::command()).is_err());
    }
}
