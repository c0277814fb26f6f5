use fulmar::config::{FILE_BYTES_MAX, Key, LISTENERS_MAX, keys};

use super::{load_environment, load_file, mistakes_of};

#[test]
fn every_number_is_accepted_at_its_limits_and_refused_one_past_them() {
    for key in keys().filter(|key| !TEXTS.contains(&key.path().as_str())) {
        let Some(range) = &key.range else { continue };
        let (least, greatest) = (i128::from(*range.start()), i128::from(*range.end()));

        assert_eq!(set(key, least), Ok(least), "{}", key.path());
        assert_eq!(set(key, greatest), Ok(greatest), "{}", key.path());
        assert!(set(key, least - 1).unwrap_err().contains("must be at least "), "{}", key.path());
        assert!(set(key, greatest + 1).unwrap_err().contains("must be at most "), "{}", key.path());
    }
}

#[test]
fn the_default_of_every_number_lies_within_its_limits() {
    let config = fulmar::config::Config::default();
    for key in keys().filter(|key| !TEXTS.contains(&key.path().as_str())) {
        let (Some(range), Ok(default)) = (&key.range, number(&key.show(&config))) else { continue };
        assert!(range.contains(&u64::try_from(default).expect("it is positive")), "{}", key.path());
    }
}

#[test]
fn texts_have_a_length() {
    for path in TEXTS {
        let key = keys().find(|key| key.path() == path).expect("the key is in the table");
        let longest = *key.range.as_ref().expect("its length is limited").end() as usize;
        let written = |length| format!("{path} = \"{}\"", valid_text(path, length));

        assert!(load_file(&written(longest)).is_ok(), "{path}");
        assert!(mistakes_of(&written(longest + 1)).contains("bytes long"), "{path}");
    }
}

#[test]
fn texts_hold_no_null() {
    let report = mistakes_of("mqtt.response_information = \"a\\u0000\"");

    assert_eq!(report, "FILE:1: mqtt.response_information: must not contain the character U+0000");
}

#[test]
fn the_name_of_a_listener_has_a_length() {
    let written =
        |length| format!("[[listeners]]\naddress = '127.0.0.1:1'\nname = '{}'", "n".repeat(length));

    assert!(load_file(&written(64)).is_ok());
    assert_eq!(mistakes_of(&written(65)), "FILE:3: listeners.name: must be at most 64 bytes long");
}

#[test]
fn the_number_of_listeners_is_limited() {
    let written = |count: usize| -> String {
        let listener = |port: usize| format!("[[listeners]]\naddress = '127.0.0.1:{port}'\n");
        (1..=count).map(listener).collect()
    };

    assert!(load_file(&written(LISTENERS_MAX)).is_ok());
    let line = 2 * LISTENERS_MAX + 1;
    let expected = format!("FILE:{line}: listeners: at most {LISTENERS_MAX} are possible");
    assert_eq!(mistakes_of(&written(LISTENERS_MAX + 1)), expected);
}

#[test]
fn the_length_of_the_file_is_limited() {
    let longest = usize::try_from(FILE_BYTES_MAX).expect("it fits in memory");

    assert!(load_file(&"#".repeat(longest)).is_ok());
    let expected = format!("FILE: is longer than {FILE_BYTES_MAX} bytes");
    assert_eq!(mistakes_of(&"#".repeat(longest + 1)), expected);
}

/// Keys whose range is a length in bytes.
const TEXTS: [&str; 10] = [
    "auth.jwt_issuer",
    "auth.jwt_audience",
    "auth.jwt_username_claim",
    "auth.jwt_groups_claim",
    "auth.jwt_publish_claim",
    "auth.jwt_subscribe_claim",
    "auth.http_url",
    "auth.http_access_url",
    "mqtt.response_information",
    "log.filter",
];

fn set(key: &Key<fulmar::config::Config>, value: i128) -> Result<i128, String> {
    let variable = key.variable();
    let loaded = load_environment(&[(variable.as_str(), value.to_string().as_str())]);
    let loaded = loaded.map_err(|mistakes| mistakes.to_string())?;
    number(&key.show(&loaded.config)).map_err(|error| error.to_string())
}

fn number(shown: &str) -> Result<i128, std::num::ParseIntError> {
    shown.replace('_', "").parse()
}

fn valid_text(path: &str, length: usize) -> String {
    match path {
        "log.filter" => format!("{}=info", "m".repeat(length - "=info".len())),
        "auth.http_url" | "auth.http_access_url" => {
            format!("http://{}", "x".repeat(length - "http://".len()))
        }
        _ => "x".repeat(length),
    }
}
