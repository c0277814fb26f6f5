//! Python's paho-mqtt with a token.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::broker::{Broker, Files};
use crate::keys::{SECRET, secret_token};

#[test]
fn paho_comes_in_with_a_token_and_hears_why_it_does_not() {
    if std::env::var_os("FULMAR_TEST_SKIP_INTEROP").is_some_and(|value| value == "1") {
        // Past the capture of the test's output.
        let _ =
            std::io::stderr().write_all(b"SKIPPED: FULMAR_TEST_SKIP_INTEROP=1: paho with JWT\n");
        return;
    }
    let files = Files::new();
    let secret = files.write("secret", SECRET);
    let broker =
        Broker::start(&format!("chain = ['jwt']\njwt_secret_files = ['{}']", secret.display()));
    let (good, expired) =
        (secret_token(serde_json::json!({})), secret_token(serde_json::json!({ "exp": 1 })));

    for (protocol, token, expected) in [
        ("mqttv311", &good, "Success"),
        ("mqttv5", &good, "Success"),
        ("mqttv311", &expired, "Bad user name or password"),
        ("mqttv5", &expired, "Bad user name or password"),
    ] {
        let port = broker.address().port().to_string();
        let mut command = Command::new(installed().join("venv/bin/python"));
        command.arg(project("tests/identity/paho_token.py")).args([&port, protocol, "ann", token]);
        let said = command.output().expect("python is there");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(text.trim(), expected, "{protocol}: {}", String::from_utf8_lossy(&said.stderr));
    }
}

/// Where paho-mqtt is, installed where it is missing.
fn installed() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp has a parent");
    let directory = target.join("interop");
    let mut command = Command::new("bash");
    command.arg(project("tests/interop/install.sh")).arg(&directory);
    let done = command.output().expect("bash is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    directory
}

fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
