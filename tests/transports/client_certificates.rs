use rcgen::ExtendedKeyUsagePurpose;

use crate::authority::{Authority, Identity, Wish};
use crate::broker::{Broker, mqtts};
use crate::tools::{self, mosquitto_pub, s_client};

const REVOKED: u64 = 77;

#[test]
fn a_certificate_of_the_authority_lets_in() {
    let Some((authority, broker)) = stage("required") else { return };
    let good = authority.make(&Wish::client("good"));

    let said = publish(&broker, &authority, Some(&good));

    assert!(said.success, "{}", said.text);
}

#[test]
fn without_one_nobody_comes_in_where_it_is_required() {
    let Some((authority, broker)) = stage("required") else { return };

    let said = publish(&broker, &authority, None);

    assert!(!said.success, "{}", said.text);
    broker.await_log("TLS: peer sent no certificates");
    let seen = s_client(&broker, &authority.ca(), "-tls1_3 -ign_eof");
    assert!(seen.text.contains("certificate required"), "{}", seen.text);
}

#[test]
fn without_one_clients_come_in_where_it_is_optional() {
    let Some((authority, broker)) = stage("optional") else { return };
    let stranger = Authority::new().make(&Wish::client("stranger"));

    assert!(publish(&broker, &authority, None).success);
    assert!(!publish(&broker, &authority, Some(&stranger)).success);
}

#[test]
fn each_bad_certificate_is_refused_for_its_reason() {
    let Some((authority, broker)) = stage("required") else { return };
    let wish = Wish::client;
    let other = Authority::new();
    for (identity, log, alert) in [
        (other.make(&wish("stranger")), "UnknownIssuer", "unknown ca"),
        (
            authority.make(&Wish { from: -9, to: -2, ..wish("expired") }),
            "certificate expired",
            "expired",
        ),
        (authority.make(&Wish { from: 2, ..wish("early") }), "not valid yet", "expired"),
        (authority.make(&Wish { serial: REVOKED, ..wish("gone") }), "Revoked", "revoked"),
        (
            authority.make(&Wish { usage: ExtendedKeyUsagePurpose::ServerAuth, ..wish("server") }),
            "does not allow extended key usage",
            "unsupported certificate",
        ),
    ] {
        let name = identity.cert.display();
        let said = publish(&broker, &authority, Some(&identity));
        assert!(!said.success, "{name}: {}", said.text);
        broker.await_log(log);

        let files = format!("-cert {name} -key {} -tls1_3 -ign_eof", identity.key.display());
        let seen = s_client(&broker, &authority.ca(), &files);
        assert!(seen.text.contains(alert), "{name}: {}", seen.text);
    }
}

#[test]
fn a_client_that_expects_another_host_goes_and_says_why() {
    let Some((authority, broker)) = stage("off") else { return };
    let other = authority.make(&Wish::server("other.test"));
    drop(broker);
    let broker = Broker::start(&mqtts(&other.cert, &other.key, ""));

    let said = publish(&broker, &authority, None);

    assert!(!said.success, "{}", said.text);
    assert!(said.text.contains("A TLS error occurred"), "{}", said.text);
    broker.await_log("TLS: received fatal alert");
}

#[test]
fn a_client_that_does_not_know_the_authority_goes_and_the_log_says_why() {
    let Some((_authority, broker)) = stage("off") else { return };

    let said = publish(&broker, &Authority::new(), None);

    assert!(!said.success, "{}", said.text);
    broker.await_log("TLS: received fatal alert: UnknownCA");
}

#[test]
fn lists_of_an_authority_that_revokes_nobody_change_nothing() {
    let Some((authority, broker)) = stage("required") else { return };
    authority.revoke(&[]);
    let good = authority.make(&Wish::client("good"));

    assert!(publish(&broker, &authority, Some(&good)).success);
}

fn publish(broker: &Broker, authority: &Authority, identity: Option<&Identity>) -> tools::Said {
    let ca = authority.ca();
    let shown = identity.map_or_else(String::new, |identity| {
        format!("--cert {} --key {}", identity.cert.display(), identity.key.display())
    });
    mosquitto_pub(broker, &format!("--cafile {} {shown}", ca.display()))
}

/// A broker that asks for certificates like this; `None` if this run skips the tools.
fn stage(client_certificates: &str) -> Option<(Authority, Broker)> {
    tools::are_there().then(|| {
        let authority = Authority::new();
        let identity = authority.localhost();
        let (ca, crl) = (authority.ca(), authority.revoke(&[REVOKED]));
        let files = format!("tls.ca = '{}'\ntls.crl = '{}'", ca.display(), crl.display());
        let files = if client_certificates == "off" { String::new() } else { files };
        let more = format!("tls.client_certificates = '{client_certificates}'\n{files}\n");
        let limits = "[limits]\nconnect_timeout_secs = 2\n[log]\nfaults_per_second_max = 100";
        let config = mqtts(&identity.cert, &identity.key, &(more + limits));
        (authority, Broker::start(&config))
    })
}
