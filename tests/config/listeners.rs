use fulmar::config::{Endpoint, LIST_ENTRIES_MAX, MESSAGE_BYTES_MAX, Sources, effective, load};

use super::{TempFile, load_file, mistakes_of};

#[test]
fn all_that_contradicts_itself_in_a_listener_is_reported_with_its_lines() {
    let report = mistakes_of(
        r#"[[listeners]]
address = "127.0.0.1:1883"
tls.cert = "server.crt"
websocket.path = "/ws"
proxy_protocol = true

[[listeners]]
address = "127.0.0.1:8883"
protocol = "mqtts"
tls.client_certificates = "required"

[[listeners]]
address = "127.0.0.1:8884"
protocol = "wss"
tls.cert = ["a.crt", "b.crt"]
tls.key = "a.key"
tls.ca = "ca.crt"
tls.crl = "list.crl"
proxy_trusted = "10.0.0.1"

[[listeners]]
address = "127.0.0.1:8885"
unix.path = "/run/mqtt.sock"

[[listeners]]
unix.mode = "0600"

[[listeners]]
address = "127.0.0.1:8886"
protocol = "mqtts"
tls.cert = "server.crt"
tls.minimum_version = "1.3"
tls.ciphers = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
"#,
    );

    let expected = r#"FILE:3: listeners.tls.cert: needs protocol = "mqtts" or "wss"
FILE:4: listeners.websocket.path: needs protocol = "ws" or "wss"
FILE:7: listeners.tls.cert: is missing: mqtts and wss need a certificate
FILE:7: listeners.tls.ca: is missing: client certificates come from an authority
FILE:1: listeners.proxy_trusted: is empty: name the addresses of the proxies
FILE:16: listeners.tls.key: must name as many files as tls.cert: 2, not 1
FILE:17: listeners.tls.ca: needs tls.client_certificates = "optional" or "required"
FILE:18: listeners.tls.crl: needs tls.client_certificates = "optional" or "required"
FILE:19: listeners.proxy_trusted: needs proxy_protocol = true
FILE:23: listeners.unix.path: stands beside an address: a listener has one of them
FILE:25: listeners.address: is missing
FILE:26: listeners.unix.mode: needs unix.path
FILE:33: listeners.tls.ciphers: names none of TLS 1.3, which is all that is spoken"#;
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&report), sorted(expected));
}

