//! The built broker and its command, with mosquitto_pub and mosquitto_sub where they are installed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::process::{self, Process};

#[test]
fn the_command_says_which_rule_decides() {
    let place = Place::new("user ann\ntopic read house/#\n");
    for (arguments, code, words) in [
        (&["--as", "ann", "--receive", "house/door"][..], 0, "allowed: by "),
        (&["--as", "ann", "--receive", "house/door"], 0, "acl:2 (house/#)"),
        (&["--as", "ann", "--publish", "house/door"], 1, "denied: no rule fits"),
        (&["--as", "ann", "--subscribe", "#"], 0, "which allows every subscription"),
        (&["--as", "eve", "--publish", "x"], 1, "fulmar.toml:6 (#)"),
        (&["--address", "192.0.2.7", "--publish", "net"], 0, "fulmar.toml:10 (net)"),
        (&["--address", "198.51.100.7", "--publish", "net"], 1, "no rule fits"),
        (&["--publish", "a/#"], 2, "is no topic name"),
        (&["--publish", "a", "--subscribe", "a"], 2, "cannot be used with"),
    ] {
        let output = place.check(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let effective = said(&place.check(&[]));
    assert!(effective.contains("[[acl.rules]] # ") && effective.contains("users = [\"eve\"]"));
}

#[test]
fn mistakes_in_rules_are_told_together() {
    let place = Place::new("");
    let config = "[acl]\nrules = 1\n[[listeners]]\naddress = '127.0.0.1:0'\n";
    std::fs::write(place.path("fulmar.toml"), config).expect("written");
    assert!(said(&place.check(&[])).contains(":2: acl.rules: must be a list"));

    let config = "[[acl.rules]]\ntopics = ['a#']\n[[acl.rules]]\nusers = ['a']\n\
                  [[acl.rules]]\nallow = ['reed']\nuser = ['a']\naddresses = ['192.0.2.1/24']\n";
    std::fs::write(place.path("fulmar.toml"), config).expect("written");
    let told = said(&place.check(&[]));
    for words in [
        ":2: acl.rules.topics: \"a#\": wildcard",
        ":3: acl.rules: needs allow or deny",
        ":6: acl.rules.allow: \"reed\" is none of",
        ":7: acl.rules.user: unknown key; did you mean acl.rules.users?",
        ":8: acl.rules.addresses: \"192.0.2.1/24\" has bits behind its length",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }

    std::fs::write(place.path("fulmar.toml"), place.config()).expect("written");
    place.write_acl("user ann\ntopic reed x\n");
    assert!(said(&place.check(&[])).contains("line 2: in front of the topic"));
}

#[test]
fn a_file_that_changes_is_read_again_and_a_broken_one_is_not_used() {
    let place = Place::new("topic open\n");
    let broker = place.serve();
    if !publishes(&broker, "open").is_some_and(|taken| taken) {
        return skip();
    }
    assert_eq!(publishes(&broker, "other"), Some(false));

    place.write_acl("topic other\n");
    broker.process.signal("HUP");
    broker.process.log.await_line("rules about topics read again");
    assert_eq!(publishes(&broker, "other"), Some(true));
    assert_eq!(publishes(&broker, "open"), Some(false));

    place.write_acl("topic reed x\n");
    broker.process.signal("HUP");
    let line = broker.process.log.await_line("the old ones stay in use");
    assert!(line.contains("line 1"), "{line}");
    assert_eq!(publishes(&broker, "other"), Some(true));
}

/// Whether mosquitto_pub is told that its message was taken; `None` where there is none.
fn publishes(broker: &Broker, topic: &str) -> Option<bool> {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-V", "5", "-q", "1", "-t", topic, "-m", "x", "-p", &broker.port]);
    let output = command.output().ok()?;
    let told = said(&output);
    Some(!told.contains("Not authorized") && output.status.success())
}

fn skip() {
    // Past the capture of the test's output.
    let _ = std::io::stderr().write_all(b"SKIPPED: mosquitto_pub is not installed\n");
}

/// A directory with a configuration and a file of rules.
struct Place(TempDir);

impl Place {
    fn new(acl: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        std::fs::write(place.path("fulmar.toml"), place.config()).expect("written");
        place.write_acl(acl);
        place
    }

    fn config(&self) -> String {
        format!(
            "[[acl.rules]]\n\
             deny = ['read']\n\
             topics = ['nobody']\n\
             \n\
             # Line 6 is next.\n\
             [[acl.rules]]\n\
             deny = ['read', 'write']\n\
             topics = ['#']\n\
             users = ['eve']\n\
             [[acl.rules]]\n\
             allow = ['write']\n\
             topics = ['net']\n\
             addresses = ['192.0.2.0/24']\n\
             [acl]\n\
             file = '{}'\n\
             [store]\n\
             durability = 'memory'\n\
             engine = 'memory'\n",
            self.path("acl").display()
        )
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write_acl(&self, text: &str) {
        std::fs::write(self.path("new"), text).expect("written");
        std::fs::rename(self.path("new"), self.path("acl")).expect("put in place");
    }

    fn check(&self, arguments: &[&str]) -> Output {
        let mut command = fulmar("check", &self.path("fulmar.toml"));
        command.args(arguments).output().expect("the binary is built")
    }

    fn serve(&self) -> Broker {
        let mut command = fulmar("serve", &self.path("fulmar.toml"));
        command.args(["--listen", "127.0.0.1:0"]);
        let process = Process::spawn(&mut command);
        let port = process.log.addresses()[0].port().to_string();
        Broker { process, port }
    }
}

struct Broker {
    process: Process,
    port: String,
}

fn fulmar(command: &str, config: &Path) -> Command {
    let mut fulmar = process::fulmar();
    fulmar.arg(command).arg("--config").arg(config);
    fulmar
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}
