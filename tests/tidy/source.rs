//! Rust source as the checkers see it: comments and literals blanked, tests marked.

use std::fs;
use std::path::Path;

use crate::project;

/// One file of Rust source.
pub struct Source {
    /// Relative to the project, with `/`.
    pub path: String,
    pub text: String,
    /// As `text`, line for line, with comments and literals replaced by spaces.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }

    /// All `.rs` files below `directory` (relative to the project), in order of their paths.
    pub fn all_below(directory: &str) -> Vec<Source> {
        let mut paths = Vec::new();
        gather(&project(directory), &mut paths);
        paths.sort();
        paths
            .iter()
            .map(|path| Source::new(path, &fs::read_to_string(project(path)).expect("readable")))
            .collect()
    }

    /// The top-level module of a file below `src/`: `broker` for `src/broker/sys.rs`.
    pub fn module(&self) -> &str {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let first = path.split('/').next().expect("split gives at least one part");
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The lines of code with their numbers, and whether they belong to tests.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        let tests = self.test_lines();
        let whole = self.path.split('/').any(|part| part == "tests" || part == "tests.rs");
        self.code.lines().enumerate().map(move |(index, line)| {
            let number = index + 1;
            let inside = tests.iter().any(|&(first, last)| (first..=last).contains(&number));
            (number, line, whole || inside)
        })
    }

    /// `path:line` of the byte `offset` in the code.
    pub fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.code, offset))
    }

    /// First and last lines of the items under `#[cfg(test)]`.
    fn test_lines(&self) -> Vec<(usize, usize)> {
        self.code
            .match_indices("#[cfg(test)]")
            .map(|(start, attribute)| {
                let end = item_end(&self.code, start + attribute.len());
                (line_of(&self.code, start), line_of(&self.code, end))
            })
            .collect()
    }
}

/// The number of the line with the byte `offset`.
pub fn line_of(code: &str, offset: usize) -> usize {
    1 + code[..offset].matches('\n').count()
}

/// Where the item that starts at `from` ends: its `;`, or the brace that closes its body.
pub fn item_end(code: &str, from: usize) -> usize {
    let mut round = 0_i32;
    let mut braces = 0_i32;
    for (offset, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b'{' => braces += 1,
            b'}' => {
                braces -= 1;
                if braces == 0 {
                    return offset;
                }
            }
            b';' if round == 0 && braces == 0 => return offset,
            _ => {}
        }
    }
    code.len()
}

fn gather(directory: &Path, paths: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            gather(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(project("")).expect("below the project");
            paths.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
}

/// Replaces comments and literals by spaces; lines keep their numbers.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = skipped_len(rest);
        if taken == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..taken].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[taken..];
        }
    }
    code
}

/// How many bytes of `rest` are a comment or a literal; 0 if it starts with code.
fn skipped_len(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if rest.starts_with('"') {
        return quoted_len(rest, '"');
    }
    if rest.starts_with('r') {
        return raw_len(rest);
    }
    if rest.starts_with('\'') {
        return char_len(rest);
    }
    0
}

/// The length of a literal from its quote to the next one that no backslash escapes.
fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (offset, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return offset + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

/// The length of `r"…"` or `r#"…"#`; 0 for a name that begins with r.
fn raw_len(rest: &str) -> usize {
    let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = 2 + hashes;
    rest[body..].find(&close).map_or(rest.len(), |end| body + end + close.len())
}

/// The length of a character literal; 0 for a lifetime.
fn char_len(rest: &str) -> usize {
    let mut chars = rest[1..].chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => quoted_len(rest, '\''),
        (Some(c), Some('\'')) => c.len_utf8() + 2,
        _ => 0,
    }
}

#[test]
fn comments_and_literals_are_blanked() {
    let text = "a /* x\ny */ \"s\\\"{\" b // c\nr#\"{\"# 'x' '\\'' '{' &'a str br\"{\" for";
    let code = Source::new("x.rs", text).code;
    assert_eq!(code.lines().count(), 3);
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "&'a", "str", "b", "for"]);
}

#[test]
fn test_modules_are_known() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
    let source = Source::new("src/a.rs", text);
    let tests: Vec<bool> = source.lines().map(|(_, _, test)| test).collect();
    assert_eq!(tests, [false, true, true, true, true, false]);
    assert!(Source::new("src/a/tests.rs", "fn a() {}").lines().all(|(_, _, test)| test));
}
