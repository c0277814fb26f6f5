//! The built binary: its commands, and processes of it whose log is followed.

// Each test binary tells other stories and so uses another part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Far longer than anything takes here: what has not come by then does not come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running process; killed when dropped.
pub struct Process {
    child: Child,
    pub log: Log,
}

/// What a process has said so far on its standard error.
#[derive(Default)]
pub struct Log(Arc<(Mutex<Said>, Condvar)>);

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    is_over: bool,
}

/// A command of the binary, which nothing in the environment of the tests configures.
pub fn fulmar() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FULMAR_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

/// `outer`, which runs what its last words say: those of `inner`, in the environment of that.
pub fn wrapped(mut outer: Command, inner: &Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

impl Process {
    /// Starts `command` and follows what it says.
    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_as_is(command.stdout(Stdio::null()).stderr(Stdio::piped()))
    }

    /// The same, but for where its output goes: what is not for a pipe is not followed.
    pub fn spawn_as_is(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary is built");
        let log = Log::default();
        child.stderr.take().into_iter().for_each(|stderr| log.follow(stderr));
        Self { child, log }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// How it ends, by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    /// The first line that contains `text`, when it is there.
    #[track_caller]
    pub fn await_line(&self, text: &str) -> String {
        self.await_times(text, 1)
    }

    /// The line that contains `text` for the `times`th time, when it is there.
    #[track_caller]
    pub fn await_times(&self, text: &str, times: usize) -> String {
        let nth = |said: &Said| {
            let mut found = said.lines.iter().filter(|line| line.contains(text));
            found.nth(times - 1).cloned()
        };
        match self.wait(|said| nth(said).map(Some).or(said.is_over.then_some(None))) {
            Some(Some(line)) => line,
            _ => panic!("the log does not say {text:?} {times} times:\n{}", self.text()),
        }
    }

    /// Everything that the process has said, when it has ended.
    #[track_caller]
    pub fn await_end(&self) -> String {
        self.wait(|said| said.is_over.then_some(())).expect("it ends");
        self.text()
    }

    /// Everything that it has said so far.
    pub fn text(&self) -> String {
        self.0.0.lock().expect("nobody panics with it").lines.join("\n")
    }

    /// Where the listener of this name listens.
    #[track_caller]
    pub fn address_of(&self, name: &str) -> SocketAddr {
        address_in(&self.await_line(&format!("name=\"{name}\""))).expect("an address")
    }

    /// Where its listeners listen, in their order, once it is ready.
    #[track_caller]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.await_line("ready");
        self.text()
            .lines()
            .filter(|line| line.contains("listening"))
            .filter_map(address_in)
            .collect()
    }

    fn follow(&self, stream: impl Read + Send + 'static) {
        let said = Arc::clone(&self.0);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                said.0.lock().expect("nobody panics with it").lines.push(line);
                said.1.notify_all();
            }
            said.0.lock().expect("nobody panics with it").is_over = true;
            said.1.notify_all();
        });
    }

    /// What `find` finds, when it does.
    fn wait<T>(&self, find: impl Fn(&Said) -> Option<T>) -> Option<T> {
        let until = Instant::now() + PATIENCE;
        let mut said = self.0.0.lock().expect("nobody panics with it");
        loop {
            if let Some(found) = find(&said) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            said = self.0.1.wait_timeout(said, left).expect("nobody panics with it").0;
        }
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="))?;
    address.parse().ok()
}
