use fulmar::config::{Config, Listener, QueueFull, SessionExpiryMax, Sources, load};

use super::{TempFile, config_of, environment, load_environment};

#[test]
fn a_file_says_only_what_it_changes() {
    let config = config_of("session.queue_messages_max = 10");

    let mut expected = Config::default();
    expected.session.queue_messages_max = 10;
    assert_eq!(config, expected);
}

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let file =
        TempFile::new("[log]\nfilter = 'warn'\nformat = 'json'\n[store]\ndata_dir = '/file'");
    let mut sources = Sources { file: Some(file.0.clone()), ..Sources::default() };
    let filter = |sources: &Sources| {
        load(sources).expect("no source has a mistake").config.log.filter.as_str().to_owned()
    };

    assert_eq!(filter(&sources), "warn");
    sources.environment = environment(&[("FULMAR_LOG__FILTER", "error")]);
    assert_eq!(filter(&sources), "error");
    sources.environment.insert(0, ("FULMAR_LOG".into(), "info".into()));
    assert_eq!(filter(&sources), "info");
    sources.log = Some("debug".into());
    assert_eq!(filter(&sources), "debug");
}

#[test]
fn every_kind_of_value_can_come_from_the_environment() {
    let loaded = load_environment(&[
        ("FULMAR_SESSION__QUEUE_MESSAGES_MAX", "1_000"),
        ("FULMAR_SESSION__QUEUE_FULL", "drop_oldest"),
        ("FULMAR_MQTT__RETAIN_AVAILABLE", "false"),
        ("FULMAR_MQTT__MAXIMUM_QOS", "1"),
        ("FULMAR_MQTT__SESSION_EXPIRY_MAX_SECS", "3600"),
        ("FULMAR_STORE__DATA_DIR", "/srv/fulmar"),
    ]);

    let config = loaded.expect("the variables have no mistake").config;
    assert_eq!(config.session.queue_messages_max, 1_000);
    assert_eq!(config.session.queue_full, QueueFull::DropOldest);
    assert!(!config.mqtt.retain_available);
    assert_eq!(config.mqtt.maximum_qos.bits(), 1);
    assert_eq!(config.mqtt.session_expiry_max_secs, SessionExpiryMax::Secs(3_600));
    assert_eq!(config.store.data_dir, Some("/srv/fulmar".into()));
}

#[test]
fn mistakes_of_all_sources_stand_in_one_list() {
    let file = TempFile::new("session.queue_messages_max = 0");
    let sources = Sources {
        file: Some(file.0.clone()),
        environment: environment(&[
            ("FULMAR_TCP__BACKLOG", "many"),
            ("FULMAR_SESSION__QUEUE_MESSAGE_MAX", "1"),
            ("FULMAR_MQTT__MAXIMUM_QOS", "3"),
            ("FULMAR_ALLOW_ANONYMOUS", "perhaps"),
            ("FULMAR_LISTENERS", "127.0.0.1:1883, 127.0.0.1"),
            ("FULMAR_LISTENER", "127.0.0.1:1883"),
        ]),
        listen: vec!["1883".into()],
        log: Some("loud".into()),
        ..Sources::default()
    };

    let report = load(&sources).expect_err("there are mistakes").to_string();

    let wanted =
        "must be an IP address and a port, as in \"127.0.0.1:1883\" or \"[::1]:1883\", not";
    let expected = format!(
        "FILE:1: session.queue_messages_max: must be at least 1\n\
         FULMAR_ALLOW_ANONYMOUS: must be true or false, not \"perhaps\"\n\
         FULMAR_LISTENER: unknown variable; did you mean FULMAR_LISTENERS?\n\
         FULMAR_LISTENERS: {wanted} \"127.0.0.1\"\n\
         FULMAR_MQTT__MAXIMUM_QOS: must be at most 2\n\
         FULMAR_SESSION__QUEUE_MESSAGE_MAX: unknown variable; \
         did you mean FULMAR_SESSION__QUEUE_MESSAGES_MAX?\n\
         FULMAR_TCP__BACKLOG: must be a whole number, not \"many\"\n\
         --listen: {wanted} \"1883\"\n\
         --log: \"loud\" is not a level (off, error, warn, info, debug, trace)"
    );
    assert_eq!(file.strip(&report), expected);
}

#[test]
fn variables_of_others_are_left_alone() {
    let loaded = load_environment(&[
        ("HOME", "/home/ada"),
        ("MOSQUITTO_FULMAR_X", "1"),
        ("FULMAR_TEST_SEED", "7"),
        ("FULMAR_CONFIG", "anywhere.toml"),
    ]);

    assert_eq!(loaded.expect("none of them is a mistake").config, Config::default());
}

