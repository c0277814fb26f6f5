//! `fulmar bench`, the built command, against a server in this process: every workload sends what it
//! says and counts what comes. How fast that is, is nothing for a test.

mod tls;

use std::net::SocketAddr;
use std::process::{Command, Output};

use fulmar::config::{Config, Listener};
use fulmar::server::Running;
use serde_json::Value;

#[test]
fn pairs_of_every_version_qos_and_kind_of_session() {
    let server = start();
    for version in ["3", "5"] {
        for qos in ["0", "1", "2"] {
            for sessions in ["clean", "persistent"] {
                let report = bench(&server, "pub-sub --clients 3 --messages 300", |command| {
                    command.args(["--version", version, "--qos", qos, "--sessions", sessions]);
                });
                assert_delivered(&report, 900);
            }
        }
    }
}

#[test]
fn fan_in() {
    let report = bench(&start(), "fan-in --clients 20 --messages 100 --qos 1", |_| {});
    assert_delivered(&report, 2_000);
}

#[test]
fn fan_out() {
    let report = bench(&start(), "fan-out --clients 20 --messages 100 --qos 2", |_| {});
    assert_delivered(&report, 2_000);
}

#[test]
fn shared() {
    let options = "shared --clients 6 --groups 2 --publishers 3 --messages 200 --qos 1";
    let report = bench(&start(), options, |_| {});
    assert_delivered(&report, 1_200);
}

#[test]
fn wildcard() {
    let options = "wildcard --clients 50 --filters 40 --publishers 5 --messages 400";
    let report = bench(&start(), options, |_| {});
    // Each of the 2,000 filters is wanted once, and two of them match a topic.
    assert_delivered(&report, 4_000);
}

#[test]
fn latency() {
    let options = "latency --clients 5 --rate 2000 --messages 100 --qos 1";
    let report = bench(&start(), options, |_| {});
    assert_delivered(&report, 500);
    assert!(report["phases"][0]["latency_nanos"]["p99"].as_u64() > Some(0));
}

#[test]
fn retained() {
    let server = start();
    let report = bench(&server, "retained --clients 3 --topics 500 --qos 1", |_| {});
    assert_delivered(&report, 1_500);
    assert_eq!(names(&report), ["retained", "replayed"]);
}

#[test]
fn retained_without_acknowledgements() {
    let report = bench(&start(), "retained --clients 2 --topics 500 --qos 0", |_| {});
    assert_delivered(&report, 1_000);
}

#[test]
fn offline() {
    let server = start();
    for options in ["--qos 1 --version 3", "--qos 2 --version 5"] {
        let options = format!("offline --clients 5 --messages 400 {options}");
        let report = bench(&server, &options, |_| {});
        assert_delivered(&report, 2_000);
        assert_eq!(names(&report), ["queued", "drained"]);
        assert_eq!(report["phases"][0]["count"], 2_000);
    }
}

#[test]
fn connect() {
    let report = bench(&start(), "connect --clients 5 --messages 20", |_| {});
    assert_eq!(report["phases"][0]["count"], 100);
}

#[test]
fn idle() {
    let pid = std::process::id().to_string();
    let options = "idle --clients 200 --secs 1 --version 5";
    let report = bench(&start(), options, |command| {
        command.args(["--pid", &pid]);
    });
    assert_eq!(report["phases"][0]["count"], 200);
    assert!(report["memory"]["bytes_per_connection"].is_u64(), "{report}");
    assert!(report["phases"][0]["broker_cpu_micros_each"].is_number(), "{report}");
}

#[test]
fn people_get_a_table() {
    let output = run(&start(), "pub-sub --clients 1 --messages 10 --quiet", |_| {});
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("lost/dup/reordered  0 / 0 / 0\n"), "{table}");
}

#[test]
fn a_refused_connection_is_told() {
    let mut few = config();
    few.session.sessions_max = 2;
    let full = Running::start(few).expect("it starts");

    let output = run(&full, "pub-sub --clients 2 --messages 10 --version 5", |_| {});

    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the broker refuses"), "{said}");
    assert!(said.contains("quota exceeded (0x97)"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn no_broker_is_told() {
    let server = start();
    let address = address(&server);
    server.stop();
    let output = command(address, "pub-sub --messages 1").output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cannot connect"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_run_is_told() {
    for (options, expected) in [
        ("offline --messages 1", "--qos 1"),
        ("pub-sub --version 4", "--version is 3 or 5"),
        ("pub-sub --password x", "--password wants --username"),
        ("pub-sub --pid 4294967295", "no figures for process"),
        ("retained --topics 100 --size 16777216", "more than 1 GiB"),
    ] {
        let output = run(&start(), options, |_| {});
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{options}: {said}");
        assert_eq!(output.status.code(), Some(1));
    }
}

/// Everything has come that was to come, once and in order.
fn assert_delivered(report: &Value, expected: u64) {
    let counts = &report["counts"];
    for (name, count) in [
        ("expected", expected),
        ("delivered", expected),
        ("lost", 0),
        ("duplicated", 0),
        ("reordered", 0),
        ("refused", 0),
        ("foreign", 0),
    ] {
        assert_eq!(counts[name], count, "{name} of {report}");
    }
}

fn names(report: &Value) -> Vec<&str> {
    let phases = report["phases"].as_array().expect("a list");
    phases.iter().filter_map(|phase| phase["name"].as_str()).collect()
}

/// The report of a run that succeeds.
fn bench(server: &Running, options: &str, more: impl FnOnce(&mut Command)) -> Value {
    let output = run(server, options, |command| {
        command.args(["--json", "--quiet"]);
        more(command);
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{options}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn run(server: &Running, options: &str, more: impl FnOnce(&mut Command)) -> Output {
    let mut command = command(address(server), options);
    more(&mut command);
    command.output().expect("it runs")
}

fn command(address: SocketAddr, options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    command.arg("bench").args(options.split(' '));
    command.args(["--host", &address.ip().to_string(), "--port", &address.port().to_string()]);
    command
}

fn start() -> Running {
    Running::start(config()).expect("it starts")
}

fn config() -> Config {
    let address = "127.0.0.1:0".parse().expect("an address");
    Config { listeners: vec![Listener::at(address)], ..Config::in_memory() }
}

fn address(server: &Running) -> SocketAddr {
    server.addresses()[0]
}
