use std::path::{Path, PathBuf};

use fulmar::config::{Config, Key, Sources, effective, keys, load, reference};
use toml::de::{DeTable, DeValue};

use super::{TempFile, load_environment};

#[test]
fn the_reference_file_is_what_the_table_of_keys_says() {
    let file = std::fs::read_to_string(in_config("fulmar.toml")).expect("the file is there");

    let advice = "run: fulmar check --defaults > config/fulmar.toml";
    assert!(file == reference(), "{advice}");
}

#[test]
fn the_reference_file_is_the_default() {
    let sources = Sources { file: Some(in_config("fulmar.toml")), ..Sources::default() };

    let loaded = load(&sources).expect("the file has no mistake");

    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, []);
}

#[test]
fn every_key_stands_in_the_reference_file() {
    let text = reference();
    let table = DeTable::parse(&text).expect("the file is TOML");

    let mut written = Vec::new();
    for (section, value) in table.get_ref() {
        if let DeValue::Table(section_table) = value.get_ref() {
            let names = section_table
                .keys()
                .map(|name| format!("{}.{}", section.get_ref(), name.get_ref()));
            written.extend(names);
        }
    }
    written.sort();

    let mut known: Vec<String> = keys().map(Key::path).collect();
    known.sort();
    assert_eq!(written, known);
}

#[test]
fn every_key_explains_itself_in_one_sentence() {
    for key in keys() {
        let about = key.about;
        assert!(about.ends_with('.') && !about.contains('\n'), "{}: {about}", key.path());
    }
}

#[test]
fn the_examples_have_no_mistakes_and_no_warnings() {
    let files = std::fs::read_dir(in_config("")).expect("the directory is there");
    for file in files.map(|file| file.expect("it can be listed").path()) {
        let loaded = load(&Sources { file: Some(file.clone()), ..Sources::default() });
        assert_eq!(loaded.expect("no mistakes").warnings, [], "{}", file.display());
    }
}

#[test]
fn what_is_in_effect_is_a_file_with_the_same_meaning() {
    let loaded = load_environment(&[
        ("FULMAR_LISTENERS", "0.0.0.0:1883,[::1]:1884"),
        ("FULMAR_SESSION__QUEUE_FULL", "drop_oldest"),
        ("FULMAR_MQTT__SESSION_EXPIRY_MAX_SECS", "86_400"),
        ("FULMAR_MQTT__RESPONSE_INFORMATION", "a \"quoted\" \\ back\u{1}"),
        ("FULMAR_STORE__DATA_DIR", "/srv/ful mar"),
    ]);
    let loaded = loaded.expect("the variables have no mistake");

    let file = TempFile::new(effective(&loaded));
    let again = load(&Sources { file: Some(file.0.clone()), ..Sources::default() });

    assert_eq!(again.expect("the file has no mistake").config, loaded.config);
}

#[test]
fn what_is_in_effect_names_the_source_of_what_is_no_default() {
    let loaded = load_environment(&[("FULMAR_SESSION__QUEUE_FULL", "drop_oldest")]);

    let text = effective(&loaded.expect("the variable has no mistake"));

    assert!(
        text.contains("\nqueue_full = \"drop_oldest\" # FULMAR_SESSION__QUEUE_FULL\n"),
        "{text}"
    );
    assert!(text.contains("\nqueue_qos0_offline = false\n"), "{text}");
}

fn in_config(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}
