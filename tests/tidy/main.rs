//! What the project promises about its own text: layers, sizes, words, documents, coverage of the
//! standard. Each checker takes plain values and returns the faults it finds, one line each.

mod docs;
mod layers;
mod pure;
mod size;
mod source;
mod spec;

use std::path::{Path, PathBuf};

/// Fails with all `faults`, one on each line.
fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// A path in the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the project; empty if there is none.
fn read(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_default()
}
