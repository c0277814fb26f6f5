//! The command, as a service manager sees it.

use std::net::SocketAddr;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use fulmar::types::Protocol::V5;
use fulmar::types::ReasonCode;
use tempfile::TempDir;

use crate::binary::{self, fulmar, wrapped};
use crate::client::{Client, publish};

#[test]
fn sigterm_and_sigint_end_the_process_in_good_order() {
    for signal in ["TERM", "INT"] {
        let mut server = Process::start(&[]);
        let mut client = Client::connect(server.address, V5, "c");

        server.signal(signal);

        client.expect_disconnect(ReasonCode::ServerShuttingDown);
        drop(client);
        assert_eq!(server.wait().code(), Some(0), "after SIG{signal}");
    }
}

#[test]
fn a_second_signal_spares_the_waiting() {
    let mut server = Process::start(&[("FULMAR_LIMITS__SHUTDOWN_GRACE_SECS", "3600")]);
    let mut publisher = Client::connect(server.address, V5, "publisher");
    let stuck = Client::subscribed(server.address, V5, "stuck", "flood");
    for _ in 0..200 {
        publisher.send(&publish("flood", &vec![b'x'; 64 * 1024]));
    }
    let began = Instant::now();

    server.signal("TERM");
    publisher.expect_disconnect(ReasonCode::ServerShuttingDown);
    server.signal("TERM");

    assert_eq!(server.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    drop(stuck);
}

#[test]
fn an_address_in_use_is_named_and_fails_the_command() {
    let server = Process::start(&[]);

    let second = command(&server.address.to_string()).output().expect("runs");

    assert_eq!(second.status.code(), Some(1));
    let log = String::from_utf8_lossy(&second.stderr);
    assert!(log.contains(&format!("cannot listen on {}", server.address)), "{log}");
}

/// A server in a process of its own; killed when the test is over.
pub struct Process {
    process: binary::Process,
    _data: TempDir,
    pub address: SocketAddr,
    /// What it said, once its end has been waited for.
    pub said: String,
}

impl Process {
    pub fn start(environment: &[(&str, &str)]) -> Self {
        Self::spawn(command("127.0.0.1:0"), environment)
    }

    /// One that cannot write files longer than four megabytes.
    pub fn start_with_short_files(environment: &[(&str, &str)]) -> Self {
        let mut shell = Command::new("sh");
        // Blocks of 512 bytes; to write beyond them is an error and no reason to die.
        shell.args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\""]);
        Self::spawn(wrapped(shell, &command("127.0.0.1:0")), environment)
    }

    fn spawn(mut command: Command, environment: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        command.env("FULMAR_STORE__DATA_DIR", data.path()).envs(environment.iter().copied());
        let process = binary::Process::spawn(&mut command);
        let address = process.log.addresses()[0];
        Self { process, _data: data, address, said: String::new() }
    }

    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.said = self.process.log.await_end();
        self.process.wait()
    }
}

fn command(address: &str) -> Command {
    let mut command = fulmar();
    command.args(["serve", "--listen", address]);
    command
}
