use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::pair::{BURST, Pair};
use crate::{ALONE, KINDS, Kind};

/// For each of [`KINDS`], for a thousand messages in bursts of 32 that one client publishes and one
/// receives; persistent sessions have them on disk.
const BOUNDS: [f64; 5] = [115.0, 190.0, 420.0, 1_400.0, 2_950.0];

#[test]
fn a_thousand_messages_cost_no_more_system_calls_than_they_did() {
    let _alone = ALONE.lock();
    for (kind, bound) in KINDS.into_iter().zip(BOUNDS) {
        let broker = Broker::start(kind);
        let mut pair = Pair::connect(broker.address, kind);
        (0..WARM_UP_ROUNDS).for_each(|_| pair.round());
        let Some(strace) = Strace::attach(broker.process.id(), broker.data.path()) else {
            let said =
                "SKIPPED: nobody has counted system calls, strace cannot follow a process here";
            let _ = writeln!(std::io::stderr(), "{said}");
            return;
        };
        (0..ROUNDS).for_each(|_| pair.round());
        let table = strace.finish();
        let each = calls(&table) as f64 * 1e3 / (ROUNDS * BURST) as f64;
        assert!(each <= bound, "{kind:?}: {each:.0} system calls for a thousand messages\n{table}");
    }
}

const ROUNDS: usize = 200;
const WARM_UP_ROUNDS: usize = 20;

/// The calls in strace's table, but for those by which threads wake each other: how often one sleeps
/// when it is called is a matter of luck.
fn calls(table: &str) -> u64 {
    let rows = table.lines().filter(|line| !line.ends_with("futex") && !line.ends_with("total"));
    // Of a line's columns the fourth, in those that have numbers.
    rows.filter_map(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok()).sum()
}

/// The built binary; killed when the test is over.
struct Broker {
    process: Child,
    address: SocketAddr,
    data: TempDir,
}

impl Broker {
    fn start(kind: Kind) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let mut process = Command::new(env!("CARGO_BIN_EXE_fulmar"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data.path().join("store"))
            .env("FULMAR_RUNTIME__WORKER_THREADS", "1")
            .env("FULMAR_STORE__DURABILITY", if kind.persistent { "disk" } else { "memory" })
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary is built");
        let mut log = BufReader::new(process.stderr.take().expect("a pipe"));
        let address = listening_on(&mut log);
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { process, address, data }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port that the system chose, from the line that says so.
fn listening_on(log: &mut impl BufRead) -> SocketAddr {
    for line in log.lines() {
        let line = line.expect("a log in UTF-8");
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="));
        if let (true, Some(address)) = (line.contains("listening"), address) {
            return address.parse().expect("an address");
        }
    }
    panic!("it never listened");
}

/// Counts the system calls of a process.
struct Strace {
    child: Child,
    table: std::path::PathBuf,
}

impl Strace {
    fn attach(process: u32, directory: &Path) -> Option<Self> {
        let table = directory.join("calls");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-o"]).arg(&table).args(["-p", &process.to_string()]);
        let mut child = strace.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().ok()?;
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        // It says so first, or why not.
        said.read_line(&mut line).ok()?;
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let strace = Self { child, table };
        line.contains("attached").then_some(strace)
    }

    /// Its table, once it has let go.
    fn finish(self) -> String {
        let table = self.table.clone();
        drop(self);
        fs::read_to_string(table).expect("a table")
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // By a signal that it obeys: killed, it would leave the process stopped.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "INT", &id]).status();
        let _ = self.child.wait();
    }
}
