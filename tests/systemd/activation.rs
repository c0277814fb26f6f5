//! What the broker takes from the service manager: sockets, directories, credentials.

use std::fs::Permissions;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::client::{CONNACK, answer, connect, introduce, login, open};
use crate::process::fulmar;
use crate::service::{Home, LISTENER, Service, add_user, command};

#[test]
fn a_listener_takes_the_sockets_of_its_name() {
    let home = Home::new();
    let (first, second) = (listen(), listen());
    let addresses = [&first, &second].map(|socket| socket.local_addr().expect("bound"));

    let sockets = vec![first.into(), second.into()];
    let service = Service::start_with(&home, LISTENER, sockets, "mqtt:mqtt");

    service.await_log("ready");
    for address in addresses {
        assert_eq!(introduce(&mut open(address), "c"), CONNACK);
    }
}

#[test]
fn all_sockets_of_a_listener_share_its_limits() {
    let home = Home::new();
    let (first, second) = (listen(), listen());
    let addresses = [&first, &second].map(|socket| socket.local_addr().expect("bound"));
    let config = format!("{LISTENER}limits.connections_max = 1\n");
    let sockets = vec![first.into(), second.into()];
    let service = Service::start_with(&home, &config, sockets, "mqtt:mqtt");
    let mut there = open(addresses[0]);
    assert_eq!(introduce(&mut there, "there"), CONNACK);

    let mut late = open(addresses[1]);
    late.write_all(&connect("late")).expect("the kernel takes it");

    assert!(is_closed(&mut late));
    let line = service.await_log("connection refused");
    assert!(line.contains("connections_max of its listener is reached"), "{line}");
}

#[test]
fn the_files_of_a_listener_are_read_once_for_all_its_sockets() {
    let home = Home::new();
    let directory = home.text("certs");
    let made = fulmar().args(["certs", "dev", "--dir", &directory]).output().expect("built");
    assert!(made.status.success(), "{made:?}");
    let config = format!(
        "{LISTENER}protocol = 'mqtts'\n\
         tls.cert = '{directory}/server.crt'\ntls.key = '{directory}/server.key'\n"
    );
    let sockets = vec![listen().into(), listen().into()];
    let service = Service::start_with(&home, &config, sockets, "mqtt:mqtt");
    service.await_log("ready");

    service.signal("HUP");

    service.await_log("certificates and keys were read again");
    // The next reading begins when all of this one has been told.
    home.write("certs/server.crt", "no certificate");
    service.signal("HUP");
    service.await_log("the certificates and keys from before stay in use");
    service.signal("TERM");
    let (_, said) = service.wait();
    assert_eq!(said.matches("certificates and keys were read again").count(), 1, "{said}");
}

#[test]
fn a_listener_on_a_file_takes_one_too_and_leaves_the_file() {
    let home = Home::new();
    let path = home.path("mqtt.sock");
    let socket = UnixListener::bind(&path).expect("a free path");
    let config = "[[listeners]]\nname = 'local'\nunix.path = '/nonexistent/mqtt.sock'\n";

    let service = Service::start_with(&home, config, vec![socket.into()], "local");

    service.await_log("ready");
    let mut client = UnixStream::connect(&path).expect("somebody listens");
    assert_eq!(introduce(&mut client, "c"), CONNACK);
    service.signal("TERM");
    assert_eq!(service.wait().0.code(), Some(0));
    assert!(path.exists());
}

#[test]
fn listeners_without_a_socket_of_theirs_listen_themselves() {
    let home = Home::new();
    let socket = listen();
    let passed = socket.local_addr().expect("bound");
    let config = format!("{LISTENER}\n[[listeners]]\nname = 'own'\naddress = '127.0.0.1:0'\n");

    let service = Service::start_with(&home, &config, vec![socket.into()], "mqtt");

    assert_eq!(service.address("mqtt"), passed);
    let own = service.address("own");
    assert_ne!(own, passed);
    assert_eq!(introduce(&mut open(own), "c"), CONNACK);
}

