//! Each normative statement of the standard is carried by a test, or is said to bind only clients or
//! to be about something that the server does not have yet.
//!
//! A test carries a statement by its id in a comment inside its body or directly above it:
//! `// [MQTT-3.1.2-4]`. Tests of the two versions live in folders of their own.

use std::collections::BTreeSet;
use std::io::Write;

use crate::source::{Source, item_end, line_of};
use crate::{assert_none, read};

/// One version of the standard and where its parts lie.
struct Standard {
    version: &'static str,
    /// How many normative statements the version numbers.
    statements: usize,
    ids: &'static str,
    client_only: &'static str,
    later: &'static str,
    tests: &'static str,
}

const STANDARDS: [Standard; 2] = [
    Standard {
        version: "3.1.1",
        statements: 137,
        ids: "tests/spec/ids/mqtt-3.1.1.txt",
        client_only: "tests/spec/client-only-3.1.1.txt",
        later: "tests/spec/later-3.1.1.txt",
        tests: "tests/spec/v311",
    },
    Standard {
        version: "5.0",
        statements: 251,
        ids: "tests/spec/ids/mqtt-5.0.txt",
        client_only: "tests/spec/client-only-5.0.txt",
        later: "tests/spec/later-5.0.txt",
        tests: "tests/spec/v5",
    },
];

#[test]
fn each_statement_is_tested_or_listed_with_a_reason() {
    let mut faults = Vec::new();
    for standard in &STANDARDS {
        let coverage = standard.coverage();
        say(&coverage.counts(standard.version));
        if coverage.ids.len() != standard.statements {
            faults.push(format!("{}: not {} ids", standard.ids, standard.statements));
        }
        faults.extend(coverage.faults());
    }
    assert_none(faults);
}

#[test]
fn the_readme_states_the_counts() {
    let readme = read("README.md");
    let missing = STANDARDS.iter().filter_map(|standard| {
        let row = standard.coverage().readme_row(standard.version);
        (!readme.lines().any(|line| line == row)).then(|| format!("README.md lacks the row {row}"))
    });
    assert_none(missing.collect());
}

/// Prints a line past the capture of the test's output.
fn say(line: &str) {
    // Without a stdout there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{line}");
}

impl Standard {
    fn coverage(&self) -> Coverage {
        let [ids, client_only, later] = [self.ids, self.client_only, self.later].map(read);
        Coverage::new(&ids, &client_only, &later, &Source::all_below(self.tests))
    }
}

/// Which statements are covered, and how.
struct Coverage {
    ids: BTreeSet<String>,
    tested: BTreeSet<String>,
    client_only: BTreeSet<String>,
    later: BTreeSet<String>,
    /// Ids that stand where none may, found while reading.
    misplaced: Vec<String>,
}

impl Coverage {
    fn new(ids: &str, client_only: &str, later: &str, tests: &[Source]) -> Coverage {
        let mut coverage = Coverage {
            ids: BTreeSet::new(),
            tested: BTreeSet::new(),
            client_only: BTreeSet::new(),
            later: BTreeSet::new(),
            misplaced: Vec::new(),
        };
        for id in ids.lines().filter(|line| !line.is_empty()) {
            if !coverage.ids.insert(id.to_owned()) {
                coverage.misplaced.push(format!("{id} stands twice in the list of ids"));
            }
        }
        coverage.client_only = coverage.read_list(client_only, "client-only");
        coverage.later = coverage.read_list(later, "later");
        for source in tests {
            coverage.read_tests(source);
        }
        coverage
    }

    /// What is wrong: nothing if each id is accounted for in one place.
    fn faults(&self) -> Vec<String> {
        let mut faults = self.misplaced.clone();
        for id in &self.ids {
            match self.places(id)[..] {
                [] => faults.push(format!("{id} is neither tested nor listed")),
                [_] => {}
                [.., one, other] => faults.push(format!("{id} is {one} and {other}")),
            }
        }
        let named = self.tested.iter().chain(&self.client_only).chain(&self.later);
        faults.extend(
            named.filter(|id| !self.ids.contains(*id)).map(|id| format!("{id} is unknown")),
        );
        faults
    }

    fn places(&self, id: &str) -> Vec<&'static str> {
        [(&self.tested, "tested"), (&self.client_only, "client-only"), (&self.later, "later")]
            .into_iter()
            .filter_map(|(ids, place)| ids.contains(id).then_some(place))
            .collect()
    }

    fn counts(&self, version: &str) -> String {
        let (all, tested) = (self.ids.len(), self.tested.len());
        let (client_only, later) = (self.client_only.len(), self.later.len());
        format!(
            "MQTT {version}: {all} statements, {tested} tested, {client_only} bind only clients, \
             {later} come later"
        )
    }

    fn readme_row(&self, version: &str) -> String {
        let (all, tested) = (self.ids.len(), self.tested.len());
        let (client_only, later) = (self.client_only.len(), self.later.len());
        format!("| {version} | {all} | {tested} | {client_only} | {later} |")
    }

    /// The ids of a list that has a line `ID reason` for each.
    fn read_list(&mut self, list: &str, name: &str) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (id, reason) = line.split_once(' ').unwrap_or((line, ""));
            if reason.trim().is_empty() {
                self.misplaced.push(format!("{id} is {name} without a reason"));
            }
            if !ids.insert(id.to_owned()) {
                self.misplaced.push(format!("{id} is listed twice as {name}"));
            }
        }
        ids
    }

    fn read_tests(&mut self, source: &Source) {
        let tests = test_lines(source);
        for (index, line) in source.text.lines().enumerate() {
            let Some((_, comment)) = line.split_once("//") else { continue };
            for id in bracketed_ids(comment) {
                if tests.iter().any(|&(first, last)| (first..=last).contains(&(index + 1))) {
                    self.tested.insert(id);
                } else {
                    let place = format!("{}:{}", source.path, index + 1);
                    self.misplaced.push(format!("{place}: {id} belongs to no test"));
                }
            }
        }
    }
}

