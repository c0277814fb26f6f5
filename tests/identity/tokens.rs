use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fulmar::types::ReasonCode;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::broker::{Broker, Files, refusal};
use crate::client::{Client, Given, V5, V311, by_method, login};
use crate::keys::{SECRET, now_secs, pair, secret_token, token, token_with};

const PUBLIC: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

#[test]
fn a_token_of_each_kind_is_believed_with_its_key_and_with_no_other() {
    for algorithm in PUBLIC {
        let files = Files::new();
        let (ours, theirs) = (pair(algorithm, &files), pair(algorithm, &Files::new()));
        let broker = Broker::start(&format!(
            "chain = ['jwt']\njwt_key_files = ['{}']",
            ours.public.display()
        ));
        let good = token(algorithm, &ours.private, json!({}));
        let forged = token(algorithm, &theirs.private, json!({}));

        for (protocol, refused) in [(V311, 4), (V5, 0x86)] {
            let connack =
                |token: &str| Client::connack(broker.address(), protocol, login("ann", token));
            assert_eq!(connack(&good), 0, "{algorithm:?}");
            assert_eq!(connack(&forged), refused, "{algorithm:?}");
        }
        broker.logged("its token has a wrong signature");
    }
}

#[test]
fn each_failure_has_its_code_and_its_line_in_the_log() {
    let (_files, broker) = with_secret("jwt_issuer = 'https://issuer'\njwt_audience = 'mqtt'");
    let right = json!({ "iss": "https://issuer", "aud": ["other", "mqtt"] });
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = right.clone();
        claims[name] = value;
        secret_token(claims)
    };
    assert_eq!(Client::connack(broker.address(), V5, login("ann", &with("x", json!(1)))), 0);

    for (token, words) in [
        (with("exp", json!(now_secs() - 60)), "its token has expired"),
        (with("exp", json!(null)), "its token never expires"),
        (with("exp", json!("soon")), "a time that is no number"),
        (with("nbf", json!(now_secs() + 60)), "its token is not valid yet"),
        (with("aud", json!("other")), "its token is for another audience"),
        (with("aud", json!(null)), "its token is for another audience"),
        (with("iss", json!("https://evil")), "its token is of another issuer"),
        (with("sub", json!(null)), "its token names no user"),
        (with("sub", json!("bob")), "its user name is not the one of its token"),
        ("not a token".to_owned(), "it gave no token"),
    ] {
        for (protocol, code) in [(V311, 4), (V5, 0x86)] {
            let client_id = format!("{}-{protocol}", words.replace(' ', "-"));
            let given = Given { client_id: &client_id, ..login("ann", &token) };

            assert_eq!(Client::connack(broker.address(), protocol, given), code, "{words}");

            let line = broker.logged(&format!("client={client_id}"));
            assert!(line.contains(words) && line.contains("address=127.0.0.1:"), "{line}");
        }
    }
    assert!(!broker.log().contains("eyJ"), "no token in the log");
}

#[test]
fn the_key_decides_about_the_algorithm_and_never_the_token() {
    let files = Files::new();
    let rsa = pair(Algorithm::RS256, &files);
    let broker =
        Broker::start(&format!("chain = ['jwt']\njwt_key_files = ['{}']", rsa.public.display()));
    let public = std::fs::read(&rsa.public).expect("made");
    let as_secret = token(Algorithm::HS256, &EncodingKey::from_secret(&public), json!({}));
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let body = as_secret.split('.').nth(1).expect("three parts");

    for forged in [as_secret.clone(), format!("{header}.{body}."), format!("{header}.{body}.x")] {
        assert_eq!(Client::connack(broker.address(), V5, login("ann", &forged)), 0x86);
    }
}

#[test]
fn without_a_user_name_the_token_names_the_user() {
    let (_files, broker) = with_secret("");
    let token = secret_token(json!({}));
    let given = Given { client_id: "c", password: Some(token.as_bytes()), ..Given::default() };

    assert_eq!(Client::connack(broker.address(), V5, given), 0);

    assert!(broker.logged("connected").contains("user=ann"));
}

#[test]
fn another_claim_may_be_the_user_name() {
    let (_files, broker) = with_secret("jwt_username_claim = 'device.name'");
    let token = secret_token(json!({ "device": { "name": "pump" } }));

    assert_eq!(Client::connack(broker.address(), V5, login("pump", &token)), 0);
    assert_eq!(Client::connack(broker.address(), V5, login("ann", &token)), 0x86);
}

#[test]
fn the_end_of_a_token_is_the_end_of_its_connection() {
    let (_files, broker) = with_secret("jwt_leeway_secs = 0");
    for protocol in [V5, V311] {
        let token = secret_token(json!({ "exp": now_secs() + 2 }));
        let began = Instant::now();
        let mut client = Client::connected(broker.address(), protocol, login("ann", &token));
        client.ping();

        client.expect_closed(ReasonCode::NotAuthorized);

        assert!(began.elapsed() < Duration::from_secs(10));
    }
    broker.logged("credentials have expired");
}

