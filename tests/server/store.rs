//! What clients, operators and the service manager hear of the store.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use fulmar::codec::Packet;
use fulmar::config::{Durability, Listener, Own, Store};
use fulmar::types::Protocol::{V5, V311};
use fulmar::types::{PacketId, QoS, ReasonCode};
use tempfile::TempDir;

use crate::client::{Client, connect, publish, subscribe};
use crate::process::Process;
use crate::{address, loopback, start};

#[test]
fn connack_and_sys_tell_the_level_in_force() {
    let server = start(|config| config.sys.interval_secs = 3600);
    let mut client = Client::open(address(&server), V5);
    client.send(&connect(V5, "c"));
    let connack = client.read_packet().expect("CONNACK");
    assert!(connack.ends_with(b"\x26\0\x0adurability\0\x06memory"), "{connack:?}");

    client.send(&subscribe("$SYS/broker/store/durability"));
    assert_eq!(client.read_packet().expect("SUBACK")[0], 0x90);
    let told = client.read_packet().expect("a retained message");
    assert!(told.ends_with(b"memory"), "{told:?}");

    let quiet = start(|config| config.mqtt.announce_durability = false);
    let mut client = Client::open(address(&quiet), V5);
    client.send(&connect(V5, "c"));
    assert_eq!(client.read_packet().expect("CONNACK"), b"\x20\x09\0\0\x06\x22\0\x0a\x21\x01\0");
}

#[test]
fn connack_tells_the_level_of_the_listener_and_sys_that_of_the_store() {
    let home = TempDir::new().expect("temporary directory");
    let server = start(|config| {
        config.sys.interval_secs = 3600;
        config.store = Store { data_dir: Some(home.path().join("data")), ..Store::default() };
        let durability = Own(Some(Durability::Memory));
        config.listeners.push(Listener { durability, ..loopback() });
    });

    for (address, level) in server.addresses().iter().zip(["disk", "memory"]) {
        let mut client = Client::open(*address, V5);
        client.send(&connect(V5, level));
        let connack = client.read_packet().expect("CONNACK");
        assert!(connack.ends_with(level.as_bytes()), "{level}: {connack:?}");

        client.send(&subscribe("$SYS/broker/store/durability"));
        assert_eq!(client.read_packet().expect("SUBACK")[0], 0x90);
        let told = client.read_packet().expect("a retained message");
        assert!(told.ends_with(b"disk"), "{told:?}");
    }
}

#[test]
fn the_service_manager_hears_of_the_start_of_a_store_and_of_the_end() {
    let home = TempDir::new().expect("temporary directory");
    let manager = Manager::listen(&home);
    let data = home.path().join("data");
    let environment = [
        ("NOTIFY_SOCKET", manager.path.as_str()),
        ("FULMAR_STORE__ENGINE", "sled"),
        ("FULMAR_STORE__DURABILITY", "disk"),
        ("FULMAR_STORE__DATA_DIR", data.to_str().expect("UTF-8")),
    ];

    let mut server = Process::start(&environment);
    assert_eq!(manager.next(), "STATUS=opening the store\nEXTEND_TIMEOUT_USEC=600000000\n");
    let recovering = manager.next();
    assert!(
        recovering.starts_with("STATUS=recovering: 0 records, 0 MiB read in 0 s\n"),
        "{recovering}"
    );
    assert!(recovering.contains("EXTEND_TIMEOUT_USEC=60000000"), "{recovering}");
    assert_eq!(manager.next(), "READY=1\nSTATUS=serving\n");

    server.signal("TERM");
    assert!(manager.next().starts_with("STOPPING=1\nSTATUS=stopping\n"));
    assert_eq!(server.wait().code(), Some(0));
}

/// The kernel refuses to make files longer than a few megabytes.
#[test]
fn a_store_that_fails_ends_the_server_in_good_order_and_the_next_start_has_what_was_acknowledged() {
    let home = TempDir::new().expect("temporary directory");
    let data = home.path().join("data");
    let environment = [
        ("FULMAR_STORE__ENGINE", "sled"),
        ("FULMAR_STORE__DURABILITY", "disk"),
        ("FULMAR_STORE__DATA_DIR", data.to_str().expect("UTF-8")),
        ("FULMAR_STORE__BALLAST_BYTES", "0"),
    ];
    let mut server = Process::start_with_short_files(&environment);
    let mut client = Client::connect(server.address, V5, "c");

    let mut acknowledged = 0;
    while publish_retained(&mut client, acknowledged + 1) {
        acknowledged += 1;
    }

    assert_eq!(server.wait().code(), Some(1));
    assert!(server.said.contains("nothing could be kept any more"), "{}", server.said);
    let server = Process::start(&environment);
    let mut client = Client::connect(server.address, V311, "reader");
    client.send(&subscribe("kept/#"));
    assert_eq!(client.read_packet().expect("SUBACK")[0], 0x90);
    for _ in 0..acknowledged {
        assert_eq!(client.read_packet().expect("a retained message")[0] & 0xF0, 0x30);
    }
}

/// Whether it was acknowledged.
fn publish_retained(client: &mut Client, number: u16) -> bool {
    let topic = format!("kept/{number}");
    let payload = vec![number as u8; 50_000];
    let mut packet = publish(&topic, &payload);
    if let Packet::Publish(publish) = &mut packet {
        publish.retain = true;
        publish.qos = QoS::AtLeastOnce;
        publish.packet_id = PacketId::new(number);
    }
    client.send(&packet);
    match client.read_packet().expect("an answer, or the reason why there is none") {
        puback if puback[0] == 0x40 => true,
        goodbye => {
            assert_eq!((goodbye[0], goodbye[2]), (0xE0, ReasonCode::ServerShuttingDown.byte()));
            false
        }
    }
}

/// What a service manager listens on.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn listen(home: &TempDir) -> Self {
        let path = home.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a free name");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("above zero");
        Self { socket, path: path.to_str().expect("UTF-8").to_owned() }
    }

    /// The next thing it is told.
    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("something is told");
        String::from_utf8(buffer[..length].to_vec()).expect("UTF-8")
    }
}