#[test]
fn listeners_can_be_replaced() {
    let file = TempFile::new("[[listeners]]\naddress = '127.0.0.1:5'\nname = 'file'");
    let mut sources = Sources { file: Some(file.0.clone()), ..Sources::default() };
    sources.environment = environment(&[("FULMAR_LISTENERS", "127.0.0.1:6, [::1]:6")]);
    assert_eq!(addresses(&sources), ["127.0.0.1:6", "[::1]:6"]);

    sources.listen = vec!["127.0.0.1:7".into()];
    assert_eq!(addresses(&sources), ["127.0.0.1:7"]);
}

#[test]
fn strangers_come_in_only_where_that_is_written() {
    for (written, expected) in [
        ("address = '127.0.0.1:1'", true),
        ("address = '127.255.0.1:1'", true),
        ("address = '[::1]:1'", true),
        ("address = '[::ffff:127.0.0.1]:1'", true),
        ("address = '0.0.0.0:1'", false),
        ("address = '[::]:1'", false),
        ("address = '192.168.0.1:1'", false),
        ("address = '0.0.0.0:1'\nallow_anonymous = 'loopback'", false),
        ("address = '0.0.0.0:1'\nallow_anonymous = true", true),
        ("address = '127.0.0.1:1'\nallow_anonymous = false", false),
    ] {
        let config = config_of(&format!("[[listeners]]\n{written}"));
        assert_eq!(config.listeners[0].allow_anonymous, expected, "{written}");
    }
}

#[test]
fn one_word_opens_every_listener() {
    let listen = vec!["0.0.0.0:1883".into(), "127.0.0.1:1884".into()];
    let open = |sources: &Sources| -> Vec<bool> {
        let listeners = load(sources).expect("no source has a mistake").config.listeners;
        listeners.iter().map(|listener| listener.allow_anonymous).collect()
    };

    let closed = Sources { listen, ..Sources::default() };
    assert_eq!(open(&closed), [false, true]);
    assert_eq!(open(&Sources { allow_anonymous: true, ..closed }), [true, true]);

    let mut by_variable = Sources {
        environment: environment(&[
            ("FULMAR_ALLOW_ANONYMOUS", "true"),
            ("FULMAR_LISTENERS", "0.0.0.0:1883"),
        ]),
        ..Sources::default()
    };
    assert_eq!(open(&by_variable), [true]);
    by_variable.environment.reverse();
    assert_eq!(open(&by_variable), [true]);
}

#[test]
fn a_listener_without_a_name_is_called_by_its_address() {
    let config = config_of("[[listeners]]\naddress = '127.0.0.1:5'\nname = ''");

    let address = "127.0.0.1:5".parse().expect("an address");
    let expected =
        Listener { name: "127.0.0.1:5".into(), allow_anonymous: true, ..Listener::at(address) };
    assert_eq!(config.listeners, [expected]);
}

#[test]
fn lists_are_written_with_brackets_and_in_variables_with_commas() {
    use fulmar::config::AuthSource::{Anonymous, Jwt, Password};
    let keys = "auth.password_file = 'p'\nauth.jwt_secret_files = ['s']\n";
    for (written, expected) in [
        ("['jwt', 'password']", vec![Jwt, Password]),
        ("'anonymous'", vec![Anonymous]),
        ("[]", vec![]),
        ("''", vec![]),
    ] {
        assert_eq!(config_of(&format!("{keys}auth.chain = {written}")).auth.chain, expected);
    }
    let variables = [
        ("FULMAR_AUTH__CHAIN", "jwt, password"),
        ("FULMAR_AUTH__PASSWORD_FILE", "p"),
        ("FULMAR_AUTH__JWT_SECRET_FILES", "s,t"),
    ];
    let loaded = load_environment(&variables).expect("no mistake").config.auth;
    assert_eq!(loaded.chain, [Jwt, Password]);
    assert_eq!(loaded.jwt_secret_files.len(), 2);
}

#[test]
fn a_listener_asks_the_common_sources_unless_it_has_its_own() {
    use fulmar::config::AuthSource::{Anonymous, Password};
    let common = [Password];
    for (written, expected) in [
        ("", vec![Password]),
        ("auth = 'common'", vec![Password]),
        ("auth = ['anonymous']", vec![Anonymous]),
        ("auth = []", vec![]),
    ] {
        let config = config_of(&format!("[[listeners]]\naddress = '127.0.0.1:5'\n{written}"));
        assert_eq!(config.listeners[0].auth.chain(&common), expected, "{written}");
    }
}

fn addresses(sources: &Sources) -> Vec<String> {
    let listeners = load(sources).expect("no source has a mistake").config.listeners;
    listeners.iter().map(|listener| listener.endpoint.to_string()).collect()
}
