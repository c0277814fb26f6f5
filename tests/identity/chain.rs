use crate::broker::{Broker, Files, passwd, refusal};
use crate::client::{Client, Given, V5, V311, login, nobody};
use crate::keys::{SECRET, secret_token};

#[test]
fn the_first_source_that_knows_a_client_decides() {
    let files = Files::new();
    let broker = Broker::start(&sources(&files, "'jwt', 'password', 'anonymous'"));
    let token = secret_token(serde_json::json!({}));
    let expired = secret_token(serde_json::json!({ "exp": 1 }));

    for (given, code) in [
        (login("ann", &token), 0),
        (login("ann", "secret"), 0),
        (nobody(), 0),
        (login("ann", &expired), 0x86),
        (login("ann", "wrong"), 0x86),
        (login("eve", "secret"), 0x86),
        (Given { password: None, ..login("eve", "") }, 0x86),
    ] {
        assert_eq!(Client::connack(broker.address(), V5, given), code, "{given:?}");
    }
    broker.logged("no source of credentials knows it");
}

#[test]
fn where_a_source_is_asked_nobody_is_anonymous_unless_that_is_a_source_too() {
    let files = Files::new();
    let broker = Broker::start(&sources(&files, "'password'"));

    assert_eq!(Client::connack(broker.address(), V311, nobody()), 5);
    assert_eq!(Client::connack(broker.address(), V5, nobody()), 0x87);
}

#[test]
fn each_listener_may_have_sources_of_its_own() {
    let files = Files::new();
    let listener = |name: &str, auth: &str| {
        format!("[[listeners]]\naddress = '127.0.0.1:0'\nname = '{name}'\n{auth}\n")
    };
    let config = [
        listener("common", ""),
        listener("tokens", "auth = ['jwt']"),
        listener("open", "auth = []"),
        listener("closed", "auth = []\nallow_anonymous = false"),
        format!("[auth]\n{}", sources(&files, "'password'")),
    ]
    .concat();
    let broker = Broker::with(&config, 4);
    let token = secret_token(serde_json::json!({}));
    let connack = |listener: usize, given| Client::connack(broker.addresses[listener], V5, given);

    assert_eq!((connack(0, login("ann", "secret")), connack(0, login("ann", &token))), (0, 0x86));
    assert_eq!((connack(1, login("ann", "secret")), connack(1, login("ann", &token))), (0x86, 0));
    assert_eq!((connack(2, nobody()), connack(2, login("ann", "whatever"))), (0, 0));
    assert_eq!((connack(3, nobody()), connack(3, login("ann", "secret"))), (0x87, 0x87));
}

#[test]
fn a_source_without_what_it_needs_is_a_mistake_of_the_configuration() {
    for (chain, key) in [
        ("password", "auth.password_file"),
        ("scram", "auth.password_file"),
        ("jwt", "auth.jwt_key_files"),
        ("http", "auth.http_url"),
        ("certificate", "auth.certificate_user"),
    ] {
        let said = refusal(&format!("chain = ['{chain}']"));
        assert!(said.contains(&format!("{key}: is missing")), "{said}");
    }
    assert!(refusal("chain = ['ldap']").contains("\"ldap\" is none of"));
    assert!(refusal("http_url = 'ftp://x'").contains("must begin with http"));
}

fn sources(files: &Files, chain: &str) -> String {
    let (passwords, secret) = (files.path("passwords"), files.write("secret", SECRET));
    assert!(passwd(&["add"], &passwords, "ann", "secret").status.success());
    format!(
        "chain = [{chain}]\npassword_file = '{}'\njwt_secret_files = ['{}']",
        passwords.display(),
        secret.display()
    )
}
