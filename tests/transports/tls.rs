use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::authority::{Authority, Wish};
use crate::broker::{Broker, listener, mqtts, quoted};
use crate::client::{self, DISCONNECT, introduce, ping};
use crate::tools::{self, mosquitto_pub, s_client};

#[test]
fn mosquitto_pub_publishes_over_each_version() {
    let Some((authority, broker)) = stage("") else { return };
    let ca = authority.ca();
    for version in ["tlsv1.2", "tlsv1.3"] {
        let said =
            mosquitto_pub(&broker, &format!("--cafile {} --tls-version {version}", ca.display()));
        assert!(said.success, "{version}: {}", said.text);
    }
}

#[test]
fn the_versions_are_1_2_and_1_3() {
    let Some((authority, broker)) = stage("") else { return };
    for (version, spoken) in [("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let said =
            s_client(&broker, &authority.ca(), &format!("{version} -cipher ALL:@SECLEVEL=0"));
        assert_eq!(!said.text.contains("Cipher is (NONE)"), spoken, "{version}: {}", said.text);
    }
    broker.await_log("TLS: peer is incompatible");
}

#[test]
fn a_listener_may_speak_1_3_alone_and_with_one_suite_alone() {
    let Some((authority, broker)) =
        stage("tls.minimum_version = '1.3'\ntls.ciphers = 'TLS13_CHACHA20_POLY1305_SHA256'")
    else {
        return;
    };

    let new = s_client(&broker, &authority.ca(), "-tls1_3");
    let old = s_client(&broker, &authority.ca(), "-tls1_2");

    assert!(new.text.contains("Cipher is TLS_CHACHA20_POLY1305_SHA256"), "{}", new.text);
    assert!(old.text.contains("protocol version"), "{}", old.text);
}

#[test]
fn who_names_another_protocol_by_alpn_is_refused() {
    let Some((authority, broker)) = stage("") else { return };

    let mqtt = s_client(&broker, &authority.ca(), "-alpn mqtt");
    let other = s_client(&broker, &authority.ca(), "-alpn http/1.1");

    assert!(mqtt.text.contains("ALPN protocol: mqtt"), "{}", mqtt.text);
    assert!(other.text.contains("no application protocol"), "{}", other.text);
}

#[test]
fn the_name_of_the_server_chooses_the_certificate() {
    if !tools::are_there() {
        return;
    }
    let authority = Authority::new();
    let first = authority.make(&Wish::server("a.test"));
    let second = authority.make(&Wish::server("b.test"));
    let files = |files: [&std::path::Path; 2]| files.map(quoted).join(", ");
    let broker = Broker::start(&listener(&format!(
        "protocol = 'mqtts'\ntls.cert = [{}]\ntls.key = [{}]",
        files([&first.cert, &second.cert]),
        files([&first.key, &second.key]),
    )));

    for (asked, shown) in [
        ("-servername a.test", "a.test"),
        ("-servername b.test", "b.test"),
        ("-noservername", "a.test"),
    ] {
        let said = s_client(&broker, &authority.ca(), asked);
        assert!(said.text.contains(&format!("subject=CN = {shown}")), "{asked}: {}", said.text);
    }
}

#[test]
fn sessions_are_resumed_in_each_version() {
    let Some((authority, broker)) = stage("") else { return };
    for version in ["tls1_2", "tls1_3"] {
        let session = authority.path(version);
        // The tickets of 1.3 come behind the handshake: the client has to stay for a moment.
        let first = format!("-{version} -sess_out {} -ign_eof", session.display());
        let again = format!("-{version} -sess_in {}", session.display());

        s_client(&broker, &authority.ca(), &first);
        let said = s_client(&broker, &authority.ca(), &again);

        assert!(said.text.contains("Reused, TLSv1."), "{version}: {}", said.text);
    }
}

#[test]
fn a_handshake_that_does_not_end_is_cut_off() {
    let authority = Authority::new();
    let identity = authority.localhost();
    let config = mqtts(&identity.cert, &identity.key, "[limits]\nhandshake_timeout_secs = 1");
    let broker = Broker::start(&config);
    let began = Instant::now();
    let mut silent = client::tcp(broker.address("it"));
    let mut slow = client::tcp(broker.address("it"));
    slow.write_all(&[0x16, 3, 1, 2, 0]).expect("the broker reads");

    for socket in [&mut silent, &mut slow] {
        assert_eq!(socket.read(&mut [0]).expect("an end"), 0);
    }

    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
    broker.await_log_times("the TLS handshake was not complete in time", 2);
}

#[test]
fn bytes_that_are_no_tls_end_the_connection_and_are_named() {
    let authority = Authority::new();
    let identity = authority.localhost();
    let broker = Broker::start(&mqtts(&identity.cert, &identity.key, ""));
    let mut socket = client::tcp(broker.address("it"));

    socket.write_all(&client::connect("plain")).expect("the broker reads");

    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an end and no reset");
    let line = broker.await_log("client at fault");
    assert!(line.contains("TLS: received corrupt message"), "{line}");
}

#[test]
fn a_connection_ends_with_the_farewell_of_tls_on_both_sides() {
    let authority = Authority::new();
    let identity = authority.localhost();
    let broker = Broker::start(&mqtts(&identity.cert, &identity.key, ""));
    let mut socket = client::tls(broker.address("it"), &authority.ca());
    introduce(&mut socket, "polite");

    socket.write_all(&DISCONNECT).expect("the broker reads");

    // Without close_notify this would be an error.
    assert_eq!(socket.read(&mut [0]).expect("an end"), 0);
    broker.await_log("client=polite");
}

#[test]
fn a_client_that_ends_its_side_alone_is_disconnected_without_complaint() {
    let authority = Authority::new();
    let identity = authority.localhost();
    let broker = Broker::start(&mqtts(&identity.cert, &identity.key, ""));
    for (client_id, with_farewell) in [("told", true), ("cut", false)] {
        let mut socket = client::tls(broker.address("it"), &authority.ca());
        introduce(&mut socket, client_id);

        if with_farewell {
            socket.conn.send_close_notify();
            socket.flush().expect("the broker reads");
        }
        socket.sock.shutdown(Shutdown::Write).expect("open");

        assert_eq!(socket.read(&mut [0]).expect("the broker says farewell"), 0);
        let line = broker.await_log_times("disconnected", 1 + usize::from(!with_farewell));
        assert!(line.contains("closed the socket without DISCONNECT"), "{line}");
    }
    assert!(!broker.log_so_far().contains("at fault"), "{}", broker.log_so_far());
}

#[test]
fn a_client_that_never_reads_costs_nobody_else_anything() {
    let authority = Authority::new();
    let identity = authority.localhost();
    let config = mqtts(&identity.cert, &identity.key, "[session]\nqueue_bytes_max = 1_048_576");
    let broker = Broker::start(&config);
    let address = broker.address("it");
    let mut stuck = client::tls(address, &authority.ca());
    introduce(&mut stuck, "stuck");
    stuck.write_all(&[0x82, 6, 0, 1, 0, 1, b't', 0]).expect("the broker reads");
    client::expect(&mut stuck, &[0x90, 3, 0, 1, 0]);
    let mut other = client::tls(address, &authority.ca());
    introduce(&mut other, "other");
    let before = broker.resident_bytes();

    // PUBLISH of 64 KiB at QoS 0, 32 MiB in all.
    let publish = [&[0x30, 0x83, 0x80, 4, 0, 1, b't'][..], &[b'x'; 64 * 1024]].concat();
    for _ in 0..512 {
        other.write_all(&publish).expect("the broker reads");
    }
    ping(&mut other);

    let grown = broker.resident_bytes().saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes");
}

/// A broker with a certificate for this machine; `None` if this run skips the tools.
fn stage(more: &str) -> Option<(Authority, Broker)> {
    tools::are_there().then(|| {
        let authority = Authority::new();
        let identity = authority.localhost();
        let limits = "[limits]\nconnect_timeout_secs = 2";
        let broker =
            Broker::start(&mqtts(&identity.cert, &identity.key, &format!("{more}\n{limits}")));
        (authority, broker)
    })
}
