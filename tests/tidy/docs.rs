//! What the documents say of the code, and what the code leaves to later.

use crate::source::Source;
use crate::{assert_none, read};

#[test]
fn nothing_is_left_to_later() {
    let sources = Source::all_below("src");
    assert!(sources.len() > 10, "the sources were not found");
    assert_none(sources.iter().flat_map(put_off).collect());
}

#[test]
fn each_key_of_the_configuration_is_documented() {
    let keys = keys_of(&read("config/fulmar.toml"));
    assert!(!keys.is_empty(), "config/fulmar.toml has no keys");
    assert_none(undocumented(&keys, &[read("README.md"), read("docs/CONFIGURATION.md")]));
}

fn put_off(source: &Source) -> Vec<String> {
    let marks = |line: &str| ["TODO", "FIXME", "XXX"].iter().any(|mark| line.contains(mark));
    let lines = source.text.lines().enumerate().filter(|(_, line)| marks(line));
    lines.map(|(index, line)| format!("{}:{}: {}", source.path, index + 1, line.trim())).collect()
}

/// The keys as the tables of the documents write them: `section.key`. Keys that are commented out
/// count: they show what has no default.
fn keys_of(toml: &str) -> Vec<String> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in toml.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            section = format!("{}.", name.trim_start_matches('['));
        } else if let Some((key, _)) = line.split_once(" = ") {
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
            if key.chars().all(bare) {
                keys.push(format!("{section}{key}"));
            }
        }
    }
    keys
}

/// The keys that stand in no table row of `documents` between backquotes.
fn undocumented(keys: &[String], documents: &[String]) -> Vec<String> {
    let rows: Vec<&str> = documents
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| line.starts_with('|'))
        .collect();
    keys.iter()
        .filter(|key| !rows.iter().any(|row| row.contains(&format!("`{key}`"))))
        .map(|key| format!("config/fulmar.toml: {key} is in no table of the documents"))
        .collect()
}

#[test]
fn a_mark_is_found_in_comments_too() {
    let found = put_off(&Source::new("src/a.rs", "fn a() {}\n    // TODO later\n"));
    assert_eq!(found, ["src/a.rs:2: // TODO later"]);
}

#[test]
fn a_key_without_a_row_is_found() {
    let toml = "# Text, a = b.\nlog = \"info\"\n[limits]\n# How many.\nsessions = 1\n#queue = 2\n";
    let keys = keys_of(toml);
    assert_eq!(keys, ["log", "limits.sessions", "limits.queue"]);

    let document = "| `log` | x |\n| `limits.queue` | y |\n`limits.sessions` outside of a table\n";
    assert_eq!(
        undocumented(&keys, &[document.to_owned()]),
        ["config/fulmar.toml: limits.sessions is in no table of the documents"]
    );
}
