use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tempfile::TempDir;

/// Far longer than anything takes here: what has not come by then does not come.
pub const PATIENCE: Duration = Duration::from_secs(30);

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
    child: Child,
    /// In the order of the listeners.
    pub addresses: Vec<SocketAddr>,
    log: Log,
    _directory: TempDir,
}

/// What a broker has logged so far.
#[derive(Clone, Default)]
struct Log(Arc<(Mutex<String>, Condvar)>);

impl Broker {
    /// With `auth` as the section of that name, on one listener.
    pub fn start(auth: &str) -> Self {
        Self::with(&format!("[[listeners]]\naddress = '127.0.0.1:0'\n[auth]\n{auth}"), 1)
    }

    /// With a whole configuration of so many listeners.
    pub fn with(config: &str, listeners: usize) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = command(config, &directory).spawn().expect("the binary is built");
        let log = Log::default();
        let stderr = child.stderr.take().expect("a pipe");
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.push(&line);
            }
        });
        log.wait_for("ready", 1);
        let addresses = log.lines().iter().filter_map(|line| listening_on(line)).collect();
        let broker = Self { child, addresses, log, _directory: directory };
        assert_eq!(broker.addresses.len(), listeners);
        broker
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// The first line with `text`, when it comes.
    pub fn logged(&self, text: &str) -> String {
        self.log.wait_for(text, 1)
    }

    /// The line that makes it so many with `text`.
    pub fn logged_times(&self, text: &str, times: usize) -> String {
        self.log.wait_for(text, times)
    }

    pub fn log(&self) -> String {
        self.log.lines().join("\n")
    }
}

impl Log {
    fn push(&self, line: &str) {
        let mut text = self.0.0.lock().expect("no panic");
        text.push_str(line);
        text.push('\n');
        self.0.1.notify_all();
    }

    fn lines(&self) -> Vec<String> {
        self.0.0.lock().expect("no panic").lines().map(String::from).collect()
    }

    #[track_caller]
    fn wait_for(&self, text: &str, times: usize) -> String {
        let log = self.0.0.lock().expect("no panic");
        let lacks = |log: &mut String| log.lines().filter(|it| it.contains(text)).count() < times;
        let (log, waited) = self.0.1.wait_timeout_while(log, PATIENCE, lacks).expect("no panic");
        assert!(!waited.timed_out(), "{text:?} is not in the log:\n{log}");
        log.lines().filter(|line| line.contains(text)).nth(times - 1).expect("seen").to_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    command.arg("serve").arg("--config").arg(path);
    command.arg("--data-dir").arg(directory.path().join("data"));
    command.stderr(Stdio::piped()).stdout(Stdio::null());
    command
}

fn listening_on(line: &str) -> Option<SocketAddr> {
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="))?;
    line.contains("listening").then(|| address.parse().expect("an address"))
}
