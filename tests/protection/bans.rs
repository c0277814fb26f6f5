//! Who is kept out for a while, and how it comes in again.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use crate::broker::{Broker, fulmar};
use crate::client::{Client, NOT_AUTHORIZED, WRONG_PASSWORD, connect, connect_v5, is_refused};

#[test]
fn an_address_whose_logins_fail_is_banned_and_a_good_client_elsewhere_is_not() {
    let broker = Broker::with_passwords("", "[bans]\naddress_failures_max = 3");
    let (mut good, answer) = login(&broker, 2, "right");
    assert_eq!(answer[3], 0);
    for _ in 0..3 {
        assert_eq!(login(&broker, 1, "secret guess").1, WRONG_PASSWORD, "at the limit");
    }

    login(&broker, 1, "secret guess");
    assert!(is_refused(1, broker.address()), "even with the right password");

    let line = broker.await_log("banned subject=address 127.0.0.1");
    assert!(line.contains("secs=60") && line.contains("times=1"), "{line}");
    assert!(!broker.log().contains("secret guess"), "no password is ever logged");
    good.ping();
    assert_eq!(login(&broker, 2, "right").1[3], 0);
}

#[test]
fn bans_are_listed_and_lifted_by_whoever_owns_the_data() {
    let broker = Broker::with_passwords("", "[bans]\naddress_failures_max = 1");
    let mode = broker.control_socket().metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(broker.bans(&["list"]), "", "no line for nobody");
    assert_eq!(broker.bans_says(&["list"]), "nobody is banned\n");
    for host in [1, 1, 2, 2, 3, 3] {
        login(&broker, host, "wrong");
    }
    broker.await_log("banned subject=address 127.0.0.3");

    let listed = broker.bans(&["list"]);
    let columns: Vec<&str> = listed.lines().next().expect("three").split('\t').collect();
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert_eq!(columns[1..], ["1", "failed to log in too often", "address 127.0.0.1"]);

    assert_eq!(broker.bans(&["lift", "address", "127.0.0.1"]), "1 lifted\n");
    assert_eq!(login(&broker, 1, "right").1[3], 0);
    assert!(is_refused(2, broker.address()));
    assert_eq!(broker.bans(&["lift", "address", "127.0.0.1"]), "0 lifted: it is not banned\n");
    assert_eq!(broker.bans(&["lift", "--all"]), "2 lifted\n");
    assert_eq!(login(&broker, 2, "right").1[3], 0);
}

#[test]
fn a_user_name_is_banned_wherever_its_logins_come_from_if_configured() {
    let broker = Broker::with_passwords("", "[bans]\nuser_failures_max = 2");
    for host in 1..=3 {
        assert_eq!(login(&broker, host, "wrong").1, WRONG_PASSWORD);
    }

    assert_eq!(login(&broker, 4, "right").1, NOT_AUTHORIZED);

    broker.await_log("banned subject=user ann");
    assert_eq!(broker.bans(&["lift", "user", "ann"]), "1 lifted\n");
    assert_eq!(login(&broker, 4, "right").1[3], 0);
}

#[test]
fn where_no_broker_runs_nobody_says_that_nobody_is_banned() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let bans = || {
        let said = fulmar(directory.path()).args(["bans", "list"]).output().expect("built");
        assert_eq!((said.status.code(), said.stdout), (Some(1), Vec::new()));
        String::from_utf8(said.stderr).expect("text")
    };
    std::fs::write(directory.path().join("fulmar.toml"), "").expect("written");
    std::fs::create_dir(directory.path().join("data")).expect("made");
    let socket = directory.path().join("data/control.sock");

    let nobody = format!("nobody listens at {}", socket.display());
    assert!(bans().contains(&nobody), "there is no socket: {}", bans());
    drop(UnixListener::bind(&socket).expect("bound"));
    assert!(bans().contains(&nobody), "a socket was left behind: {}", bans());

    std::fs::remove_file(&socket).expect("there");
    let mute = UnixListener::bind(&socket).expect("bound");
    std::thread::spawn(move || mute.incoming().for_each(drop));
    assert!(!bans().contains("nobody is banned"), "who does not answer says nothing of bans");
}

#[test]
fn a_flapping_client_is_banned_where_it_is_and_everybody_else_comes_in() {
    let listener = "[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\n";
    let limits = "[limits]\nexempt_addresses = []\n[bans]\nconnects_max = 5\n";
    let broker = Broker::start(&format!("{listener}{limits}"));
    for _ in 0..5 {
        Client::connect(1, broker.address(), "flapping");
    }

    let (_, answer) = Client::try_connect(1, broker.address(), &connect_v5("flapping"));
    assert_eq!(answer, [0x20, 3, 0, 0x8A, 0], "Banned");
    let (_, answer) = Client::try_connect(1, broker.address(), &connect("flapping", None));
    assert_eq!(answer, NOT_AUTHORIZED);

    Client::connect(1, broker.address(), "neighbour").ping();
    Client::connect(2, broker.address(), "flapping").ping();
    broker.await_log("banned subject=client 127.0.0.1 flapping");
    assert_eq!(broker.bans(&["lift", "client", "127.0.0.1", "flapping"]), "1 lifted\n");
    Client::connect(1, broker.address(), "flapping").ping();
}

#[test]
fn loopback_is_not_banned_unless_configured() {
    let listener = "[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\n";
    let broker = Broker::start(&format!("{listener}[bans]\nconnects_max = 1\n"));

    for _ in 0..5 {
        Client::connect(1, broker.address(), "same").ping();
    }
}

fn login(broker: &Broker, host: u8, password: &str) -> (Client, Vec<u8>) {
    let packet = connect("login", Some(("ann", password)));
    Client::try_connect(host, broker.address(), &packet)
}
