//! SCRAM-SHA-256 with a client that was written from the standard, not from our server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fulmar::types::ReasonCode;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::broker::{Broker, Files, passwd};
use crate::client::{Client, Given, V5, V311, login};

const METHOD: &str = "SCRAM-SHA-256";
const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

/// RFC 7677, section 3.
#[test]
fn the_client_here_follows_the_example_of_the_standard() {
    let server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let (client_final, server_final) = answer("user", "pencil", server_first);

    assert_eq!(
        client_final,
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    assert_eq!(server_final, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

#[test]
fn client_and_server_prove_to_each_other_that_they_know_the_password() {
    let (_files, broker) = ann_with_secret();
    let (mut client, server_first) = begin(&broker, "ann");

    let (client_final, expected) = answer("ann", "secret", &server_first);
    client.send_auth(ReasonCode::ContinueAuthentication, METHOD, client_final.as_bytes());

    let (reason, server_final) = client.read_auth();
    assert_eq!((reason, server_final), (ReasonCode::Success, expected.into_bytes()));
    client.ping();
    assert!(broker.logged("connected").contains("user=ann"));
}

#[test]
fn a_connected_client_proves_it_again() {
    let (_files, broker) = ann_with_secret();
    let (mut client, server_first) = begin(&broker, "ann");
    let (client_final, _) = answer("ann", "secret", &server_first);
    client.send_auth(ReasonCode::ContinueAuthentication, METHOD, client_final.as_bytes());
    assert_eq!(client.read_auth().0, ReasonCode::Success);

    client.send_auth(ReasonCode::ReAuthenticate, METHOD, first("ann").as_bytes());
    let (reason, again) = client.read_auth();
    assert_eq!(reason, ReasonCode::ContinueAuthentication);
    let again = String::from_utf8(again).expect("text");
    assert_ne!(again, server_first, "a new nonce");
    client.ping();
    let (client_final, expected) = answer("ann", "secret", &again);
    client.send_auth(ReasonCode::ContinueAuthentication, METHOD, client_final.as_bytes());
    assert_eq!(client.read_auth(), (ReasonCode::Success, expected.into_bytes()));

    client.send_auth(ReasonCode::ReAuthenticate, METHOD, first("ann").as_bytes());
    let (_, third) = client.read_auth();
    let (wrong, _) = answer("ann", "wrong", &String::from_utf8(third).expect("text"));
    client.send_auth(ReasonCode::ContinueAuthentication, METHOD, wrong.as_bytes());
    client.expect_closed(ReasonCode::NotAuthorized);
}

#[test]
fn a_wrong_password_an_unknown_user_and_an_old_proof_are_refused_alike() {
    let (_files, broker) = ann_with_secret();
    let (_, old) = begin(&broker, "ann");
    let (replayed, _) = answer("ann", "secret", &old);
    for (user, client_final) in [("ann", None), ("eve", None), ("ann", Some(replayed))] {
        let (mut client, server_first) = begin(&broker, user);
        let client_final = client_final.unwrap_or_else(|| answer(user, "wrong", &server_first).0);

        client.send_auth(ReasonCode::ContinueAuthentication, METHOD, client_final.as_bytes());

        assert_eq!(client.read_connack(), 0x87, "{user}");
    }
    broker.logged("wrong password, or unknown user");
    broker.logged("does not belong to the first");
}

#[test]
fn an_unknown_user_looks_like_a_known_one() {
    let (_files, broker) = ann_with_secret();
    let salt_of = |user: &str| {
        let (_, first) = begin(&broker, user);
        first.split_once(",s=").expect("a salt").1.to_owned()
    };

    let (known, unknown, other) = (salt_of("ann"), salt_of("eve"), salt_of("bob"));

    assert_eq!(known.len(), unknown.len());
    assert_eq!(unknown, salt_of("eve"), "always the same");
    assert_ne!(unknown, other);
    assert!(known.ends_with(",i=15000") && unknown.ends_with(",i=15000"));
}

#[test]
fn messages_that_cannot_be_and_methods_that_are_not_offered_are_refused() {
    let (_files, broker) = ann_with_secret();
    for (method, data, code) in [
        (METHOD, "nonsense", 0x87),
        (METHOD, "p=tls-unique,,n=ann,r=x", 0x87),
        (METHOD, "", 0x87),
        ("SCRAM-SHA-1", "n,,n=ann,r=x", 0x8C),
        ("JWT", "", 0x8C),
    ] {
        let given = given(method, data);
        assert_eq!(Client::connack(broker.address(), V5, given), code, "{method} {data}");
    }
}

#[test]
fn a_record_of_scram_takes_a_plain_password_too_where_that_is_asked_for() {
    let files = Files::new();
    let path = files.path("passwords");
    assert!(passwd(&["add", "--scram"], &path, "ann", "secret").status.success());
    let config = |chain: &str| format!("chain = [{chain}]\npassword_file = '{}'", path.display());

    let both = Broker::start(&config("'scram', 'password'"));
    assert_eq!(Client::connack(both.address(), V311, login("ann", "secret")), 0);
    let only = Broker::start(&config("'scram'"));
    assert_eq!(Client::connack(only.address(), V311, login("ann", "secret")), 4);
}

fn ann_with_secret() -> (Files, Broker) {
    let files = Files::new();
    let path = files.path("passwords");
    assert!(passwd(&["add", "--scram"], &path, "ann", "secret").status.success());
    let broker = Broker::start(&format!("chain = ['scram']\npassword_file = '{}'", path.display()));
    (files, broker)
}

/// CONNECT with the client's first message; what the server says to it.
fn begin(broker: &Broker, user: &str) -> (Client, String) {
    let mut client = Client::begin(broker.address(), V5, given(METHOD, &first(user)));
    let (reason, data) = client.read_auth();
    assert_eq!(reason, ReasonCode::ContinueAuthentication);
    let data = String::from_utf8(data).expect("text");
    assert!(data.starts_with(&format!("r={NONCE}")), "{data}");
    (client, data)
}

fn given<'a>(method: &'a str, data: &'a str) -> Given<'a> {
    Given { client_id: "c", method: Some(method), data: Some(data.as_bytes()), ..Given::default() }
}

fn first(user: &str) -> String {
    format!("n,,n={user},r={NONCE}")
}

/// The client's final message, and what the server must say to it (RFC 5802, section 3).
fn answer(user: &str, password: &str, server_first: &str) -> (String, String) {
    let parts: Vec<&str> = server_first.splitn(3, ',').map(|part| &part[2..]).collect();
    let (nonce, salt, iterations) = (parts[0], parts[1], parts[2].parse().expect("a number"));
    let salted = hi(password.as_bytes(), &STANDARD.decode(salt).expect("base64"), iterations);
    let client_key = mac(&salted, b"Client Key");
    let stored_key = Sha256::digest(client_key);
    let bare = format!("c=biws,r={nonce}");
    let message = format!("n={user},r={NONCE},{server_first},{bare}");
    let signature = mac(&stored_key, message.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    let server = mac(&mac(&salted, b"Server Key"), message.as_bytes());
    (format!("{bare},p={}", STANDARD.encode(proof)), format!("v={}", STANDARD.encode(server)))
}

fn hi(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut last = mac(password, &[salt, &[0, 0, 0, 1]].concat());
    let mut all = last;
    for _ in 1..iterations {
        last = mac(password, &last);
        all.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    all
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
