use super::{config_of, load_file, mistakes_of};

#[test]
fn all_mistakes_are_reported_at_once_with_line_and_key() {
    let report = mistakes_of(
        r#"port = 1883
session = 3

[limits]
connections_max = "many"
packet_bytes_max = 1_000.5
backlog = 5

[[listeners]]
address = "localhost:1883"

[[listeners]]
adress = "127.0.0.1:1884"
allow_anonymous = "yes"

[tcp]
backlog = -3
keepalive_secs = [60]

[mqtt]
maximum_qos = 3
retain_available = "true"
session_expiry_max_secs = "forever"
response_information = 5

[store]
engine = "rocks"

[log]
filter = "inof"
"#,
    );

    let expected = r#"FILE:1: port: unknown key
FILE:2: session: must be a section, as in [session], not 3
FILE:5: limits.connections_max: must be a whole number, not "many"
FILE:6: limits.packet_bytes_max: must be a whole number, not a number with a point
FILE:7: limits.backlog: unknown key; did you mean tcp.backlog?
FILE:10: listeners.address: must be an IP address and a port, as in "127.0.0.1:1883" or "[::1]:1883", not "localhost:1883"
FILE:12: listeners.address: is missing
FILE:13: listeners.adress: unknown key; did you mean listeners.address?
FILE:14: listeners.allow_anonymous: must be true, false or "loopback", not "yes"
FILE:17: tcp.backlog: must be at least 1
FILE:18: tcp.keepalive_secs: must be a whole number, not a list
FILE:21: mqtt.maximum_qos: must be at most 2
FILE:22: mqtt.retain_available: must be true or false, not "true"
FILE:23: mqtt.session_expiry_max_secs: must be seconds or "never", not "forever"
FILE:24: mqtt.response_information: must be a text in quotes, not 5
FILE:27: store.engine: must be "memory", "sled" or "fjall", not "rocks"
FILE:30: log.filter: "inof" is not a level (off, error, warn, info, debug, trace)"#;
    assert_eq!(report, expected);
}

#[test]
fn an_engine_in_memory_promises_nothing() {
    assert_eq!(
        mistakes_of("[store]\nengine = \"memory\"\n"),
        "FILE:2: store.engine: keeps nothing on disk: choose \"sled\" or \"fjall\", or set store.durability to \"memory\""
    );
    config_of("[store]\nengine = \"memory\"\ndurability = \"memory\"\n");
    config_of("[store]\ndurability = \"memory\"\n");
}

#[test]
fn a_misspelt_name_gets_a_suggestion() {
    for (text, expected) in [
        ("[sesion]", "FILE:1: sesion: unknown section; did you mean [session]?"),
        ("[[listener]]", "FILE:1: listener: unknown section; did you mean [listeners]?"),
        (
            "session.queue_message_max = 5",
            "FILE:1: session.queue_message_max: unknown key; did you mean session.queue_messages_max?",
        ),
        (
            "queue_messages_max = 5",
            "FILE:1: queue_messages_max: unknown key; did you mean session.queue_messages_max?",
        ),
        ("[bridge]", "FILE:1: bridge: unknown section"),
    ] {
        assert_eq!(mistakes_of(text), expected);
    }
}

#[test]
fn a_number_beyond_all_integers_is_only_too_great() {
    let nines = "9".repeat(60);
    let text = format!("[session]\nqueue_bytes_max = {nines}\nqueue_messages_max = -{nines}");

    let expected = "FILE:2: session.queue_bytes_max: must be at most 1_099_511_627_776\n\
        FILE:3: session.queue_messages_max: must be at least 1";
    assert_eq!(mistakes_of(&text), expected);
}

#[test]
fn broken_syntax_is_reported_with_its_lines() {
    let report = mistakes_of("[session]\nqueue_full = refuse_new\n\n[tcp\n");

    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.len(), 2, "{report}");
    assert!(lines[0].starts_with("FILE:2: "), "{report}");
    assert!(lines[1].starts_with("FILE:4: "), "{report}");
}

