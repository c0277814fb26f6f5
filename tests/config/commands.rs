use std::net::TcpListener;
use std::process::{Command, Output};

use fulmar::config::reference;

use super::TempFile;

#[test]
fn check_prints_what_is_in_effect() {
    let output = fulmar(&["check", "--listen", "127.0.0.1:1999"], &[]);

    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0));
    assert!(text.starts_with("[[listeners]] # --listen\naddress = \"127.0.0.1:1999\"\n"), "{text}");
}

#[test]
fn check_prints_a_file_to_begin_with() {
    let output = fulmar(&["check", "--defaults"], &[]);

    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), reference());
}

#[test]
fn check_warns_about_a_listener_that_nobody_may_use() {
    let output = fulmar(&["check", "--listen", "0.0.0.0:1883"], &[]);

    let expected = "warning: --listen: 0.0.0.0:1883 accepts no client: \
        set auth.chain, or to let everyone in, set allow_anonymous = true \
        or start with --allow-anonymous\n";
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), expected);
}

#[test]
fn mistakes_end_every_command_with_code_2() {
    let file = TempFile::new("[session]\nqueue_messages_max = 0\n");
    let path = file.0.to_str().expect("temporary paths are UTF-8");
    for command in [&["check", "--config", path][..], &["serve", "-c", path], &["-c", path]] {
        let output = fulmar(command, &[("FULMAR_TCP__BACKLOG", "0")]);

        let expected = "FILE:2: session.queue_messages_max: must be at least 1\n\
            FULMAR_TCP__BACKLOG: must be at least 1\n";
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert_eq!(file.strip(&stderr(&output)), expected, "{command:?}");
        assert_eq!(stdout(&output), "", "{command:?}");
    }
}

#[test]
fn the_file_can_be_named_in_the_environment() {
    let file = TempFile::new("retained.messages_max = 7");
    let path = file.0.to_str().expect("temporary paths are UTF-8");

    let named = fulmar(&["check"], &[("FULMAR_CONFIG", path)]);
    let other = TempFile::new("retained.messages_max = 8");
    let other = other.0.to_str().expect("temporary paths are UTF-8");
    let flagged = fulmar(&["check", "--config", other], &[("FULMAR_CONFIG", path)]);

    assert!(stdout(&named).contains("\nmessages_max = 7 # "), "{}", stdout(&named));
    assert!(stdout(&flagged).contains("\nmessages_max = 8 # "), "{}", stdout(&flagged));
}

#[test]
fn a_file_that_is_not_there_is_a_mistake() {
    let output = fulmar(&["check", "--config", "/nowhere/fulmar.toml"], &[]);

    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.starts_with("/nowhere/fulmar.toml: cannot be read: No such file"), "{text}");
}

#[test]
fn wrong_usage_ends_with_code_2_and_help_with_0() {
    assert_eq!(fulmar(&["--lisen", "x"], &[]).status.code(), Some(2));
    assert_eq!(fulmar(&["sever"], &[]).status.code(), Some(2));

    let help = fulmar(&["--help"], &[]);
    assert_eq!(help.status.code(), Some(0));
    for word in ["serve", "check", "--config", "--listen", "--data-dir", "--log", "Examples:"] {
        assert!(stdout(&help).contains(word), "{word}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let output = fulmar(&["--version"], &[]);

    assert_eq!(stdout(&output), concat!("fulmar ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn an_address_in_use_ends_with_code_1_and_is_named() {
    let (taken, address) = taken_address();

    let output = fulmar(&["--listen", &address], &[]);

    drop(taken);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let (taken, address) = taken_address();
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");

    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    let status = command.env_clear().args(["--listen", &address]).stderr(full).status();

    drop(taken);
    assert_eq!(status.expect("the binary runs").code(), Some(1));
}

/// A running broker would not end: one whose address is taken does.
fn taken_address() -> (TcpListener, String) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    (taken, address)
}

fn fulmar(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    command.env_clear().envs(variables.iter().copied()).args(arguments);
    command.output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it prints text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("it prints text")
}
