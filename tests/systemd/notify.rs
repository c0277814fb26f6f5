//! What the service manager is told.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::client::{CONNACK, REFUSED, introduce, login, open};
use crate::service::{Home, LISTENER, Manager, Service, add_user};

#[test]
fn it_is_ready_after_recovery_when_clients_are_served() {
    let home = Home::new();
    let manager = Manager::listen(&home);

    let service = Service::start(&home, LISTENER, &[("NOTIFY_SOCKET", &manager.path)]);

    let told = manager.until("READY=1");
    assert!(told[0].starts_with("STATUS=opening the store\n"), "{told:?}");
    assert!(told[1].starts_with("STATUS=recovering: "), "{told:?}");
    assert!(told[..2].iter().all(|told| told.contains("EXTEND_TIMEOUT_USEC=")), "{told:?}");
    assert_eq!(told.last().expect("READY"), "READY=1\nSTATUS=serving\n");
    assert_eq!(introduce(&mut open(service.address("mqtt")), "c"), CONNACK);
}

#[test]
fn a_reload_is_over_when_the_files_are_read() {
    let home = Home::new();
    let manager = Manager::listen(&home);
    let passwords = home.path("passwords");
    add_user(&passwords, "ann", "old");
    // Nobody looks at the files but at SIGHUP.
    let config = format!(
        "{LISTENER}auth = ['password']\n[auth]\npassword_file = '{}'\nreload_secs = 86400\n",
        passwords.display()
    );
    let service = Service::start(&home, &config, &[("NOTIFY_SOCKET", &manager.path)]);
    manager.until("READY=1");
    let address = service.address("mqtt");
    assert_eq!(login(address, "ann", "old"), CONNACK);

    // Whoever reads the file now waits until it is written.
    let new = home.path("new");
    add_user(&new, "ann", "new");
    let new = std::fs::read(&new).expect("there");
    std::fs::remove_file(&passwords).expect("there");
    mkfifo(&passwords);
    let before = monotonic_micros();
    service.signal("HUP");

    let reloading = manager.next();
    let at = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
    let at: u64 = at.lines().next().expect("a time").parse().expect("microseconds");
    assert!((before..=monotonic_micros()).contains(&at), "{at}");
    assert!(manager.is_told_nothing_for(Duration::from_millis(300)));
    std::fs::write(&passwords, new).expect("the broker reads");
    assert_eq!(manager.next(), "READY=1\nSTATUS=serving\n");
    assert_eq!(login(address, "ann", "new"), CONNACK);
    assert_eq!(login(address, "ann", "old"), REFUSED);
}

#[test]
fn a_broken_file_makes_a_reload_no_failure() {
    let home = Home::new();
    let manager = Manager::listen(&home);
    let rules = home.write("acl", "topic read a\n");
    let config = format!("{LISTENER}[acl]\nfile = '{}'\n", rules.display());
    let service = Service::start(&home, &config, &[("NOTIFY_SOCKET", &manager.path)]);
    manager.until("READY=1");

    home.write("acl", "nonsense\n");
    service.signal("HUP");

    manager.until("READY=1");
    service.await_log("rules about topics not read: the old ones stay in use");
}

#[test]
fn it_says_that_it_stops_before_it_does() {
    let home = Home::new();
    let manager = Manager::listen(&home);
    let service = Service::start(&home, LISTENER, &[("NOTIFY_SOCKET", &manager.path)]);
    manager.until("READY=1");

    service.signal("TERM");

    let stopping = manager.next();
    assert!(
        stopping.starts_with("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC="),
        "{stopping}"
    );
    assert_eq!(service.wait().0.code(), Some(0));
}

fn mkfifo(path: &Path) {
    let made = Command::new("mkfifo").args(["-m", "600"]).arg(path).status();
    assert!(made.expect("coreutils are there").success());
}

fn monotonic_micros() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).expect("after the start") * 1_000_000
        + u64::try_from(now.tv_nsec).expect("below a second") / 1_000
}
