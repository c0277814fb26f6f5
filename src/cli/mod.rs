//! The command line: what was typed becomes a command, what comes of it an exit code.

mod bans;
mod bench;
mod certs;
mod check;
mod completions;
mod man;
mod passwd;
mod serve;
mod store;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{self, Loaded, Mistakes, Sources};

/// An MQTT 3.1.1 / 5.0 broker for unreliable networks.
#[derive(Parser)]
#[command(name = "fulmar", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Run the broker; what happens without a command, too.
    Serve,
    /// Check the configuration and print what is in effect, or what a client may do.
    Check {
        /// Print a file with every key, its default and a comment instead.
        #[arg(long)]
        defaults: bool,
        #[command(flatten)]
        question: Box<check::Question>,
    },
    /// Certificates to try TLS with.
    #[command(subcommand)]
    Certs(certs::Certs),
    /// Users of a password file.
    #[command(subcommand)]
    Passwd(passwd::Passwd),
    /// Look after the files of a broker that does not run.
    Store(store::Arguments),
    /// Who is kept out by the broker that runs with this configuration.
    #[command(subcommand)]
    Bans(bans::Bans),
    /// Load a broker, whichever, and measure what it does.
    Bench(bench::Bench),
    /// The manual, for man.
    Man(man::Arguments),
    /// What a shell needs to complete words.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(clap::Args)]
struct Options {
    /// Configuration file in TOML; without one the defaults hold [env: FULMAR_CONFIG].
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen here instead of where the file says; may be repeated [env: FULMAR_LISTENERS].
    #[arg(long, short, global = true, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Accept clients without credentials on every listener [env: FULMAR_ALLOW_ANONYMOUS].
    #[arg(long, global = true)]
    allow_anonymous: bool,
    /// Directory for everything on disk [env: FULMAR_STORE__DATA_DIR].
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Level, or levels by module, as in fulmar::net=debug,info [env: FULMAR_LOG].
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

const AFTER_HELP: &str = "\
Examples:
  fulmar                                          on 127.0.0.1:1883, for this machine alone
  fulmar --listen 0.0.0.0:1883 --allow-anonymous  for the whole network
  fulmar --config fulmar.toml                     as the file says
  fulmar check --config fulmar.toml               is the file right, and what comes of it?
  fulmar check --defaults > fulmar.toml           a file to begin with
  fulmar check --as ann --publish house/door      may she, and which rule says so?
  fulmar certs dev                                certificates to try TLS with, in certs/
  fulmar passwd add passwords ann                 a user, and its password when asked for
  fulmar store verify --config fulmar.toml        is everything there that was kept?
  fulmar bans list --config fulmar.toml           who is banned for now?
  fulmar bench pub-sub --qos 1 --pid PID          how fast is the broker on this machine?

Every key of the file has a variable: session.queue_full is FULMAR_SESSION__QUEUE_FULL.
Exit codes: 0 stopped as asked, 1 failed while running, 2 wrong usage or configuration.
";

/// Bad usage and bad configuration.
const EXIT_MISTAKE: u8 = 2;

/// Does what the command line says; `environment` is everything that is set.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => return print_usage(&answer),
    };
    let Arguments { command, options } = arguments;
    let run: Box<dyn FnOnce(Loaded) -> ExitCode> = match command {
        Some(Command::Bans(command)) => Box::new(move |loaded| bans::run(&command, &loaded.config)),
        Some(Command::Check { defaults: true, .. }) => return check::print(&config::reference()),
        Some(Command::Bench(bench)) => return bench::run(bench),
        Some(Command::Man(to)) => return man::run(&to, Arguments::command()),
        Some(Command::Completions { shell }) => {
            return completions::run(shell, Arguments::command());
        }
        Some(Command::Certs(command)) => return certs::run(command),
        Some(Command::Passwd(command)) => return passwd::run(command),
        Some(Command::Store(store)) => Box::new(move |loaded| store::run(&store, &loaded.config)),
        Some(Command::Check { question, .. }) => {
            Box::new(move |loaded| check::run(&loaded, &question))
        }
        Some(Command::Serve) | None => Box::new(serve::run),
    };
    match load(options, environment) {
        Err(mistakes) => print_mistakes(&mistakes),
        Ok(loaded) => run(loaded),
    }
}

/// The configuration with a data directory in any case.
fn load(
    options: Options,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, Mistakes> {
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    let environment: Vec<(String, String)> =
        environment.into_iter().map(|(name, value)| (lossy(name), lossy(value))).collect();
    let variable =
        |name: &str| Some(environment.iter().find(|(other, _)| other == name)?.1.clone());
    let file_named = variable("FULMAR_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let platform = config::platform_data_dir(is_root(), variable);
    let credentials = variable("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let mut loaded = config::load(&Sources {
        file: options.config.or(file_named),
        environment,
        listen: options.listen,
        allow_anonymous: options.allow_anonymous,
        data_dir: options.data_dir,
        log: options.log,
    })?;
    loaded.config.store.data_dir.get_or_insert(platform);
    if let Some(directory) = credentials {
        config::place_credentials(&mut loaded, Some(&directory))?;
    }
    Ok(loaded)
}

/// Whether the process belongs to root, where the system tells by `/proc`.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// `--help` and `--version` too arrive here, on standard output and with exit code 0.
fn print_usage(answer: &clap::Error) -> ExitCode {
    // A reader that has gone away wants no more text.
    let _ = answer.print();
    ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(EXIT_MISTAKE))
}

fn print_mistakes(mistakes: &Mistakes) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{mistakes}");
    ExitCode::from(EXIT_MISTAKE)
}
