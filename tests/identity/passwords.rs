use std::process::Command;

use fulmar::auth::password::{Record, ScramRecord};

use crate::broker::{Broker, Files, passwd, refusal};
use crate::client::{Client, Given, V5, V311, login, nobody};

#[test]
fn a_user_with_the_right_password_comes_in() {
    let (_files, broker) = ann_with_secret();

    for protocol in [V311, V5] {
        assert_eq!(Client::connack(broker.address(), protocol, login("ann", "secret")), 0);
    }
    assert!(broker.logged("connected").contains("user=ann"));
}

#[test]
fn each_failure_has_its_code_and_its_line_in_the_log() {
    let (_files, broker) = ann_with_secret();
    let without_password = Given { password: None, ..login("ann", "") };
    for (given, old, new, words) in [
        (login("ann", "hunter2"), 4, 0x86, "wrong password"),
        (login("ann", ""), 4, 0x86, "wrong password"),
        (login("eve", "hunter2"), 4, 0x86, "unknown user"),
        (without_password, 4, 0x86, "it gave no password"),
        (nobody(), 5, 0x87, "it gave no user name"),
    ] {
        for (protocol, code) in [(V311, old), (V5, new)] {
            let client_id = format!("{} {protocol}", words.replace(' ', "-"));
            let given = Given { client_id: &client_id, ..given };

            assert_eq!(Client::connack(broker.address(), protocol, given), code, "{words}");

            let line = broker.logged(&format!("client={client_id}"));
            assert!(line.contains(words), "{line}");
            assert!(line.contains("address=127.0.0.1:"), "{line}");
        }
    }
    assert!(!broker.log().contains("hunter2") && !broker.log().contains("secret"));
}

#[test]
fn a_password_that_is_changed_or_deleted_is_worth_nothing_after_a_reload() {
    let (files, broker) = ann_with_secret();
    let path = files.path("passwords");
    assert_eq!(Client::connack(broker.address(), V5, login("ann", "secret")), 0, "and is cached");

    assert!(passwd(&["add"], &path, "ann", "other").status.success());
    broker.signal("HUP");
    broker.logged("passwords read again");
    assert_eq!(Client::connack(broker.address(), V5, login("ann", "secret")), 0x86);
    assert_eq!(Client::connack(broker.address(), V5, login("ann", "other")), 0);

    assert!(passwd(&["delete"], &path, "ann", "").status.success());
    broker.signal("HUP");
    broker.logged_times("passwords read again", 2);
    assert_eq!(Client::connack(broker.address(), V311, login("ann", "other")), 4);
}

#[test]
fn a_change_is_noticed_without_a_signal() {
    let files = Files::new();
    let path = files.write("passwords", line("ann", "secret"));
    let broker = Broker::start(&format!("{}\nreload_secs = 1", auth(&path)));

    files.write("passwords", line("bob", "secret"));

    broker.logged("passwords read again");
    assert_eq!(Client::connack(broker.address(), V5, login("bob", "secret")), 0);
}

#[test]
fn a_broken_new_file_keeps_the_old_one_and_says_so() {
    let (files, broker) = ann_with_secret();

    files.write("passwords", "ann:hunter2\n");
    broker.signal("HUP");

    let line = broker.logged("the old ones stay in use");
    assert!(line.contains("ERROR") && line.contains("line 1"), "{line}");
    assert!(line.contains("passwords") && !line.contains("hunter2"), "{line}");
    assert_eq!(Client::connack(broker.address(), V5, login("ann", "secret")), 0);
}

#[test]
fn a_file_that_everybody_can_read_is_refused_unless_that_is_allowed() {
    let files = Files::new();
    let path = files.write("passwords", line("ann", "secret"));
    let opened = Command::new("chmod").arg("o+r").arg(&path).status().expect("chmod is there");
    assert!(opened.success());

    let said = refusal(&auth(&path));
    assert!(said.contains("every user of this machine can read it"), "{said}");

    let broker = Broker::start(&format!("{}\nallow_readable_files = true", auth(&path)));
    assert_eq!(Client::connack(broker.address(), V5, login("ann", "secret")), 0);
}

#[test]
fn a_file_that_is_missing_or_broken_stops_the_start() {
    let files = Files::new();
    assert!(refusal(&auth(&files.path("none"))).contains("cannot be read"));

    let path = files.write("passwords", "ann:hunter2\n");
    let said = refusal(&auth(&path));
    assert!(said.contains("line 1") && !said.contains("hunter2"), "{said}");
}

#[test]
fn the_files_of_mosquitto_are_read_as_they_are() {
    let files = Files::new();
    let path = files.write("passwords", "");
    for (user, kind) in [("old", "sha512"), ("new", "sha512-pbkdf2")] {
        let mut command = Command::new("mosquitto_passwd");
        command.args(["-H", kind, "-b"]).arg(&path).args([user, "secret"]);
        let Ok(made) = command.status() else {
            // Past the capture of the test's output.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                b"SKIPPED: mosquitto_passwd is not installed\n",
            );
            return;
        };
        assert!(made.success());
    }

    let broker = Broker::start(&auth(&path));

    for user in ["old", "new"] {
        assert_eq!(Client::connack(broker.address(), V311, login(user, "secret")), 0, "{user}");
        assert_eq!(Client::connack(broker.address(), V311, login(user, "Secret")), 4, "{user}");
    }
}

fn ann_with_secret() -> (Files, Broker) {
    let files = Files::new();
    let path = files.path("passwords");
    assert!(passwd(&["add"], &path, "ann", "secret\n").status.success());
    let broker = Broker::start(&auth(&path));
    (files, broker)
}

fn auth(path: &std::path::Path) -> String {
    format!("chain = ['password']\npassword_file = '{}'", path.display())
}

fn line(user: &str, password: &str) -> String {
    let record = ScramRecord::new(password.as_bytes(), b"saltsalt", 4096);
    format!("{user}:{}\n", Record::Scram(record))
}
