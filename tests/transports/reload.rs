use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::authority::{Authority, Identity, Wish};
use crate::broker::{Broker, mqtts};
use crate::client::{self, introduce, ping};
use crate::tools::{self, s_client};

const READ_AGAIN: &str = "certificates and keys were read again";

#[test]
fn a_changed_certificate_is_taken_up_and_no_connection_is_dropped() {
    let (authority, broker) = stage(&Wish::server("localhost"));
    let mut old = client::tls(broker.address("it"), &authority.ca());
    introduce(&mut old, "old");
    let before = shown(&broker, &authority);

    let renewed = authority.localhost();

    broker.await_log(READ_AGAIN);
    ping(&mut old);
    let after = shown(&broker, &authority);
    assert_ne!(after, before);
    assert_eq!(after, CertificateDer::from_pem_file(&renewed.cert).expect("a certificate"));
}

#[test]
fn sighup_has_the_files_read_though_they_have_not_changed() {
    let (authority, broker) = stage(&Wish::server("localhost"));
    let mut old = client::tls(broker.address("it"), &authority.ca());
    introduce(&mut old, "old");

    broker.signal("HUP");

    broker.await_log(READ_AGAIN);
    ping(&mut old);
}

#[test]
fn a_broken_file_leaves_what_was_there_and_is_named() {
    let (authority, broker) = stage(&Wish::server("localhost"));
    let before = shown(&broker, &authority);

    fs::write(authority.path("localhost.crt"), "broken").expect("ours");

    let line = broker.await_log("the certificates and keys from before stay in use");
    assert!(line.contains("localhost.crt: has no certificate in PEM"), "{line}");
    assert_eq!(shown(&broker, &authority), before);

    authority.localhost();
    broker.await_log(READ_AGAIN);
    assert_ne!(shown(&broker, &authority), before);
}

#[test]
fn a_key_of_another_certificate_leaves_what_was_there() {
    let (authority, broker) = stage(&Wish::server("localhost"));
    let before = shown(&broker, &authority);
    let other = authority.make(&Wish::server("other.test"));

    fs::rename(other.key, authority.path("localhost.key")).expect("ours");

    let line = broker.await_log("the certificates and keys from before stay in use");
    assert!(line.contains("is not the key of the certificate in"), "{line}");
    assert_eq!(shown(&broker, &authority), before);
}

#[test]
fn who_is_revoked_cannot_resume_a_session_from_before() {
    if !tools::are_there() {
        return;
    }
    let authority = Authority::new();
    let server = authority.localhost();
    let device = authority.make(&Wish { serial: 5, ..Wish::client("device") });
    let (ca, crl) = (authority.ca(), authority.revoke(&[]));
    let broker = Broker::start(&mqtts(
        &server.cert,
        &server.key,
        &format!(
            "tls.client_certificates = 'required'\ntls.ca = '{}'\ntls.crl = '{}'\n\
             [limits]\nconnect_timeout_secs = 2",
            ca.display(),
            crl.display()
        ),
    ));
    let session = authority.path("session");
    let files = format!("-cert {} -key {}", device.cert.display(), device.key.display());
    let first = format!("-tls1_3 {files} -sess_out {} -ign_eof", session.display());
    let again = format!("-tls1_3 {files} -sess_in {} -ign_eof", session.display());
    s_client(&broker, &ca, &first);
    assert!(s_client(&broker, &ca, &again).text.contains("Reused, TLSv1.3"));

    authority.revoke(&[5]);
    broker.await_log(READ_AGAIN);

    let said = s_client(&broker, &ca, &again);
    assert!(!said.text.contains("Reused, TLSv1.3"), "{}", said.text);
    assert!(said.text.contains("certificate revoked"), "{}", said.text);
}

