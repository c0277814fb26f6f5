//! The built binary with limits, and what its log says.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub use crate::process::PATIENCE as DEADLINE;
use crate::process::{self, Process};

/// A running broker; killed when dropped.
pub struct Broker {
    process: Process,
    directory: tempfile::TempDir,
}

/// Listens on a free port and lets everybody in. What tests set comes behind it; nobody is exempt.
const LISTENER: &str = "
[[listeners]]
name = 'it'
address = '127.0.0.1:0'
allow_anonymous = true
";

impl Broker {
    /// Starts a broker with these keys in `[limits]`, and returns when it listens.
    pub fn limited(limits: &str) -> Self {
        Self::start(&format!("{LISTENER}[limits]\nexempt_addresses = []\n{limits}\n"))
    }

    /// Starts a broker that asks a password of everybody: ann's is "right".
    pub fn with_passwords(limits: &str, more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("passwords");
        add_user(&[], &file, "ann", "right");
        let auth = format!("[auth]\nchain = ['password']\npassword_file = '{}'", file.display());
        let limits = format!("[limits]\nexempt_addresses = []\n{limits}");
        Self::start_in(directory, &format!("{LISTENER}{auth}\n{limits}\n{more}\n"))
    }

    /// Starts a broker that takes ann's password, "right", also by SCRAM, and tokens.
    pub fn with_all_sources(more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (passwords, key) = (directory.path().join("passwords"), directory.path().join("key"));
        add_user(&["--scram"], &passwords, "ann", "right");
        std::fs::write(&key, [7; 32]).expect("written");
        let auth = format!(
            "[auth]\nchain = ['jwt', 'scram', 'password']\nallow_readable_files = true\n\
             password_file = '{}'\njwt_secret_files = ['{}']",
            passwords.display(),
            key.display()
        );
        let limits = "[limits]\nexempt_addresses = []";
        Self::start_in(directory, &format!("{LISTENER}{auth}\n{limits}\n{more}\n"))
    }

    /// Starts a broker with this configuration, and returns when it listens.
    pub fn start(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary directory"), config)
    }

    fn start_in(directory: tempfile::TempDir, config: &str) -> Self {
        let config = format!("{config}[sys]\ninterval_secs = 1\n");
        std::fs::write(directory.path().join("fulmar.toml"), config).expect("written");
        let process = Process::spawn(&mut fulmar(directory.path()));
        process.log.await_line("ready");
        Self { process, directory }
    }

    /// Where its listener `it` listens.
    pub fn address(&self) -> SocketAddr {
        self.address_of("it")
    }

    /// Where the listener of this name listens.
    pub fn address_of(&self, name: &str) -> SocketAddr {
        self.process.log.address_of(name)
    }

    /// The first line that contains `text`, when it is there.
    #[track_caller]
    pub fn await_log(&self, text: &str) -> String {
        self.process.log.await_line(text)
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.process.log.text()
    }

    /// What `fulmar bans` with these arguments prints.
    pub fn bans(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run_bans(arguments).stdout).expect("text")
    }

    /// What it says besides, to people.
    pub fn bans_says(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run_bans(arguments).stderr).expect("text")
    }

    fn run_bans(&self, arguments: &[&str]) -> Output {
        fulmar(self.directory.path()).arg("bans").args(arguments).output().expect("built")
    }

    /// The file on which it takes orders.
    pub fn control_socket(&self) -> std::path::PathBuf {
        self.directory.path().join("data/control.sock")
    }

    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }
}

/// A command of the binary with the configuration and the data in `directory`.
pub fn fulmar(directory: &Path) -> Command {
    let mut command = process::fulmar();
    command.arg("--config").arg(directory.join("fulmar.toml"));
    command.arg("--data-dir").arg(directory.join("data"));
    command
}

fn add_user(how: &[&str], file: &Path, user: &str, password: &str) {
    use std::io::Write;
    let mut command = process::fulmar();
    command.args(["passwd", "add", "--stdin"]).args(how).arg(file).arg(user);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().expect("built");
    child.stdin.take().expect("a pipe").write_all(password.as_bytes()).expect("read");
    assert!(child.wait().expect("a child").success());
}
