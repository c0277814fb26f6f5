//! The units and the packaged configuration, looked at by those who will read them.

use std::path::Path;
use std::process::{Command, Output};

use crate::process::fulmar;
use crate::service::Home;
use crate::skipped;

/// What systemd before 253 says of the type that it does not know; the line before names one that it
/// does.
const OLD: &str = "Failed to parse service type, ignoring: notify-reload";

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let home = Home::new();
    let paths = ["fulmar.service", "fulmar.socket"].map(|name| home.write(name, &unit(name)));

    let Some(done) = analyze(&["verify", "--man=no"], &paths) else { return };

    let said = String::from_utf8_lossy(&done.stderr);
    let faults: Vec<&str> = said.lines().filter(|line| !line.ends_with(OLD)).collect();
    assert!(done.status.success() && faults.is_empty(), "{said}");
}

#[test]
fn systemd_calls_the_confinement_ok_or_better() {
    let home = Home::new();
    let path = home.write("fulmar.service", &unit("fulmar.service"));

    // In tenths: what is called OK ends below 5.
    let arguments = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    let Some(done) = analyze(&arguments, &[path]) else { return };

    let said = String::from_utf8_lossy(&done.stdout);
    let verdict = said.lines().find(|line| line.contains("Overall exposure level"));
    let verdict = verdict.expect("a verdict");
    assert!(done.status.success(), "{said}");
    assert!(["OK", "SAFE", "PERFECT"].iter().any(|word| verdict.contains(word)), "{verdict}");
}

#[test]
fn the_packaged_configuration_is_right_and_so_is_what_it_suggests() {
    let packaged = read("packaging/fulmar.toml");
    let suggested = packaged.replace("\n#[", "\n[").replace("\n#name", "\nname");
    let keys = ["address", "protocol", "tls.", "auth", "password_file"];
    let suggested = keys
        .iter()
        .fold(suggested, |text, key| text.replace(&format!("\n#{key}"), &format!("\n{key}")));
    assert_eq!(suggested.matches("[[listeners]]").count(), 2);

    for config in [packaged, suggested] {
        let home = Home::new();
        let mut check = fulmar();
        check.arg("check").arg("--config").arg(home.write("fulmar.toml", &config));
        let checked = check.output().expect("runs");
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success() && said.is_empty(), "{said}");
    }
}

#[test]
fn the_socket_of_the_package_is_that_of_a_listener_of_the_package() {
    let name = "mqtt";
    assert!(read("packaging/fulmar.socket").contains(&format!("\nFileDescriptorName={name}\n")));
    assert!(read("packaging/fulmar.toml").contains(&format!("\nname = \"{name}\"\n")));
}

/// What a tool of systemd says, or nothing where there is none.
fn analyze(arguments: &[&str], units: &[impl AsRef<Path>]) -> Option<Output> {
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(arguments).args(units.iter().map(AsRef::as_ref));
    match analyze.output() {
        Ok(done) => Some(done),
        Err(_) => {
            skipped("the units were not looked at, there is no systemd-analyze");
            None
        }
    }
}

/// A unit, with the binary where it is.
fn unit(name: &str) -> String {
    let text = read(&format!("packaging/{name}"));
    text.replace("/usr/bin/fulmar", env!("CARGO_BIN_EXE_fulmar"))
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(path).expect("it is there")
}