/// First and last lines of each `#[test]`, with the comments directly above and the body.
fn test_lines(source: &Source) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = source.text.lines().collect();
    source
        .code
        .match_indices("#[test]")
        .map(|(start, attribute)| {
            let mut first = line_of(&source.code, start);
            while first > 1 && lines[first - 2].trim_start().starts_with("//") {
                first -= 1;
            }
            let body = start + attribute.len();
            (first, line_of(&source.code, item_end(&source.code, body)))
        })
        .collect()
}

/// Each `MQTT-…` that stands in square brackets.
fn bracketed_ids(comment: &str) -> Vec<String> {
    let brackets = comment.split('[').skip(1).filter_map(|part| part.split_once(']'));
    brackets.map(|(id, _)| id.to_owned()).filter(|id| id.starts_with("MQTT-")).collect()
}

#[test]
fn the_counts_are_those_of_the_lists() {
    for standard in &STANDARDS {
        assert_eq!(standard.coverage().ids.len(), standard.statements, "{}", standard.ids);
    }
}

#[test]
fn a_covered_list_has_no_faults() {
    let text = "// [MQTT-1-1] [MQTT-1-2]\n#[test]\nfn a() {\n    // given [MQTT-1-3]\n}\n";
    let ids = "MQTT-1-1\nMQTT-1-2\nMQTT-1-3\nMQTT-1-4\nMQTT-1-5\n";
    let tests = [Source::new("v.rs", text)];
    let coverage = Coverage::new(ids, "MQTT-1-4 why\n", "MQTT-1-5 when\n", &tests);

    assert_eq!(coverage.faults(), [""; 0]);
    assert_eq!(coverage.readme_row("9"), "| 9 | 5 | 3 | 1 | 1 |");
}

#[test]
fn an_uncovered_id_is_a_fault() {
    let coverage = example("MQTT-1-1\n", "", "#[test]\nfn a() { call(\"[MQTT-1-1]\") }\n");
    assert_eq!(coverage.faults(), ["MQTT-1-1 is neither tested nor listed"]);
}

#[test]
fn nothing_at_all_is_a_fault() {
    assert_eq!(example("MQTT-1-1\n", "", "").faults().len(), 1);
}

#[test]
fn an_id_that_is_both_is_a_fault() {
    let coverage = example("MQTT-1-1\n", "MQTT-1-1 why\n", "// [MQTT-1-1]\n#[test]\nfn a() {}\n");
    assert_eq!(coverage.faults(), ["MQTT-1-1 is tested and client-only"]);

    let coverage = Coverage::new("MQTT-1-1\n", "MQTT-1-1 why\n", "MQTT-1-1 when\n", &[]);
    assert_eq!(coverage.faults(), ["MQTT-1-1 is client-only and later"]);
}

#[test]
fn an_unknown_id_is_a_fault() {
    let coverage = example("", "MQTT-1-1 why\n", "// [MQTT-1-2]\n#[test]\nfn a() {}\n");
    assert_eq!(coverage.faults(), ["MQTT-1-2 is unknown", "MQTT-1-1 is unknown"]);
}

#[test]
fn an_id_listed_twice_or_without_a_reason_is_a_fault() {
    let coverage = example("MQTT-1-1\nMQTT-1-1\n", "MQTT-1-1 why\nMQTT-1-1\n", "");
    assert_eq!(
        coverage.faults(),
        [
            "MQTT-1-1 stands twice in the list of ids",
            "MQTT-1-1 is client-only without a reason",
            "MQTT-1-1 is listed twice as client-only"
        ]
    );
}

#[test]
fn an_id_away_from_a_test_is_a_fault() {
    let text = "// [MQTT-1-1]\n\n#[test]\nfn a() {}\n\n// [MQTT-1-1]\nfn helper() {}\n";
    let coverage = example("MQTT-1-1\n", "MQTT-1-1 why\n", text);
    assert_eq!(
        coverage.faults(),
        ["v.rs:1: MQTT-1-1 belongs to no test", "v.rs:6: MQTT-1-1 belongs to no test"]
    );
}

fn example(ids: &str, client_only: &str, tests: &str) -> Coverage {
    Coverage::new(ids, client_only, "", &[Source::new("v.rs", tests)])
}
