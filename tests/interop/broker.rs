//! The broker under test: started on a free loopback port, stopped by its pid.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{DEADLINE, Peer, Play};
use crate::setup::{BrokerKind, broker_kind};

/// How often a free port may turn out to be taken by the time that the broker binds it.
const PORT_TRIES: usize = 5;

/// A running broker and the folder of its data; both are gone when it is dropped.
pub struct Broker {
    peer: Peer,
    port: u16,
    _directory: Directory,
}

impl Broker {
    /// Starts a broker, and returns when it accepts connections.
    pub fn start(play: &Play) -> Broker {
        (0..PORT_TRIES)
            .find_map(|_| Broker::start_on(free_port(), play))
            .unwrap_or_else(|| play.fail("the broker ended before it listened"))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends SIGTERM, and waits for the end.
    pub fn shut_down(&mut self) -> ExitStatus {
        self.peer.terminate();
        self.peer.await_exit()
    }

    /// `None` if the broker ended at once, as it does when somebody else has taken the port.
    fn start_on(port: u16, play: &Play) -> Option<Broker> {
        let directory = Directory::create();
        let command = match broker_kind() {
            BrokerKind::Fulmar => fulmar(port, &directory.0),
            BrokerKind::Mosquitto => mosquitto(port, &directory.0),
        };
        let mut peer = Peer::start("the broker", command, b"", play);
        let until = Instant::now() + DEADLINE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if peer.try_exit().is_some() {
                return None;
            }
            if Instant::now() > until {
                play.fail("the broker did not accept a connection");
            }
            thread::sleep(Duration::from_millis(5));
        }
        peer.try_exit().is_none().then_some(Broker { peer, port, _directory: directory })
    }
}

fn fulmar(port: u16, directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    command.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--data-dir").arg(directory);
    for (name, _) in std::env::vars_os() {
        // Each FULMAR_ variable is a setting to the broker; those of the tests are not.
        if name.to_string_lossy().starts_with("FULMAR_") {
            command.env_remove(name);
        }
    }
    command
}

fn mosquitto(port: u16, directory: &Path) -> Command {
    let config = directory.join("mosquitto.conf");
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n");
    fs::write(&config, text).expect("the temporary folder can be written");
    let mut command = Command::new("/usr/sbin/mosquitto");
    command.arg("-v").arg("-c").arg(config);
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address").port()
}

/// A folder of one broker, removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn create() -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("interop-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("target/tmp can be written");
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A folder that stays behind harms no test.
        let _ = fs::remove_dir_all(&self.0);
    }
}
