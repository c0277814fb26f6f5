//! The built binary as systemd runs it: what it tells the service manager and takes from it, what it
//! sends to the journal, and what systemd's own tools say of the units.
//!
//! systemd itself is played by sockets of the tests.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "a service lives in real time")]

mod activation;
mod client;
mod journal;
mod notify;
#[path = "../common/process.rs"]
mod process;
mod service;
mod unit;
mod watchdog;
#[path = "../common/wire.rs"]
mod wire;

use std::io::Write;

/// Says so in the output of the tests that something was not looked at.
fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}
