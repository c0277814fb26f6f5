//! Entries in the journal, which a socket of the test plays.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::client::{CONNACK, introduce, open};
use crate::process::wrapped;
use crate::service::{Home, LISTENER, Manager, PATIENCE, Service, command};
use crate::skipped;

/// The journal is where it always is, in a file system that only the broker sees.
const WITH_A_JOURNAL_OF_ITS_OWN: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal \
    && mount --bind \"$1\" /run/systemd/journal && shift && exec \"$@\"";

#[test]
fn where_standard_error_leads_to_the_journal_entries_have_fields() {
    let home = Home::new();
    std::fs::create_dir(home.path("journal")).expect("ours");
    let journal = UnixDatagram::bind(home.path("journal/socket")).expect("a free name");
    journal.set_read_timeout(Some(PATIENCE)).expect("above zero");
    if !can_mount() {
        return skipped("no journal was played, file systems cannot be mounted here");
    }
    let manager = Manager::listen(&home);
    let stderr = File::create(home.path("stderr")).expect("ours");
    let place = stderr.metadata().expect("a file");
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "sh", "-c", WITH_A_JOURNAL_OF_ITS_OWN, "sh"]).arg(home.path("journal"));
    let mut unshare = wrapped(unshare, &command(&home, LISTENER));
    unshare.env("JOURNAL_STREAM", format!("{}:{}", place.dev(), place.ino()));
    unshare.env("NOTIFY_SOCKET", &manager.path).stderr(stderr);

    let _service = Service::spawn(unshare);

    manager.until("READY=1");
    let listening = until(&journal, "listening");
    let address = field(&listening, "ADDRESS").expect("where");
    assert_eq!(field(&listening, "NAME").as_deref(), Some("mqtt"));
    let mut client = open(address.parse().expect("an address"));
    assert_eq!(introduce(&mut client, "sensor-7"), CONNACK);
    let connected = until(&journal, "connected");
    assert_eq!(field(&connected, "CLIENT_ID").as_deref(), Some("sensor-7"));
    let own = client.local_addr().expect("connected").to_string();
    assert_eq!(field(&connected, "ADDRESS"), Some(own));
    assert_eq!(field(&connected, "PRIORITY").as_deref(), Some("6"));
    let lines = std::fs::read_to_string(home.path("stderr")).expect("there");
    assert_eq!(lines, "", "nothing is said twice");
}

#[test]
fn where_standard_error_leads_elsewhere_it_has_the_lines() {
    let home = Home::new();
    let service = Service::start(&home, LISTENER, &[("JOURNAL_STREAM", "1:1")]);
    service.await_log("listening");
}

fn can_mount() -> bool {
    let mut trial = Command::new("unshare");
    trial.args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/run"]);
    trial.output().is_ok_and(|done| done.status.success())
}

/// The first entry whose text begins so.
#[track_caller]
fn until(journal: &UnixDatagram, text: &str) -> Vec<u8> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let length = journal.recv(&mut buffer).expect("an entry");
        let message = field(&buffer[..length], "MESSAGE");
        if message.is_some_and(|message| message.starts_with(text)) {
            return buffer[..length].to_vec();
        }
    }
}

/// The value of a field, which has its length in front.
fn field(mut entry: &[u8], name: &str) -> Option<String> {
    while let Some(end) = entry.iter().position(|byte| *byte == b'\n') {
        let (length, rest) = entry[end + 1..].split_first_chunk()?;
        let (value, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
        if &entry[..end] == name.as_bytes() {
            return String::from_utf8(value.to_vec()).ok();
        }
        entry = &rest[1..];
    }
    None
}
