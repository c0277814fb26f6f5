//! Sizes: a file that grows past its bound holds a second idea, and so does a function.

use crate::assert_none;
use crate::source::{Source, item_end, line_of};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

#[test]
fn files_and_functions_stay_small() {
    let sources = Source::all_below("src");
    assert!(sources.len() > 10, "the sources were not found");
    assert_none(sources.iter().flat_map(faults).collect());
}

#[test]
fn each_exception_is_needed() {
    for (path, reason) in LONG_FILES {
        let lines = crate::read(path).lines().count();
        assert!(lines > FILE_LINES_MAX, "{path} has {lines} lines: strike it from the table");
        assert!(!reason.is_empty(), "{path} stands in the table without a reason");
    }
}

fn faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = source.text.lines().count();
    let excused = LONG_FILES.iter().any(|(path, _)| *path == source.path);
    if lines > FILE_LINES_MAX && !excused {
        faults.push(format!("{}: {lines} lines (at most {FILE_LINES_MAX})", source.path));
    }
    for (start, lines) in functions(&source.code) {
        if lines > FUNCTION_LINES_MAX {
            let place = source.place(start);
            faults.push(format!("{place}: {lines} lines (at most {FUNCTION_LINES_MAX})"));
        }
    }
    faults
}

/// The offset and the number of lines of each function.
fn functions(code: &str) -> Vec<(usize, usize)> {
    code.match_indices("fn ")
        .filter(|(start, _)| !code[..*start].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .map(|(start, _)| {
            let end = item_end(code, start);
            (start, 1 + line_of(code, end) - line_of(code, start))
        })
        .collect()
}

#[test]
fn the_bounds_are_held_to_the_line() {
    let function = |lines: usize| format!("fn a(b: [u8; 2]) {{\n{}}}\n", "\n".repeat(lines - 2));
    let check = |text: &str| faults(&Source::new("src/a.rs", text));

    assert_eq!(check(&function(FUNCTION_LINES_MAX)), [""; 0]);
    assert_eq!(check(&function(FUNCTION_LINES_MAX + 1)), ["src/a.rs:1: 71 lines (at most 70)"]);
    assert_eq!(check(&"\n".repeat(FILE_LINES_MAX)), [""; 0]);
    assert_eq!(check(&"\n".repeat(FILE_LINES_MAX + 1)), ["src/a.rs: 401 lines (at most 400)"]);
}
