//! Imports go downward only: which top-level module may name which.

use std::collections::BTreeSet;

use crate::assert_none;
use crate::source::Source;

/// Each top-level module and what it may name, from the lowest layer to the highest.
/// A new edge here is a change of the architecture.
const EDGES: &[(&str, &[&str])] = &[
    // L0
    ("types", &[]),
    // L1
    ("codec", &["types"]),
    ("request", &["types"]),
    ("journal", &["request", "types"]),
    // L2: never one another
    ("connection", &["codec", "request", "types"]),
    ("session", &["codec", "journal", "request", "types"]),
    ("subscriptions", &["types"]),
    ("retained", &["types"]),
    ("guard", &["types"]),
    ("auth", &["request", "types"]),
    // L3: neither connection nor codec
    (
        "broker",
        &["auth", "guard", "journal", "request", "retained", "session", "subscriptions", "types"],
    ),
    // L4
    ("store", &["journal", "request", "types"]),
    ("config", &["auth", "broker", "connection", "retained", "session", "subscriptions", "types"]),
    // L5
    (
        "net",
        &[
            "auth",
            "broker",
            "config",
            "connection",
            "guard",
            "journal",
            "request",
            "store",
            "types",
        ],
    ),
    ("identity", &["auth", "net", "request", "types"]),
    // L6
    (
        "server",
        &[
            "auth",
            "broker",
            "config",
            "connection",
            "guard",
            "identity",
            "journal",
            "net",
            "request",
            "retained",
            "session",
            "store",
            "subscriptions",
            "types",
        ],
    ),
    // L7
    (
        "cli",
        &[
            "auth", "codec", "config", "identity", "journal", "net", "request", "server", "store",
            "types",
        ],
    ),
    ("main", &["cli"]),
];

#[test]
fn imports_go_downward_only() {
    let sources = Source::all_below("src");
    assert!(sources.len() > 10, "the sources were not found");
    assert_none(sources.iter().flat_map(|source| faults(source, EDGES)).collect());
}

#[test]
fn the_table_names_each_module_once_and_only_lower_ones() {
    let mut known = BTreeSet::new();
    for (module, below) in EDGES {
        for name in *below {
            assert!(known.contains(name), "{module} may name {name}, which is not below it");
        }
        assert!(known.insert(module), "{module} stands twice in the table");
    }
}

/// The faults of one file: a module that is not in the table, an edge that is not.
fn faults(source: &Source, edges: &[(&str, &[&str])]) -> Vec<String> {
    let module = source.module();
    if module == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = edges.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{}: module {module} is not in the table of layers", source.path)];
    };
    // A file of tests sets its stage with whatever is below its module.
    let of_tests = source.path.contains("/tests");
    let below = edges.iter().map(|(name, _)| *name).take_while(|name| *name != module);
    let below: Vec<&str> = below.filter(|_| of_tests).collect();
    named_modules(source)
        .into_iter()
        .filter(|(_, name)| name != module && !allowed.contains(&name.as_str()))
        .filter(|(_, name)| !below.contains(&name.as_str()))
        .map(|(place, name)| format!("{place}: {module} may not name {name}"))
        .chain(paths_around_the_table(source))
        .collect()
}

/// Each top-level module that the file names by a path from the crate's root, with its place.
fn named_modules(source: &Source) -> Vec<(String, String)> {
    let root = if source.module() == "main" { "fulmar::" } else { "crate::" };
    let mut found = Vec::new();
    for (offset, _) in source.code.match_indices(root) {
        let path = &source.code[offset + root.len()..];
        for name in first_names(path) {
            found.push((source.place(offset), name));
        }
    }
    found
}

/// The first name of a path, or those of each path in `{a, b::{c, d}}`.
fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return vec![leading_name(path)] };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (offset, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b',' | b'}' if depth == 0 => {
                names.push(leading_name(group[start..offset].trim()));
                start = offset + 1;
                if byte == b'}' {
                    break;
                }
            }
            b'}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn leading_name(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Chains of `super::` that are long enough to reach the crate's root.
fn paths_around_the_table(source: &Source) -> Vec<String> {
    let depth = source.path.trim_end_matches("/mod.rs").matches('/').count();
    source
        .lines()
        .filter(|(_, line, test)| {
            line.contains(&"super::".repeat(if *test { depth + 1 } else { depth }))
        })
        .map(|(number, _, _)| format!("{}:{number}: write crate:: instead", source.path))
        .collect()
}

#[test]
fn an_edge_that_is_not_in_the_table_is_found() {
    let edges: &[(&str, &[&str])] = &[("low", &[]), ("high", &["low"])];
    let check = |path: &str, text: &str| faults(&Source::new(path, text), edges);

    assert_eq!(check("src/high/a.rs", "use crate::low::A;\nuse crate::high::B;"), [""; 0]);
    assert_eq!(
        check("src/low.rs", "\nfn a() { crate::high::b() }"),
        ["src/low.rs:2: low may not name high"]
    );
    assert_eq!(
        check("src/high/mod.rs", "use crate::{low::{A, B},\n other::C, third};"),
        [
            "src/high/mod.rs:1: high may not name other",
            "src/high/mod.rs:1: high may not name third"
        ]
    );
    assert_eq!(check("src/low/mod.rs", "// crate::high\nlet a = \"crate::high\";"), [""; 0]);
    assert_eq!(check("src/new.rs", ""), ["src/new.rs: module new is not in the table of layers"]);
    assert_eq!(check("src/low/a.rs", "use super::super::high::A;").len(), 1);
    assert_eq!(check("src/low/a.rs", "use super::b::A;"), [""; 0]);
}
