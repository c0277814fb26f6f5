use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::broker::{Broker, Files, PATIENCE, refusal};
use crate::client::{Client, V5, login};
use crate::http::serve;
use crate::keys::run;

#[test]
fn the_certificate_of_the_other_server_is_checked() {
    let files = Files::new();
    let (ours, theirs) = (certificate(&files, "ours"), certificate(&files, "theirs"));
    let port = https_server(&ours.0, &ours.1);
    let auth = |ca: &PathBuf| {
        format!(
            "chain = ['http']\nhttp_url = 'https://localhost:{port}/'\nhttp_ca_file = '{}'",
            ca.display()
        )
    };

    let trusting = Broker::start(&auth(&ours.0));
    assert_eq!(Client::connack(trusting.address(), V5, login("ann", "secret")), 0);
    let careful = Broker::start(&auth(&theirs.0));
    assert_eq!(Client::connack(careful.address(), V5, login("ann", "secret")), 0x88);
    careful.logged("cannot be asked");

    let said = refusal(&auth(&files.write("empty", "")));
    assert!(said.contains("holds no certificate"), "{said}");
}

/// A server that lets everybody in, over TLS.
fn https_server(certificate: &PathBuf, key: &PathBuf) -> u16 {
    let chain = vec![CertificateDer::from_pem_file(certificate).expect("made")];
    let key = PrivateKeyDer::from_pem_file(key).expect("made");
    let provider = fulmar::net::tls::crypto_provider(&[]);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            socket.set_read_timeout(Some(PATIENCE)).expect("a time above zero");
            let tls = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
            let stream = StreamOwned::new(tls, socket);
            std::thread::spawn(move || {
                serve(stream, &AtomicUsize::new(0), &|_| (200, json!({ "result": "allow" })))
            });
        }
    });
    port
}

/// A certificate for localhost that vouches for itself, and its key.
fn certificate(files: &Files, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) =
        (files.path(&format!("{name}.crt")), files.path(&format!("{name}.key")));
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-nodes", "-days", "2", "-subj"]).arg(format!("/CN={name}"));
    make.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    make.args(["-addext", "subjectAltName=DNS:localhost"]);
    make.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    run(make.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    (certificate, key)
}
