//! The built binary on listeners of the test's choice, and what its log says.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;

pub use crate::process::PATIENCE as DEADLINE;
use crate::process::{Process, fulmar};

/// A running broker; killed when dropped.
pub struct Broker {
    process: Process,
    _directory: tempfile::TempDir,
}

impl Broker {
    /// Starts a broker with this configuration, and returns when it listens.
    pub fn start(config: &str) -> Self {
        let broker = Self::spawn(config);
        broker.await_log("ready");
        broker
    }

    /// Starts a broker that is expected to end by itself; returns its log and how it ended.
    pub fn fail(config: &str) -> (String, ExitStatus) {
        let mut broker = Self::spawn(config);
        let status = broker.process.wait();
        (broker.process.log.await_end(), status)
    }

    fn spawn(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("fulmar.toml");
        std::fs::write(&file, config).expect("written");
        let mut command = fulmar();
        command.arg("--config").arg(file).arg("--data-dir").arg(directory.path().join("data"));
        Self { process: Process::spawn(&mut command), _directory: directory }
    }

    /// Where the listener of this name listens.
    pub fn address(&self, name: &str) -> SocketAddr {
        self.process.log.address_of(name)
    }

    /// The first line that contains `text`, when it is there.
    #[track_caller]
    pub fn await_log(&self, text: &str) -> String {
        self.process.log.await_line(text)
    }

    /// The line that contains `text` for the `times`th time, when it is there.
    #[track_caller]
    pub fn await_log_times(&self, text: &str, times: usize) -> String {
        self.process.log.await_times(text, times)
    }

    pub fn log_so_far(&self) -> String {
        self.process.log.text()
    }

    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Bytes of memory that the process has now.
    pub fn resident_bytes(&self) -> usize {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1024
    }
}

/// A listener with TLS on a free port, with `more` lines in its table.
pub fn mqtts(cert: &Path, key: &Path, more: &str) -> String {
    let (cert, key) = (cert.display(), key.display());
    listener(&format!("protocol = 'mqtts'\ntls.cert = '{cert}'\ntls.key = '{key}'\n{more}"))
}

/// The listener `it` on a free port, with `more` lines in its table. Everybody may come in.
pub fn listener(more: &str) -> String {
    format!("[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\nallow_anonymous = true\n{more}\n")
}

/// A path as configuration files have it.
pub fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}