#[test]
fn a_certificate_near_its_end_is_warned_about() {
    for (from, to, expected) in [
        (-1, 29, Some("a certificate expires in 2")),
        (-1, 31, None),
        (-9, -2, Some("a certificate expired 2 days ago")),
        (3, 90, Some("a certificate is not valid yet")),
    ] {
        let wish = Wish { from, to, ..Wish::server("localhost") };
        let (_authority, broker) = stage(&wish);
        match expected {
            Some(text) => assert!(broker.await_log(text).contains("localhost.crt"), "{text}"),
            None => {
                // The reload comes behind the first look at the dates.
                broker.signal("HUP");
                broker.await_log(READ_AGAIN);
                assert!(!broker.log_so_far().contains("a certificate"), "{}", broker.log_so_far());
            }
        }
    }
}

#[test]
fn sys_tells_when_certificates_end_and_when_that_has_changed() {
    let wish = |days| Wish { to: days, ..Wish::server("localhost") };
    let (authority, broker) = stage(&wish(40));
    let mut client = client::tls(broker.address("it"), &authority.ca());
    introduce(&mut client, "asks");
    let filter = b"$SYS/broker/certificates/it/not_after";
    let head = [0x82, filter.len() as u8 + 5, 0, 1, 0, filter.len() as u8];
    client.write_all(&[&head, &filter[..], &[0]].concat()).expect("open");
    client::expect(&mut client, &[0x90, 3, 0, 1, 0]);

    assert_eq!(days_until(&end_told(&mut client)), 40);
    authority.make(&wish(50));

    assert_eq!(days_until(&end_told(&mut client)), 50);
}

#[test]
fn a_key_that_everybody_can_read_is_refused_unless_that_is_said_to_be_right() {
    let authority = Authority::new();
    let Identity { cert, key } = authority.localhost();
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("ours");

    let (log, status) = Broker::fail(&mqtts(&cert, &key, ""));
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("everybody can read this private key (mode 0644)"), "{log}");
    assert!(log.contains("tls.allow_readable_key = true"), "{log}");

    Broker::start(&mqtts(&cert, &key, "tls.allow_readable_key = true"));
    fs::set_permissions(&key, Permissions::from_mode(0o640)).expect("ours");
    Broker::start(&mqtts(&cert, &key, ""));
}

#[test]
fn everything_that_is_wrong_with_files_is_said_at_once() {
    let authority = Authority::new();
    let missing = authority.path("missing.crt");
    let empty = authority.path("empty.key");
    fs::write(&empty, "").expect("ours");
    fs::set_permissions(&empty, Permissions::from_mode(0o600)).expect("ours");

    let (log, _) = Broker::fail(&mqtts(&missing, &empty, ""));

    assert!(log.contains("missing.crt: cannot be read: No such file"), "{log}");
    assert!(log.contains("empty.key: has no private key in PEM"), "{log}");
}

fn stage(wish: &Wish) -> (Authority, Broker) {
    let authority = Authority::new();
    let identity = authority.make(wish);
    let broker = Broker::start(&mqtts(&identity.cert, &identity.key, ""));
    (authority, broker)
}

/// The payload of the next PUBLISH, whose topic is the one that was subscribed to.
fn end_told(client: &mut impl Read) -> String {
    let mut head = [0; 4];
    client.read_exact(&mut head).expect("a PUBLISH");
    assert_eq!(head[0] & !1, 0x30, "QoS 0, retained or not: {head:?}");
    let mut rest = vec![0; usize::from(head[1]) - 2];
    client.read_exact(&mut rest).expect("all of it");
    String::from_utf8(rest.split_off(usize::from(head[3]))).expect("digits")
}

fn days_until(end: &str) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    (end.parse::<u64>().expect("seconds") - now).div_ceil(24 * 3_600)
}

/// The certificate that the broker shows to a new connection.
fn shown(broker: &Broker, authority: &Authority) -> CertificateDer<'static> {
    let mut socket = client::tls(broker.address("it"), &authority.ca());
    introduce(&mut socket, "looks");
    socket.conn.peer_certificates().expect("a server shows one")[0].clone().into_owned()
}