#[test]
fn values_that_cannot_be_are_reported_with_what_they_must_be() {
    for (line, expected) in [
        ("protocol = 'tcp'", r#"protocol: must be "mqtt", "mqtts", "ws" or "wss", not "tcp""#),
        ("unix.mode = 660", r#"unix.mode: must be octal digits in quotes, as in "0660", not 660"#),
        (
            "proxy_trusted = 'host'",
            "proxy_trusted: \"host\" must be an IP address or a network, \
             as in 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32",
        ),
        (
            "websocket.path = 'mqtt'",
            r#"websocket.path: must be the path of a URL, as in "/mqtt", not "mqtt""#,
        ),
        ("tls.cert = 5", "tls.cert: must be a text in quotes or a list of such texts, not 5"),
        ("tls.cert = ['']", r#"tls.cert: must name a file, not """#),
        ("tls.certs = 'a'", "tls.certs: unknown key; did you mean listeners.tls.cert?"),
        ("tsl.cert = 'a'", "tsl: unknown key"),
    ] {
        let report = mistakes_of(&format!("[[listeners]]\naddress = '127.0.0.1:1'\n{line}"));
        assert_eq!(report, format!("FILE:3: listeners.{expected}"));
    }
    let report = mistakes_of("[[listeners]]\naddress = '127.0.0.1:1'\ntls.ciphers = 'RC4'");
    assert!(report.contains("\"RC4\" is none of TLS13_AES_256_GCM_SHA384, "), "{report}");
}

#[test]
fn numbers_and_lists_have_their_limits() {
    let length = |bytes: u64| {
        format!(
            "[[listeners]]\naddress = '127.0.0.1:1'\nprotocol = 'ws'\nwebsocket.message_bytes_max = {bytes}"
        )
    };
    assert!(load_file(&length(128)).is_ok() && load_file(&length(MESSAGE_BYTES_MAX)).is_ok());
    assert!(mistakes_of(&length(127)).contains("must be at least 128"));
    assert!(mistakes_of(&length(MESSAGE_BYTES_MAX + 1)).contains("must be at most 1_073_741_824"));

    let list = |count: usize| {
        let entries = vec!["'10.0.0.1'"; count].join(", ");
        format!(
            "[[listeners]]\naddress = '127.0.0.1:1'\nproxy_protocol = true\nproxy_trusted = [{entries}]"
        )
    };
    assert!(load_file(&list(LIST_ENTRIES_MAX)).is_ok());
    assert!(mistakes_of(&list(LIST_ENTRIES_MAX + 1)).contains("must have at most 64 entries"));
}

#[test]
fn a_limit_of_a_listener_is_its_own_or_the_common_one() {
    let written = |value: &str| {
        format!("[[listeners]]\naddress = '127.0.0.1:1'\nlimits.connections_max = {value}")
    };
    let own = |value: &str| {
        let config = load_file(&written(value)).expect("no mistakes").config;
        config.listeners[0].limits.connections_max.0
    };
    assert_eq!([own("1"), own("10_000_000"), own("'common'")], [Some(1), Some(10_000_000), None]);
    assert!(mistakes_of(&written("0")).contains("must be at least 1"));
    assert!(mistakes_of(&written("10_000_001")).contains("must be at most 10_000_000"));
    let wanted = "must be \"common\", or 1 to 10_000_000, not \"many\"";
    assert!(mistakes_of(&written("'many'")).contains(wanted));
}

#[test]
fn the_packets_of_a_listener_are_as_long_as_those_of_mqtt_at_most() {
    let written = |value: &str| {
        format!("[[listeners]]\naddress = '127.0.0.1:1'\nlimits.packet_bytes_max = {value}")
    };
    let own = |value: &str| {
        let config = load_file(&written(value)).expect("no mistakes").config;
        config.listeners[0].limits.packet_bytes_max.0
    };
    assert_eq!([own("128"), own("268_435_455")], [Some(128), Some(268_435_455)]);
    let least = "FILE:3: listeners.limits.packet_bytes_max: must be at least 128";
    assert_eq!(mistakes_of(&written("127")), least);
    assert!(mistakes_of(&written("268_435_456")).contains("must be at most 268_435_455"));
}

#[test]
fn a_listener_promises_what_the_store_gives_or_nothing() {
    let written = |store: &str, own: &str| {
        format!(
            "store.durability = '{store}'\n[[listeners]]\naddress = '127.0.0.1:1'\ndurability = '{own}'"
        )
    };
    for (store, own) in [
        ("disk", "disk"),
        ("disk", "memory"),
        ("disk", "common"),
        ("os", "os"),
        ("os", "memory"),
        ("memory", "memory"),
    ] {
        assert!(load_file(&written(store, own)).is_ok(), "{store} {own}");
    }
    for (store, own) in [("os", "disk"), ("memory", "disk"), ("memory", "os")] {
        assert_eq!(
            mistakes_of(&written(store, own)),
            format!(
                "FILE:4: listeners.durability: is more than store.durability = {store:?} gives"
            )
        );
    }
    assert_eq!(
        mistakes_of(&written("disk", "os")),
        "FILE:4: listeners.durability: is not to be had: a listener has store.durability = \"disk\" or \"memory\""
    );
    let unknown = r#"must be "common", or "memory", "os" or "disk", not "tape""#;
    assert!(mistakes_of(&written("disk", "tape")).ends_with(unknown));
}

#[test]
fn two_listeners_never_share_a_file() {
    let text = "[[listeners]]\nunix.path = '/a'\nname = 'x'\n[[listeners]]\nunix.path = '/a'";
    assert_eq!(mistakes_of(text), "FILE:4: listeners: /a is listened on twice");
}

#[test]
fn keys_may_stand_in_tables_of_their_own() {
    let text = "[[listeners]]\nprotocol = 'wss'\naddress = '127.0.0.1:1'\n\
        tls = { cert = 'a.pem' }\n[listeners.websocket]\npath = '/x'";
    let config = load_file(text).expect("no mistakes").config;

    let listener = &config.listeners[0];
    assert_eq!(listener.websocket.as_ref().expect("ws").path.0, "/x");
    assert_eq!(listener.tls.as_ref().expect("tls").cert, [std::path::PathBuf::from("a.pem")]);
}

#[test]
fn what_is_in_effect_says_everything_of_each_listener() {
    let text = r#"
[[listeners]]
address = "[::1]:8883"
protocol = "wss"
tls.cert = ["a.crt", "b.crt"]
tls.key = ["a.key", "b.key"]
tls.client_certificates = "optional"
tls.ca = "ca.crt"
tls.crl = "list.crl"
tls.minimum_version = "1.3"
tls.ciphers = ["TLS13_AES_128_GCM_SHA256"]
tls.allow_readable_key = true
websocket.path = "/x"
websocket.origins = ["https://a.test"]
websocket.message_bytes_max = 1_000
proxy_protocol = true
proxy_trusted = ["10.0.0.0/8", "::1"]
durability = "memory"
limits.connections_max = 10
limits.unauthenticated_max = 9
limits.connections_per_address_max = 8
limits.unauthenticated_per_address_max = 0
limits.connects_per_minute_per_address = 6
limits.connects_burst_per_address = 5
limits.publish_messages_per_second = 4
limits.publish_bytes_per_second = 3
limits.packet_bytes_max = 200

[[listeners]]
unix.path = "/run/mqtt.sock"
unix.mode = "0600"
proxy_protocol = true
"#;
    let loaded = load_file(text).expect("no mistakes");

    let file = TempFile::new(effective(&loaded));
    let again = load(&Sources { file: Some(file.0.clone()), ..Sources::default() });

    assert_eq!(again.expect("no mistakes").config.listeners, loaded.config.listeners);
}

#[test]
fn whoever_comes_by_a_file_is_local_and_whoever_comes_by_a_proxy_is_not() {
    let text = "[[listeners]]\nunix.path = '/a'\n[[listeners]]\nunix.path = '/b'\nproxy_protocol = true\n\
        [[listeners]]\naddress = '127.0.0.1:1'\nproxy_protocol = true\nproxy_trusted = '127.0.0.1'";
    let config = load_file(text).expect("no mistakes").config;

    let open: Vec<bool> =
        config.listeners.iter().map(|listener| listener.allow_anonymous).collect();
    assert_eq!(open, [true, false, false]);
    assert!(matches!(config.listeners[0].endpoint, Endpoint::Unix(_)));
}
