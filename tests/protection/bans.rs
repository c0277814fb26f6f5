//! Who is kept out for a while, and how it comes in again.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::broker::{Broker, fulmar};
use crate::client::{
    Client, NOT_AUTHORIZED, WRONG_PASSWORD, auth, connect, connect_by, connect_v5, is_refused,
};

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
fn failed_logins_by_scram_and_by_token_count_for_the_user_that_they_name() {
    for (method, guess) in [("SCRAM-SHA-256", guess_by_scram as Guess), ("JWT", guess_by_token)] {
        let broker = Broker::with_all_sources("[bans]\nuser_failures_max = 2");
        for host in 1..=3 {
            assert_eq!(guess(&broker, host), 0x87, "{method} at the limit: Not authorized");
        }

        assert_eq!(guess(&broker, 4), 0x8A, "{method}: Banned");
        assert_eq!(login(&broker, 5, "right").1, NOT_AUTHORIZED, "{method}");

        broker.await_log("banned subject=user ann");
        assert_eq!(broker.bans(&["lift", "user", "ann"]), "1 lifted\n");
        assert_eq!(login(&broker, 5, "right").1[3], 0, "{method}");
    }
}

#[test]
fn nobody_is_locked_out_by_being_named_unless_configured() {
    let broker = Broker::with_all_sources("[bans]\naddress_failures_max = 2");

    for host in [1, 1, 1, 2, 2, 2] {
        assert_eq!([guess_by_scram, guess_by_token][usize::from(host - 1)](&broker, host), 0x87);
    }

    assert!(is_refused(1, broker.address()) && is_refused(2, broker.address()));
    assert_eq!(login(&broker, 3, "right").1[3], 0);
}

#[test]
fn exchanges_that_were_begun_before_a_ban_are_not_finished_after_it() {
    let broker = Broker::with_all_sources("[bans]\nuser_failures_max = 2");
    let mut begun: Vec<_> = (1..=5).map(|host| begin_scram(&broker, host)).collect();

    let mut codes = begun.iter_mut().map(|(client, nonce)| finish_scram(client, nonce));

    assert!(codes.by_ref().take(3).all(|code| code == 0x87), "at the limit");
    assert!(codes.all(|code| code == 0x8A), "Banned");
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
fn a_client_with_a_long_name_is_banned_as_a_whole_and_named_in_short() {
    let listener = "[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\n";
    let limits = "[limits]\nexempt_addresses = []\n[bans]\nconnects_max = 1\n";
    let broker = Broker::start(&format!("{listener}{limits}"));
    let (long, other) = ("x".repeat(65_535), format!("{}y", "x".repeat(65_534)));
    Client::connect(1, broker.address(), &long);

    for _ in 0..2 {
        let (_, answer) = Client::try_connect(1, broker.address(), &connect(&long, None));
        assert_eq!(answer, NOT_AUTHORIZED);
    }

    Client::connect(1, broker.address(), &other).ping();
    broker.await_log("banned subject=client 127.0.0.1 xxx");
    assert!(broker.log().lines().all(|line| line.len() < 1_000));
    let listed = broker.bans(&["list"]);
    let subject = listed.trim_end().rsplit('\t').next().expect("the last column");
    assert!(subject.len() < 200, "{subject}");
    assert_eq!(broker.bans(&["lift", subject]), "1 lifted\n");
    Client::connect(1, broker.address(), &long).ping();
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

/// One wrong login of ann's from 127.0.0.`host`; the reason in CONNACK.
type Guess = fn(&Broker, u8) -> u8;

fn guess_by_scram(broker: &Broker, host: u8) -> u8 {
    let packet = connect_by("SCRAM-SHA-256", CLIENT_FIRST);
    let (mut client, answer) = Client::try_connect(host, broker.address(), &packet);
    match answer[0] {
        0x20 => answer[3],
        _ => finish_scram(&mut client, &nonce_in(&answer)),
    }
}

fn guess_by_token(broker: &Broker, host: u8) -> u8 {
    let parts = [r#"{"alg":"HS256"}"#, r#"{"sub":"ann"}"#, "forged"];
    let token = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let packet = connect_by("JWT", token.as_bytes());
    Client::try_connect(host, broker.address(), &packet).1[3]
}

fn begin_scram(broker: &Broker, host: u8) -> (Client, String) {
    let packet = connect_by("SCRAM-SHA-256", CLIENT_FIRST);
    let (client, answer) = Client::try_connect(host, broker.address(), &packet);
    let nonce = nonce_in(&answer);
    (client, nonce)
}

/// Goes on with a proof that is none; the reason in CONNACK.
fn finish_scram(client: &mut Client, nonce: &str) -> u8 {
    let message = format!("c=biws,r={nonce},p={}", STANDARD.encode([7; 32]));
    client.send_auth("SCRAM-SHA-256", message.as_bytes())[3]
}

const CLIENT_FIRST: &[u8] = b"n,,n=ann,r=client";

/// The nonce in an AUTH packet.
fn nonce_in(packet: &[u8]) -> String {
    let data = auth(packet);
    let nonce = data.strip_prefix("r=").and_then(|rest| rest.split(',').next());
    nonce.expect("the server's first message").to_owned()
}
