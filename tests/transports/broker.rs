//! The built binary on listeners of the test's choice, and what its log says.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// The longest that a test waits for one thing to happen.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running broker; killed when dropped.
pub struct Broker {
    child: Child,
    log: Arc<Log>,
    _directory: tempfile::TempDir,
}

#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    grown: Condvar,
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
        let status = broker.child.wait().expect("a child");
        let log = broker.log.wait(|lines, ended| ended.then(|| lines.join("\n")));
        (log.expect("the log ends with the process"), status)
    }

    fn spawn(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("fulmar.toml");
        std::fs::write(&file, config).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
        command.arg("--config").arg(file).arg("--data-dir").arg(directory.path().join("data"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FULMAR_") {
                command.env_remove(name);
            }
        }
        command.env("NO_COLOR", "1").stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("the binary is built");
        let log = Arc::new(Log::default());
        log.follow(BufReader::new(child.stderr.take().expect("a pipe")));
        Self { child, log, _directory: directory }
    }

    /// Where the listener of this name listens.
    pub fn address(&self, name: &str) -> SocketAddr {
        let line = self.await_log(&format!("name=\"{name}\""));
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="));
        address.and_then(|address| address.parse().ok()).expect("an address")
    }

    /// The first line that contains `text`, when it is there.
    #[track_caller]
    pub fn await_log(&self, text: &str) -> String {
        self.await_log_times(text, 1)
    }

    /// The line that contains `text` for the `times`th time, when it is there.
    #[track_caller]
    pub fn await_log_times(&self, text: &str, times: usize) -> String {
        let nth = |lines: &[String], _| {
            lines.iter().filter(|line| line.contains(text)).nth(times - 1).cloned()
        };
        match self.log.wait(nth) {
            Some(line) => line,
            None => panic!("the log does not say {text:?} {times} times:\n{}", self.log_so_far()),
        }
    }

    pub fn log_so_far(&self) -> String {
        self.log.lines.lock().expect("no reader panics").0.join("\n")
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Bytes of memory that the process has now.
    pub fn resident_bytes(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1024
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Both fail only for a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn follow(self: &Arc<Self>, stream: impl BufRead + Send + 'static) {
        let log = Arc::clone(self);
        std::thread::spawn(move || {
            for line in stream.lines().map_while(Result::ok) {
                log.lines.lock().expect("nobody panics with it").0.push(line);
                log.grown.notify_all();
            }
            log.lines.lock().expect("nobody panics with it").1 = true;
            log.grown.notify_all();
        });
    }

    fn wait<T>(&self, find: impl Fn(&[String], bool) -> Option<T>) -> Option<T> {
        let until = Instant::now() + DEADLINE;
        let mut state = self.lines.lock().expect("nobody panics with it");
        loop {
            if let Some(found) = find(&state.0, state.1) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            state = self.grown.wait_timeout(state, left).expect("nobody panics with it").0;
        }
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
