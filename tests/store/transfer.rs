//! `export` and `import`: from one engine to the other, and what an import refuses.

use std::fs;

use crate::fixture::{ENGINES, Engine, MESSAGES, Place};

#[test]
fn a_store_goes_from_one_engine_to_the_other_and_back() {
    let sled = Place::filled(Engine::Sled);
    let fjall = Place::empty(Engine::Fjall);
    let back = Place::empty(Engine::Sled);

    let lines = export(&sled);
    let imported = fjall.run_with_input(&["import"], lines.as_bytes()).expect_code(0);
    assert!(imported.stdout.contains("20 sessions imported"), "{imported:?}");
    let file = fjall.file("export.jsonl");
    let path = file.to_str().expect("a path of ours");
    fjall.run(&["export", path]).expect_code(0);
    back.run(&["import", path]).expect_code(0);

    let again = fs::read_to_string(&file).expect("written");
    assert_same(&state(&lines), &state(&again));
    assert_same(&again, &export(&back));
    back.run(&["verify"]).expect_code(0);
    fjall.run(&["verify"]).expect_code(0);
}

#[test]
fn a_message_in_many_queues_has_one_line() {
    let lines = export(&Place::filled(Engine::Fjall));

    let of = |kind: &str| {
        let start = format!("{{\"type\":\"{kind}\",");
        lines.lines().filter(|line| line.starts_with(&start)).count() as u64
    };
    assert_eq!((of("header"), of("end")), (1, 1));
    assert!(of("message") <= MESSAGES, "{}", of("message"));
    assert_eq!(of("queued"), 5_780);
    assert_eq!(of("released"), 20);
    assert_eq!(of("will"), 20);
    assert_eq!(of("inbound"), 20);
    assert_eq!(of("retained"), MESSAGES);
}

/// As another broker's tool would write it.
#[test]
fn what_docs_say_is_enough_can_be_imported() {
    for engine in ENGINES {
        let place = Place::empty(engine);
        let lines = example();

        place.run_with_input(&["import"], lines.as_bytes()).expect_code(0);

        let exported = export(&place);
        for part in ["\"client_id\":\"sensor-7\"", "sensors/7/config", "\"base64\":\"/wA=\""] {
            assert!(exported.contains(part), "{part} is not in\n{exported}");
        }
        place.run(&["verify"]).expect_code(0);
    }
}

#[test]
fn an_import_does_not_mix_with_what_is_there() {
    for engine in ENGINES {
        let place = Place::filled(engine);
        let before = export(&place);

        let ran = place.run_with_input(&["import"], example().as_bytes()).expect_code(1);

        assert!(ran.stderr.contains("is not empty"), "{ran:?}");
        assert_same(&before, &export(&place));
    }
}

#[test]
fn all_mistakes_are_named_with_their_lines_and_nothing_is_imported() {
    let place = Place::empty(Engine::Fjall);
    let lines = [
        r#"{"type":"header","format":"fulmar-export","version":1}"#,
        r#"{"type":"session","client_id":"a","expiry_secs":60}"#,
        r#"{"type":"subscription","client_id":"a","filter":"a/#/b","qos":1}"#,
        r#"{"type":"queued","client_id":"a","number":3,"qos":1,"message_id":9}"#,
        r#"{"type":"released","client_id":"a","number":3}"#,
        r#"{"type":"queued","client_id":"b","number":1,"qos":1,"message_id":9}"#,
        r#"{"type":"session","client_id":"a","expiry_secs":0}"#,
        r#"{"type":"session","client_id":"c","expiry_secs":1,"colour":"red"}"#,
        r#"{"type":"inbound","client_id":"c","packet_id":1}"#,
        r#"{"type":"end","lines":3}"#,
    ]
    .join("\n");

    let ran = place.run_with_input(&["import"], lines.as_bytes()).expect_code(1);

    let mistakes: Vec<&str> = ran.stderr.lines().collect();
    let expected = [
        "line 3: \"a/#/b\" is no topic filter",
        "line 4: there is no message 9 before",
        "line 5: queue number 3 comes behind 3",
        "line 6: comes before or away from the session \"b\"",
        "line 7: a session with an expiry of 0",
        "line 8: unknown field `colour`",
        "line 10: 3 lines should come before this one, there are 9",
        "nothing was imported",
    ];
    assert_eq!(mistakes.len(), expected.len(), "{}", ran.stderr);
    for (mistake, start) in mistakes.iter().zip(expected) {
        assert!(mistake.starts_with(start), "{mistake} does not begin with {start}");
    }
    assert_eq!(place.names(), ["fulmar.lock"]);
}

#[test]
fn an_export_that_is_cut_off_is_refused() {
    let place = Place::empty(Engine::Sled);
    let lines = example();
    let cut = &lines[..lines.trim_end().rfind('\n').expect("several lines") + 1];

    let ran = place.run_with_input(&["import"], cut.as_bytes()).expect_code(1);

    assert!(ran.stderr.contains("there is no end line: the export is cut off"), "{ran:?}");
    assert_eq!(place.names(), ["fulmar.lock"]);
}

#[test]
fn another_format_is_refused_at_its_first_line() {
    let place = Place::empty(Engine::Sled);
    for (line, expected) in [
        (
            r#"{"type":"header","format":"fulmar-export","version":2}"#,
            "line 1: fulmar-export 2 is not",
        ),
        (r#"{"type":"retained"}"#, "line 1: missing field"),
        ("hello", "line 1: expected value"),
    ] {
        let lines = format!("{line}\n{line}\n");
        let ran = place.run_with_input(&["import"], lines.as_bytes()).expect_code(1);
        assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    }
}

#[test]
fn no_more_than_a_hundred_mistakes_are_listed() {
    for (mistakes, listed) in [(99, 100), (100, 102), (101, 102)] {
        let place = Place::empty(Engine::Fjall);
        let header = r#"{"type":"header","format":"fulmar-export","version":1}"#;
        let wrong = r#"{"type":"session","client_id":"","expiry_secs":1}"#;
        let end = format!(r#"{{"type":"end","lines":{}}}"#, mistakes + 1);
        let mut lines = vec![header];
        lines.extend(std::iter::repeat_n(wrong, mistakes));
        lines.push(&end);

        let ran = place.run_with_input(&["import"], lines.join("\n").as_bytes()).expect_code(1);

        assert_eq!(ran.stderr.lines().count(), listed, "{mistakes}: {}", ran.stderr);
    }
}

fn export(place: &Place) -> String {
    place.run(&["export"]).expect_code(0).stdout
}

/// Without the messages, of which an import leaves out those that no queue has any more.
fn state(lines: &str) -> String {
    let is_state = |line: &&str| {
        !line.starts_with("{\"type\":\"message\"") && !line.starts_with("{\"type\":\"end\"")
    };
    lines.lines().filter(is_state).map(|line| format!("{line}\n")).collect()
}

/// Line by line, so that a difference can be read.
#[track_caller]
fn assert_same(one: &str, other: &str) {
    let differing = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    assert_eq!(differing, None);
    assert_eq!(one.lines().count(), other.lines().count());
}

/// The example of docs/STORE.md.
fn example() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/STORE.md");
    let text = fs::read_to_string(path).expect("docs/STORE.md is there");
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    lines.filter(|line| line.starts_with('{')).map(|line| format!("{line}\n")).collect()
}
