//! The core decides; it does not wait, look at a clock, throw dice or share state.

use crate::assert_none;
use crate::source::Source;

/// The modules without IO.
const CORE: &[&str] = &[
    "types",
    "codec",
    "request",
    "journal",
    "connection",
    "session",
    "subscriptions",
    "retained",
    "auth",
    "guard",
    "broker",
];

/// What the core does not mention outside its tests, and why.
const BANNED: &[(&str, &str)] = &[
    ("tokio", "IO belongs to the shell"),
    ("async fn", "the core never waits"),
    ("async move", "the core never waits"),
    (".await", "the core never waits"),
    ("std::time::Instant", "time is an argument"),
    ("Instant::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("thread_rng", "entropy is an argument"),
    ("rand::", "entropy is an argument"),
    ("thread_local!", "state has one owner"),
    ("Mutex", "state has one owner"),
    ("RwLock", "state has one owner"),
    ("std::net", "IO belongs to the shell"),
    ("std::fs", "IO belongs to the shell"),
];

#[test]
fn the_core_is_pure() {
    let sources = Source::all_below("src");
    for module in CORE {
        assert!(sources.iter().any(|source| source.module() == *module), "no module {module}");
    }
    let core = sources.iter().filter(|source| CORE.contains(&source.module()));
    assert_none(core.flat_map(faults).collect());
}

fn faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line, test) in source.lines() {
        for (word, why) in BANNED.iter().filter(|(word, _)| !test && line.contains(word)) {
            faults.push(format!("{}:{number}: {word} in the core: {why}", source.path));
        }
    }
    faults
}

#[test]
fn a_banned_word_is_found_outside_of_tests_only() {
    let text = "use std::sync::Mutex;\n// tokio\n#[cfg(test)]\nmod tests {\n    use tokio;\n}\n";
    let found = faults(&Source::new("src/broker/a.rs", text));
    assert_eq!(found, ["src/broker/a.rs:1: Mutex in the core: state has one owner"]);
}
