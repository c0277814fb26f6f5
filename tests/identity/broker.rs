use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub use crate::process::PATIENCE;
use crate::process::{Process, fulmar};

/// A directory for what a broker reads.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file for its owner alone, put in place at once.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let new = self.path("being written");
        std::fs::write(&new, contents).expect("written");
        std::fs::set_permissions(&new, PermissionsExt::from_mode(0o600)).expect("ours");
        let path = self.path(name);
        std::fs::rename(&new, &path).expect("put in place");
        path
    }
}

/// A broker in a process of its own; killed when the test is over.
pub struct Broker {
    process: Process,
    /// In the order of the listeners.
    pub addresses: Vec<SocketAddr>,
    _directory: TempDir,
}

impl Broker {
    /// With `auth` as the section of that name, on one listener.
    pub fn start(auth: &str) -> Self {
        Self::with(&format!("[[listeners]]\naddress = '127.0.0.1:0'\n[auth]\n{auth}"), 1)
    }

    /// With a whole configuration of so many listeners.
    pub fn with(config: &str, listeners: usize) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let process = Process::spawn(&mut command(config, &directory));
        let addresses = process.log.addresses();
        let broker = Self { process, addresses, _directory: directory };
        assert_eq!(broker.addresses.len(), listeners);
        broker
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// The first line with `text`, when it comes.
    #[track_caller]
    pub fn logged(&self, text: &str) -> String {
        self.process.log.await_line(text)
    }

    /// The line that makes it so many with `text`.
    #[track_caller]
    pub fn logged_times(&self, text: &str, times: usize) -> String {
        self.process.log.await_times(text, times)
    }

    pub fn log(&self) -> String {
        self.process.log.text()
    }
}

/// What a broker that does not start with this configuration says.
pub fn refusal(auth: &str) -> String {
    let config = format!("[[listeners]]\naddress = '127.0.0.1:0'\n[auth]\n{auth}");
    let directory = tempfile::tempdir().expect("a directory");
    let output = command(&config, &directory).output().expect("the binary is built");
    assert!(!output.status.success(), "it started");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `fulmar passwd ADD-OR-SO FILE USER --stdin` with this on standard input.
pub fn passwd(arguments: &[&str], file: &Path, user: &str, typed: &str) -> std::process::Output {
    let mut command = fulmar();
    command.arg("passwd").args(arguments).arg(file).arg(user);
    if arguments[0] != "delete" {
        command.arg("--stdin");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary is built");
    // A command that fails early reads nothing.
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), typed.as_bytes());
    child.wait_with_output().expect("a child")
}

/// The server with its configuration and its data in `directory`.
fn command(config: &str, directory: &TempDir) -> Command {
    let path = directory.path().join("fulmar.toml");
    let log = "[log]\nfaults_per_second_max = 10000\n[sys]\ninterval_secs = 0\n";
    std::fs::write(&path, format!("{config}\n{log}")).expect("written");
    let mut command = fulmar();
    command.arg("serve").arg("--config").arg(path);
    command.arg("--data-dir").arg(directory.path().join("data"));
    command
}