#[test]
fn a_token_is_renewed_by_authenticating_again() {
    let (_files, broker) = with_secret("jwt_leeway_secs = 0");
    let first = secret_token(json!({ "exp": now_secs() + 3 }));
    let given = by_method("JWT", &first);
    let mut client = Client::connected(broker.address(), V5, given);

    let second = secret_token(json!({}));
    client.send_auth(ReasonCode::ReAuthenticate, "JWT", second.as_bytes());
    assert_eq!(client.read_auth().0, ReasonCode::Success);
    std::thread::sleep(Duration::from_secs(4));
    client.ping();

    let other_user = secret_token(json!({ "sub": "bob" }));
    client.send_auth(ReasonCode::ReAuthenticate, "JWT", other_user.as_bytes());
    client.expect_closed(ReasonCode::NotAuthorized);
    broker.logged("authenticated again as somebody else");
}

#[test]
fn a_bad_token_by_the_method_is_not_authorized() {
    let (_files, broker) = with_secret("");
    for (method, data, code) in [
        ("JWT", &b"not a token"[..], 0x87),
        ("JWT", secret_token(json!({ "exp": 1 })).as_bytes(), 0x87),
        ("SCRAM-SHA-256", b"n,,n=ann,r=x", 0x8C),
    ] {
        let given =
            Given { client_id: "c", method: Some(method), data: Some(data), ..Given::default() };
        assert_eq!(Client::connack(broker.address(), V5, given), code, "{method}");
    }
}

#[test]
fn keys_of_a_set_are_chosen_by_their_name_and_read_again() {
    let files = Files::new();
    let (first, second) = (pair(Algorithm::ES256, &files), pair(Algorithm::RS256, &files));
    let path = files.write("keys.json", jwks(&[("one", &first.private, Algorithm::ES256)]));
    let broker =
        Broker::start(&format!("chain = ['jwt']\njwt_jwks_files = ['{}']", path.display()));
    let named = |name: &str, algorithm, key: &EncodingKey| {
        let header = Header { kid: Some(name.into()), ..Header::new(algorithm) };
        let token = token_with(header, key, json!({}));
        Client::connack(broker.address(), V5, login("ann", &token))
    };
    assert_eq!(named("one", Algorithm::ES256, &first.private), 0);
    assert_eq!(named("two", Algorithm::ES256, &first.private), 0x86);
    assert_eq!(named("two", Algorithm::RS256, &second.private), 0x86);

    files.write("keys.json", jwks(&[("two", &second.private, Algorithm::RS256)]));
    broker.signal("HUP");
    broker.logged("keys of tokens read again");
    assert_eq!(named("one", Algorithm::ES256, &first.private), 0x86, "revoked");
    assert_eq!(named("two", Algorithm::RS256, &second.private), 0);

    files.write("keys.json", "{}");
    broker.signal("HUP");
    broker.logged("the old ones stay in use");
    assert_eq!(named("two", Algorithm::RS256, &second.private), 0);
}

#[test]
fn keys_that_cannot_be_are_refused_at_the_start() {
    let files = Files::new();
    let _pair = pair(Algorithm::ES256, &files);
    let jwt = |key: &str, name: &str| {
        refusal(&format!("chain = ['jwt']\n{key} = ['{}']", files.path(name).display()))
    };
    files.write("short", &SECRET[..31]);
    files.write("empty.json", r#"{"keys":[]}"#);

    assert!(jwt("jwt_key_files", "ES256.key").contains("holds a private key"));
    assert!(jwt("jwt_key_files", "short").contains("is no public key"));
    assert!(jwt("jwt_secret_files", "short").contains("fewer than 32 bytes"));
    assert!(jwt("jwt_jwks_files", "short").contains("is no set of keys"));
    assert!(jwt("jwt_jwks_files", "empty.json").contains("holds no key"));
}

/// A broker that believes tokens with the shared secret.
fn with_secret(more: &str) -> (Files, Broker) {
    let files = Files::new();
    let path = files.write("secret", [SECRET, b"\n"].concat());
    let broker = Broker::start(&format!(
        "chain = ['jwt']\njwt_secret_files = ['{}']\n{more}",
        path.display()
    ));
    (files, broker)
}

fn jwks(keys: &[(&str, &EncodingKey, Algorithm)]) -> String {
    let jwk = |(name, key, algorithm): &(&str, &EncodingKey, Algorithm)| {
        let mut jwk = Jwk::from_encoding_key(key, *algorithm).expect("a key");
        jwk.common.key_id = Some((*name).to_owned());
        jwk
    };
    serde_json::to_string(&JwkSet { keys: keys.iter().map(jwk).collect() }).expect("JSON")
}
