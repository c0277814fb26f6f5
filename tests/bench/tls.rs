use std::process::Command;

use fulmar::config::{Config, Listener, Tls};
use fulmar::server::Running;
use serde_json::Value;
use tempfile::TempDir;

use crate::{assert_delivered, command, config, start};

#[test]
fn every_workload_runs_by_tls() {
    let broker = Broker::start();
    for options in [
        "pub-sub --clients 3 --messages 300 --qos 2",
        "fan-in --clients 5 --messages 100 --qos 1",
        "fan-out --clients 5 --messages 100",
        "shared --clients 4 --groups 2 --publishers 3 --messages 100 --qos 1",
        "wildcard --clients 10 --filters 40 --publishers 2 --messages 100",
        "latency --clients 3 --rate 1000 --messages 100",
        "retained --clients 2 --topics 300 --qos 1",
        "offline --clients 3 --messages 200 --qos 1",
        "connect --clients 3 --messages 5 --resume",
        "idle --clients 20 --subscriptions 3 --wildcards --secs 1",
    ] {
        let report = broker.bench(options, &["--cafile", &broker.ca()]);
        assert_eq!(report["tls"], true);
        assert!(report["phases"][0]["count"].as_u64() > Some(0), "{report}");
        if !report["counts"].is_null() {
            let expected = report["counts"]["expected"].as_u64().expect("a number");
            assert_delivered(&report, expected);
        }
    }
}

#[test]
fn messages_of_many_records() {
    let broker = Broker::start();
    for size in ["16384", "1000000"] {
        let options = format!("pub-sub --clients 2 --messages 20 --qos 1 --size {size}");
        let report = broker.bench(&options, &["--cafile", &broker.ca()]);
        assert_delivered(&report, 40);
    }
}

#[test]
fn a_stranger_is_told_from_the_broker_unless_anybody_will_do() {
    let (broker, stranger) = (Broker::start(), Broker::start());
    let options = "pub-sub --clients 1 --messages 10";

    let output = broker.command(options, &["--cafile", &stranger.ca()]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("invalid peer certificate"), "{said}");
    assert_eq!(output.status.code(), Some(1));

    let report = broker.bench(options, &["--insecure"]);
    assert_delivered(&report, 10);
}

#[test]
fn a_broker_without_tls_is_told() {
    let plain = start();
    let mut command = command(plain.addresses()[0], "pub-sub --messages 1 --tls --insecure");
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("before CONNACK"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_for_tls_wants_tls() {
    for option in ["--cafile x", "--insecure", "--resume", "--tls --cafile x --insecure"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
        command.args(["bench", "pub-sub"]).args(option.split(' '));
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{option}");
    }
}

/// A broker that speaks TLS, and the authority that vouches for it.
struct Broker {
    server: Running,
    directory: TempDir,
}

impl Broker {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let made = Command::new(env!("CARGO_BIN_EXE_fulmar"))
            .args(["certs", "dev", "--dir"])
            .arg(directory.path())
            .output()
            .expect("it runs");
        assert!(made.status.success(), "{made:?}");
        let mut listener = Listener::at("127.0.0.1:0".parse().expect("an address"));
        let file = |name| directory.path().join(name);
        let (cert, key) = (vec![file("server.crt")], vec![file("server.key")]);
        listener.tls = Some(Tls { cert, key, ..Tls::default() });
        let server = Running::start(Config { listeners: vec![listener], ..config() });
        Self { server: server.expect("it starts"), directory }
    }

    fn ca(&self) -> String {
        self.directory.path().join("ca.crt").display().to_string()
    }

    /// The report of a run that succeeds.
    fn bench(&self, options: &str, more: &[&str]) -> Value {
        let mut command = self.command(options, more);
        let output = command.args(["--json", "--quiet"]).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{options}: {said}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn command(&self, options: &str, more: &[&str]) -> Command {
        let mut command = command(self.server.addresses()[0], options);
        command.arg("--tls").args(more);
        command
    }
}
