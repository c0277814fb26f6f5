//! The binary, and a stand-in for the service manager that starts it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Far longer than anything takes here: what has not come by then does not come.
pub const PATIENCE: Duration = Duration::from_secs(30);

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
pub struct Service {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

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
        let broker = command(home, config);
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(broker.get_program()).args(broker.get_args());
        for (name, value) in broker.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.env("LISTEN_FDS", sockets.len().to_string()).env("LISTEN_FDNAMES", names);
        let mut sockets = sockets.into_iter();
        shell.stdin(Stdio::from(sockets.next().expect("one at least")));
        shell.stdout(sockets.next().map_or_else(Stdio::null, Stdio::from));
        assert!(sockets.next().is_none(), "no more than two");
        shell.stderr(Stdio::piped());
        Self::spawn(shell)
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary is built");
        let (sender, lines) = channel();
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(stderr).lines().map_while(Result::ok);
                for line in lines {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Self { child, lines, said: Vec::new() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// How it ends, by itself, and what it said.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("a child");
        self.said.extend(self.lines.iter());
        (status, self.said.join("\n"))
    }

    /// The first line that contains `text`, when it is there.
    #[track_caller]
    pub fn await_log(&mut self, text: &str) -> String {
        if let Some(line) = self.said.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(_) => panic!("the log does not say {text:?}:\n{}", self.said.join("\n")),
            }
            let line = self.said.last().expect("just pushed");
            if line.contains(text) {
                return line.clone();
            }
        }
    }

    /// Where the listener of this name listens.
    #[track_caller]
    pub fn address(&mut self, name: &str) -> SocketAddr {
        let line = self.await_log(&format!("name=\"{name}\""));
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="));
        address.and_then(|address| address.parse().ok()).expect("an address")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail only for a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The broker with this configuration, and nothing of the environment of the tests that concerns it.
pub fn command(home: &Home, config: &str) -> Command {
    let config = home.write("fulmar.toml", config);
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    command.arg("serve").arg("--config").arg(config).arg("--data-dir").arg(home.path("data"));
    let of_services = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"];
    let more = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY"];
    for name in of_services.iter().chain(&more).chain(&["STATE_DIRECTORY"]) {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FULMAR_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// `fulmar passwd add` with this password.
pub fn add_user(file: &Path, user: &str, password: &str) {
    let home = Home::new();
    let typed = File::open(home.write("typed", password)).expect("there");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    command
        .args(["passwd", "add", "--stdin"])
        .arg(file)
        .arg(user)
        .stdin(typed)
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary is built");
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
    assert!(child.wait().expect("a child").success(), "{said}");
}