#[test]
fn a_key_written_twice_is_broken_syntax() {
    let report = mistakes_of("[session]\nqueue_messages_max = 1\nqueue_messages_max = 2\n");

    assert_eq!(report, "FILE:3: duplicate key");
}

#[test]
fn two_listeners_never_share_an_address() {
    for (first, second, expected) in [
        ("127.0.0.1:1883", "127.0.0.1:1883", Some("127.0.0.1:1883 is listened on twice")),
        (
            "0.0.0.0:1883",
            "127.0.0.1:1883",
            Some("0.0.0.0:1883 and 127.0.0.1:1883 overlap: one of them covers all addresses"),
        ),
        ("127.0.0.1:1883", "127.0.0.1:1884", None),
        ("127.0.0.1:1883", "127.0.0.2:1883", None),
        ("0.0.0.0:1883", "[::]:1883", None),
        ("127.0.0.1:0", "127.0.0.1:0", None),
    ] {
        let text =
            format!("[[listeners]]\naddress = {first:?}\n[[listeners]]\naddress = {second:?}");
        let expected = expected.map(|text| format!("FILE:3: listeners: {text}"));
        assert_eq!(load_file(&text).err(), expected, "{first} and {second}");
    }
}

#[test]
fn two_listeners_never_share_a_name() {
    let text = "[[listeners]]\naddress = '127.0.0.1:1'\nname = 'a'\n\
        [[listeners]]\naddress = '127.0.0.1:2'\nname = 'a'";

    assert_eq!(mistakes_of(text), "FILE:4: listeners: the name \"a\" is used twice");
}

#[test]
fn a_broker_listens_somewhere() {
    assert_eq!(mistakes_of("\nlisteners = []"), "FILE:2: listeners: at least one is needed");
    let not_a_list = "FILE:1: listeners: must be a list, as in [[listeners]]";
    assert_eq!(mistakes_of("[listeners]\naddress = '127.0.0.1:1883'"), not_a_list);
}

#[test]
fn what_is_hardly_meant_is_a_warning() {
    for (text, expected) in [
        (
            "[[listeners]]\naddress = '0.0.0.0:1883'",
            ":1: listeners: 0.0.0.0:1883 accepts no client: set auth.chain, or to let everyone in, set allow_anonymous = true or start with --allow-anonymous",
        ),
        (
            "session.queue_bytes_max = 1_024\nlimits.packet_bytes_max = 1_025",
            ":2: limits.packet_bytes_max: is more than session.queue_bytes_max: the longest packets fit no queue",
        ),
        (
            "session.queue_bytes_max = 1_024\n[[listeners]]\naddress = '127.0.0.1:1'\nlimits.packet_bytes_max = 1_025",
            ":4: listeners.limits.packet_bytes_max: is more than session.queue_bytes_max: the longest packets fit no queue",
        ),
        (
            "session.sessions_max = 10\nlimits.connections_max = 11",
            ":2: limits.connections_max: is more than session.sessions_max: the last connections find no session",
        ),
        (
            "tcp.keepalive_secs = 0\ntcp.keepalive_probes = 2",
            ":2: tcp.keepalive_probes: has no effect while tcp.keepalive_secs is 0",
        ),
        (
            "limits.busy_latency_ms = 100\nlimits.closed_latency_ms = 99",
            ":2: limits.closed_latency_ms: is less than limits.busy_latency_ms: connections are closed before anybody is told",
        ),
        (
            "bans.ban_secs = 11\nbans.ban_secs_max = 10",
            ":1: bans.ban_secs: is more than bans.ban_secs_max, which holds",
        ),
    ] {
        let loaded = load_file(text).expect("a warning is no mistake");
        let [warning] = loaded.warnings.as_slice() else { panic!("{:?}", loaded.warnings) };
        assert!(warning.to_string().ends_with(expected), "{warning}");
    }
}
