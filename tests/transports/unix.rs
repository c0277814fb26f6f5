use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::broker::Broker;
use crate::client::{introduce, ping};

#[test]
fn clients_come_through_a_file_and_are_local() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("mqtt.sock");
    // One that a dead process left behind gives way.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a free path"));
    let broker = Broker::start(&format!(
        "[[listeners]]\nunix.path = '{}'\nunix.mode = '0600'",
        path.display()
    ));

    let mut socket = UnixStream::connect(&path).expect("the broker listens");
    introduce(&mut socket, "local");
    ping(&mut socket);

    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    broker.await_log("client=local");
    broker.signal("TERM");
    broker.await_log("stopped");
    assert!(!path.exists(), "the file goes with the broker");
}

#[test]
fn a_file_in_the_way_is_named_and_stays() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("precious");
    std::fs::write(&path, "text").expect("ours");

    let (log, status) = Broker::fail(&format!("[[listeners]]\nunix.path = '{}'", path.display()));

    assert_eq!(status.code(), Some(1));
    assert!(log.contains(&format!("cannot listen on {}", path.display())), "{log}");
    assert!(path.exists());
}
