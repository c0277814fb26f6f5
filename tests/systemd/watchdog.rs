//! The service manager hears that the broker is alive, and not if it is not.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::client::{CONNACK, answer, introduce, open, retained};
use crate::service::{Home, LISTENER, Manager, Service};
use crate::skipped;

const ALIVE: &str = "WATCHDOG=1";

#[test]
fn it_is_told_twice_in_the_time_after_which_it_would_act() {
    let home = Home::new();
    let manager = Manager::listen(&home);
    let environment = [("NOTIFY_SOCKET", &*manager.path), ("WATCHDOG_USEC", "2000000")];
    let _service = Service::start(&home, LISTENER, &environment);
    manager.until("READY=1");

    let times = manager.times(ALIVE, Duration::from_millis(4500));

    assert!((3..=5).contains(&times.len()), "{times:?}");
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.max().expect("three at least") < Duration::from_secs(2), "{times:?}");
}

#[test]
fn a_watchdog_of_another_process_is_not_ours() {
    let home = Home::new();
    let manager = Manager::listen(&home);
    let environment =
        [("NOTIFY_SOCKET", &*manager.path), ("WATCHDOG_USEC", "200000"), ("WATCHDOG_PID", "1")];
    let _service = Service::start(&home, LISTENER, &environment);
    manager.until("READY=1");

    assert_eq!(manager.times(ALIVE, Duration::from_millis(600)), [Duration::ZERO; 0]);
}

/// strace holds the store's thread up in the call that makes a commit durable, as a disk does that
/// does not answer.
#[test]
fn a_store_that_hangs_is_not_alive_until_it_goes_on() {
    let home = Home::new();
    let manager = Manager::listen(&home);
    let environment = [("NOTIFY_SOCKET", &*manager.path), ("WATCHDOG_USEC", "2000000")];
    let service = Service::start(&home, LISTENER, &environment);
    manager.until("READY=1");
    let mut client = open(service.address("mqtt"));
    assert_eq!(introduce(&mut client, "c"), CONNACK);
    let Some(_slow_disk) = SlowDisk::attach(service.id(), Duration::from_secs(8)) else {
        return skipped("no store was held up, strace cannot follow a process here");
    };

    client.write_all(&retained()).expect("the broker reads");

    // A look finds it at work first; from the next one on it has stood still.
    service.await_log("the store has stood still: the service manager is not told");
    manager.times(ALIVE, Duration::from_millis(100));
    assert_eq!(manager.times(ALIVE, Duration::from_millis(1900)), [Duration::ZERO; 0]);
    assert_eq!(answer(&mut client), [0x40, 2, 0, 1], "PUBACK");
    manager.until(ALIVE);
}

/// strace on a process; it lets go when dropped.
struct SlowDisk(Child);

impl SlowDisk {
    /// From now on each fdatasync of the process takes so much longer.
    fn attach(process: u32, delay: Duration) -> Option<Self> {
        let mut strace = Command::new("strace");
        let inject = format!("inject=fdatasync,fsync:delay_enter={}", delay.as_micros());
        strace.args(["-f", "-e", "trace=fdatasync,fsync", "-e", &inject, "-p"]);
        strace.arg(process.to_string()).stderr(Stdio::piped()).stdin(Stdio::null());
        let mut child = strace.spawn().ok()?;
        let said = BufReader::new(child.stderr.take().expect("a pipe"));
        let (attached, is_attached) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let _ = attached.send(line.contains("attached"));
            }
        });
        // It says so first, or why not; what else it says is read and of no interest.
        let attached = is_attached.recv_timeout(Duration::from_secs(10)).unwrap_or(false);
        let child = Self(child);
        attached.then_some(child)
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        // By a signal that it obeys: killed, it would leave the process stopped.
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-s", "INT", &id]).status();
        let _ = self.0.wait();
    }
}
