//! MQTT.js in a page of a real browser, over WSS: a headless Chromium, and the server of the page.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use crate::broker::{Broker, DEADLINE, listener, quoted};
use crate::setup::{self, Tools};
use crate::tools;

#[test]
fn mqttjs_in_a_page_exchanges_messages_over_wss() {
    let Some((tools, browser)) = browser() else { return };
    let page = Page::serve(tools);
    let (broker, certificates) = broker(&[&page.origin()]);

    let said = page.visit(&browser, &certificates, "exchange", &broker);

    assert_eq!(said, "exchanged", "{}", broker.log_so_far());
}

#[test]
fn a_page_of_another_origin_is_refused() {
    let Some((tools, browser)) = browser() else { return };
    let page = Page::serve(tools);
    let (broker, certificates) = broker(&["https://app.test"]);

    let said = page.visit(&browser, &certificates, "refused", &broker);

    assert_eq!(said, "refused", "{}", broker.log_so_far());
    broker.await_log("403 Forbidden: a page of an origin that is not in websocket.origins");
}

/// MQTT.js, and a browser; `None`, said out loud, where there is none.
fn browser() -> Option<(&'static Tools, PathBuf)> {
    let tools = setup::tools()?;
    let browser = tools::browser();
    if browser.is_none() {
        static SAID: Once = Once::new();
        SAID.call_once(|| setup::say_skipped("Chromium cannot be installed: no page was tested"));
    }
    Some((tools, browser?))
}

/// A broker that speaks WSS with a certificate of `fulmar certs dev`, which is in that directory.
fn broker(origins: &[&str]) -> (Broker, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut make = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    make.args(["certs", "dev", "--dir"]).arg(directory.path()).stdout(Stdio::null());
    assert!(make.status().expect("built").success());
    let file = |name| quoted(&directory.path().join(name));
    let (cert, key) = (file("server.crt"), file("server.key"));
    let broker = Broker::start(&listener(&format!(
        "protocol = 'wss'\ntls.cert = {cert}\ntls.key = {key}\nwebsocket.origins = {origins:?}"
    )));
    (broker, directory)
}

/// What serves the page and hears what came of it.
struct Page {
    address: SocketAddr,
    outcomes: Receiver<String>,
}

impl Page {
    fn serve(tools: &'static Tools) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (done, outcomes) = channel();
        thread::spawn(move || {
            // A browser opens connections that it does not use.
            for socket in listener.incoming().flatten() {
                let done = done.clone();
                thread::spawn(move || answer(&socket, tools, &done));
            }
        });
        Self { address, outcomes }
    }

    /// Not of the host that the page connects to, which is called localhost.
    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a story of scripts/page.js comes to in a browser that trusts these certificates.
    fn visit(
        &self,
        browser: &Path,
        certificates: &tempfile::TempDir,
        story: &str,
        broker: &Broker,
    ) -> String {
        let port = broker.address("it").port();
        let origin = self.origin();
        let page = format!("{origin}/?story={story}&url=wss://localhost:{port}/mqtt");
        let trusted = key_hash(&certificates.path().join("server.crt"));
        let _browser = Browser::open(browser, &trusted, &page);
        match self.outcomes.recv_timeout(DEADLINE) {
            Ok(said) => said,
            Err(RecvTimeoutError::Timeout) => "nothing".into(),
            Err(RecvTimeoutError::Disconnected) => unreachable!("the server outlives the test"),
        }
    }
}

/// One request, one answer.
fn answer(mut socket: &TcpStream, tools: &Tools, done: &Sender<String>) {
    let Some((line, body)) = read_request(socket) else { return };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transports/scripts");
    let (kind, file) = match line.split_whitespace().nth(1).unwrap_or_default() {
        "/mqtt.js" => ("text/javascript", Some(tools.node_modules.join("mqtt/dist/mqtt.min.js"))),
        "/page.js" => ("text/javascript", Some(scripts.join("page.js"))),
        path if path.starts_with("/?") => ("text/html", Some(scripts.join("page.html"))),
        "/done" => {
            // Nobody listens any more where the test is over.
            let _ = done.send(body);
            ("text/plain", None)
        }
        _ => ("text/plain", None),
    };
    let content = file.map_or(Vec::new(), |file| std::fs::read(file).expect("installed"));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    let _ = socket.write_all(&[head.as_bytes(), &content].concat());
}

/// The first line and the body.
fn read_request(socket: &TcpStream) -> Option<(String, String)> {
    let mut lines = BufReader::new(socket);
    let (mut first, mut length) = (String::new(), 0);
    lines.read_line(&mut first).ok().filter(|count| *count > 0)?;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = String::new();
    lines.take(length).read_to_string(&mut body).ok()?;
    Some((first, body))
}

/// A running browser; ended when dropped.
struct Browser {
    child: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens `page`, and takes certificates with the key of this hash for good ones.
    fn open(program: &Path, trusted: &str, page: &str) -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        // It makes a group of all that the program starts, and ends that should the test not.
        let mut command = Command::new("timeout");
        command.arg((2 * DEADLINE.as_secs()).to_string()).arg(program);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
        command.args(["--no-first-run", "--disable-background-networking", "--no-proxy-server"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.arg(format!("--ignore-certificate-errors-spki-list={trusted}")).arg(page);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self { child: command.spawn().expect("coreutils are there"), _profile: profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let told = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        if told.is_ok_and(|status| status.success()) {
            // They fail only for a child that has been waited for. The pipe ends with the last of the
            // processes that would write to the profile.
            let _ = self.child.wait();
            let mut pipe = self.child.stdout.take();
            let _ = pipe.as_mut().map(|pipe| pipe.read_to_end(&mut Vec::new()));
        }
    }
}

/// SHA-256 of the public key in a certificate, as Chromium wants it.
fn key_hash(certificate: &Path) -> String {
    let script = "set -o pipefail; openssl x509 -in \"$0\" -noout -pubkey | \
        openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl base64 -A";
    let output = Command::new("bash").args(["-c", script]).arg(certificate).output();
    let output = output.expect("bash is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("base64")
}