#[test]
fn a_socket_that_nobody_would_answer_stops_the_start() {
    let unix = |home: &Home| UnixListener::bind(home.path("s")).expect("a free path").into();
    let deaf = |_: &Home| {
        let client = listen();
        TcpStream::connect(client.local_addr().expect("bound")).expect("it listens").into()
    };
    let tcp = |_: &Home| listen().into();
    type Make<'a> = &'a dyn Fn(&Home) -> std::os::fd::OwnedFd;
    let cases: [(Make<'_>, &str, &str); 3] = [
        (&tcp, "other", "\"other\": there is none of that name"),
        (&unix, "mqtt", "\"mqtt\": it is by a file, the listener by TCP"),
        (&deaf, "mqtt", "\"mqtt\" is no TCP or Unix socket that listens"),
    ];
    for (socket, name, reason) in cases {
        let home = Home::new();

        let service = Service::start_with(&home, LISTENER, vec![socket(&home)], name);

        let (status, said) = service.wait();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn sockets_of_another_process_are_not_ours() {
    let home = Home::new();
    let environment = [("LISTEN_PID", "1"), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "other")];

    let service = Service::start(&home, LISTENER, &environment);

    assert_eq!(introduce(&mut open(service.address("mqtt")), "c"), CONNACK);
}

#[test]
fn no_connection_is_refused_while_the_broker_restarts() {
    let home = Home::new();
    let socket = listen();
    let address = socket.local_addr().expect("bound");
    let start = || {
        let passed = socket.try_clone().expect("a descriptor");
        let service = Service::start_with(&home, LISTENER, vec![passed.into()], "mqtt");
        service.await_log("ready");
        service
    };
    let service = start();
    assert_eq!(introduce(&mut open(address), "before"), CONNACK);
    let over = AtomicBool::new(false);

    thread::scope(|scope| {
        let visitor = scope.spawn(|| {
            let mut visits = 0;
            while !over.load(Ordering::Relaxed) {
                TcpStream::connect(address).expect("never refused");
                visits += 1;
                thread::sleep(Duration::from_millis(20));
            }
            visits
        });
        service.signal("TERM");
        assert_eq!(service.wait().0.code(), Some(0));
        let mut waiting: Vec<TcpStream> = (0..10).map(|_| open(address)).collect();
        for (index, client) in waiting.iter_mut().enumerate() {
            client.write_all(&connect(&format!("c{index}"))).expect("the kernel takes it");
        }

        let _second = start();

        for client in &mut waiting {
            assert_eq!(answer(client), CONNACK);
        }
        over.store(true, Ordering::Relaxed);
        assert!(visitor.join().expect("never refused") > 0);
    });
}

#[test]
fn a_password_file_may_be_a_credential() {
    let home = Home::new();
    let credentials = home.path("credentials");
    std::fs::create_dir(&credentials).expect("ours");
    let file = credentials.join("passwords");
    add_user(&file, "ann", "secret");
    std::fs::set_permissions(&file, Permissions::from_mode(0o400)).expect("ours");
    let config =
        format!("{LISTENER}auth = ['password']\n[auth]\npassword_file = 'credential:passwords'\n");
    let environment = [("CREDENTIALS_DIRECTORY", credentials.to_str().expect("UTF-8"))];

    let service = Service::start(&home, &config, &environment);

    assert_eq!(login(service.address("mqtt"), "ann", "secret"), CONNACK);
}

#[test]
fn a_credential_that_nobody_gives_is_a_mistake_to_serve_with_and_none_to_check() {
    let home = Home::new();
    let config =
        format!("{LISTENER}[auth]\nchain = ['password']\npassword_file = 'credential:p'\n");

    let (status, said) = Service::start(&home, &config, &[]).wait();

    assert_eq!(status.code(), Some(2));
    let place = format!("{}:7: auth.password_file: ", home.text("fulmar.toml"));
    assert!(said.contains(&place) && said.contains("LoadCredential=p:FILE"), "{said}");
    let mut check = fulmar();
    check.arg("check").arg("--config").arg(home.path("fulmar.toml"));
    let checked = check.env_remove("CREDENTIALS_DIRECTORY").output().expect("runs");
    assert!(checked.status.success());
    assert!(String::from_utf8_lossy(&checked.stdout).contains("\"credential:p\""));
}

#[test]
fn data_is_kept_in_the_state_directory() {
    let home = Home::new();
    let state = home.path("state");
    std::fs::create_dir(&state).expect("ours");
    let whole = command(&home, LISTENER);
    let arguments: Vec<_> = whole.get_args().take_while(|it| *it != "--data-dir").collect();
    let mut command = fulmar();
    command.args(arguments).env("STATE_DIRECTORY", &state);
    command.stderr(std::process::Stdio::piped());

    let service = Service::spawn(command);

    service.await_log("ready");
    assert!(state.read_dir().expect("there").count() > 0);
}

/// Whether the broker closes `socket` without a word.
fn is_closed(socket: &mut TcpStream) -> bool {
    match socket.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}
