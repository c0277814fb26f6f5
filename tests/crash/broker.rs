use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::trace::under_strace;

/// Far longer than recovery takes here.
const START_MAX: Duration = Duration::from_secs(60);

/// The broker in a process of its own; killed and reaped when it is dropped.
pub struct Broker {
    child: Child,
    pub address: SocketAddr,
}

impl Broker {
    /// Returns when it accepts connections. Panics with its log if it never does.
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, place.command())
    }

    /// The same, with all that it does to files and sockets going to `trace`.
    pub fn start_traced(place: &Place, trace: &Path) -> Self {
        // "-D": the broker stays the child, which is killed.
        let command = under_strace(&["-D"], &place.command(), trace);
        Self::start_with(place, command)
    }

    fn start_with(place: &Place, command: Command) -> Self {
        let mut starting = Starting::spawn(place, command);
        let began = Instant::now();
        loop {
            let ended = starting.has_ended();
            let log = place.log_from(starting.log_at);
            if let Some(address) = listening_on(&log) {
                let child = starting.child.take().expect("not yet taken");
                return Self { child, address };
            }
            assert!(!ended, "the broker ended before it listened:\n{log}");
            assert!(began.elapsed() < START_MAX, "the broker does not listen:\n{log}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills it on its way up, during recovery as likely as not.
    pub fn start_and_kill(place: &Place, after: Duration) {
        let starting = Starting::spawn(place, place.command());
        thread::sleep(after);
        drop(starting);
    }

    /// SIGKILL. It is gone when this returns.
    pub fn kill(self) {
        drop(self);
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A process that may not be listening yet; it too is killed and reaped when dropped.
struct Starting {
    child: Option<Child>,
    log_at: u64,
}

impl Starting {
    fn spawn(place: &Place, mut command: Command) -> Self {
        let log_at = fs::metadata(place.log()).map_or(0, |log| log.len());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(place.open_log());
        Self { child: Some(command.spawn().expect("the binary is built")), log_at }
    }

    fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("not yet taken");
        child.try_wait().expect("a child").is_some()
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// `Child::kill` is SIGKILL, and does nothing to a process that has been reaped.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The port that the system chose, from the line that says so.
fn listening_on(log: &str) -> Option<SocketAddr> {
    // The last line may be half written.
    let whole = &log[..log.rfind('\n')?];
    let line = whole.lines().find(|line| line.contains("listening"))?;
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="));
    Some(address?.parse().expect("an address"))
}
