//! The binary, and a stand-in for the service manager that starts it.

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use crate::process::PATIENCE;
use crate::process::{Process, fulmar, wrapped};

/// A listener for everybody on a free port, named as the packaged configuration names its own.
pub const LISTENER: &str =
    "[[listeners]]\nname = 'mqtt'\naddress = '127.0.0.1:0'\nallow_anonymous = true\n";

/// A directory with all files of one service.
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("ours");
        path
    }
}

/// What listens where a service manager does.
pub struct Manager {
    socket: UnixDatagram,
    pub path: String,
}

impl Manager {
    pub fn listen(home: &Home) -> Self {
        let path = home.text("notify");
        let socket = UnixDatagram::bind(&path).expect("a free name");
        socket.set_read_timeout(Some(PATIENCE)).expect("above zero");
        Self { socket, path }
    }

    /// The next thing that it is told.
    #[track_caller]
    pub fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("something is told");
        String::from_utf8(buffer[..length].to_vec()).expect("UTF-8")
    }

    /// What it is told up to the first message with this line, that one included.
    #[track_caller]
    pub fn until(&self, line: &str) -> Vec<String> {
        let mut told = vec![self.next()];
        while !told.last().expect("one at least").lines().any(|it| it == line) {
            told.push(self.next());
        }
        told
    }

    /// Whether there is silence for so long.
    pub fn is_told_nothing_for(&self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).expect("above zero");
        let silence = self.socket.recv(&mut [0; 4096]).is_err();
        self.socket.set_read_timeout(Some(PATIENCE)).expect("above zero");
        silence
    }

    /// When it is told this line within so long, each time.
    pub fn times(&self, line: &str, within: Duration) -> Vec<Duration> {
        let began = Instant::now();
        let mut times = Vec::new();
        while let Some(left) = within.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            self.socket.set_read_timeout(Some(left)).expect("above zero");
            let mut buffer = [0; 4096];
            let Ok(length) = self.socket.recv(&mut buffer) else { break };
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|it| it == line) {
                times.push(began.elapsed());
            }
        }
        self.socket.set_read_timeout(Some(PATIENCE)).expect("above zero");
        times
    }
}

/// A running broker; killed when dropped.
pub struct Service(Process);

impl Service {
    /// With this configuration and data below `home`.
    pub fn start(home: &Home, config: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = command(home, config);
        command.envs(environment.iter().copied());
        Self::spawn(command)
    }

    /// With `sockets`, one or two, passed under `names`, which colons separate.
    pub fn start_with(home: &Home, config: &str, sockets: Vec<OwnedFd>, names: &str) -> Self {
        // What a shell inherits as standard input and output becomes the first descriptors that are
        // passed, and the process that LISTEN_PID names is the one that the shell becomes.
        let script =
            "exec 3<&0 4<&1 0</dev/null 1>/dev/null; export LISTEN_PID=$$; exec \"$0\" \"$@\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        let mut shell = wrapped(shell, &command(home, config));
        shell.env("LISTEN_FDS", sockets.len().to_string()).env("LISTEN_FDNAMES", names);
        let mut sockets = sockets.into_iter();
        shell.stdin(Stdio::from(sockets.next().expect("one at least")));
        shell.stdout(sockets.next().map_or_else(Stdio::null, Stdio::from));
        assert!(sockets.next().is_none(), "no more than two");
        shell.stderr(Stdio::piped());
        Self::spawn(shell)
    }

    pub fn spawn(mut command: Command) -> Self {
        Self(Process::spawn_as_is(&mut command))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn signal(&self, name: &str) {
        self.0.signal(name);
    }

    /// How it ends, by itself, and what it said.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.0.wait();
        (status, self.0.log.await_end())
    }

    /// The first line that contains `text`, when it is there.
    #[track_caller]
    pub fn await_log(&self, text: &str) -> String {
        self.0.log.await_line(text)
    }

    /// Where the listener of this name listens.
    #[track_caller]
    pub fn address(&self, name: &str) -> SocketAddr {
        self.0.log.address_of(name)
    }
}

/// The broker with this configuration, and nothing of the environment of the tests that concerns it.
pub fn command(home: &Home, config: &str) -> Command {
    let config = home.write("fulmar.toml", config);
    let mut command = fulmar();
    command.arg("serve").arg("--config").arg(config).arg("--data-dir").arg(home.path("data"));
    let of_services = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"];
    let more = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY"];
    for name in of_services.iter().chain(&more).chain(&["STATE_DIRECTORY"]) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// `fulmar passwd add` with this password.
pub fn add_user(file: &Path, user: &str, password: &str) {
    let home = Home::new();
    let typed = File::open(home.write("typed", password)).expect("there");
    let mut command = fulmar();
    command.args(["passwd", "add", "--stdin"]).arg(file).arg(user).stdin(typed);
    let done = command.output().expect("the binary is built");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
