//! What `verify`, `repair` and `compact` say and do where the engine itself is whole.

use std::ops::ControlFlow;

use fulmar::store::{Operation, Store};

use crate::fixture::{ENGINES, Engine, Place, SESSIONS, fulmar};

#[test]
fn verify_prints_what_is_there_and_changes_nothing() {
    for engine in ENGINES {
        let place = Place::filled(engine);
        let before = entries(&place);

        let ran = place.run(&["verify"]).expect_code(0);

        assert!(row(&ran.stdout, "sessions").starts_with("20 "), "{}", ran.stdout);
        assert!(row(&ran.stdout, "subscriptions").starts_with("20 "), "{}", ran.stdout);
        assert!(row(&ran.stdout, "queued messages").starts_with("5780 "), "{}", ran.stdout);
        assert!(row(&ran.stdout, "retained messages").starts_with("300 "), "{}", ran.stdout);
        assert!(row(&ran.stdout, "exchanges past PUBREC").starts_with("20"), "{}", ran.stdout);
        assert!(ran.stdout.ends_with("no problems\n"), "{}", ran.stdout);
        assert!(entries(&place) == before);
        assert_eq!(place.names(), whole(engine));
    }
}

#[test]
fn a_damaged_record_is_found_named_and_mended() {
    for engine in ENGINES {
        let place = Place::filled(engine);
        damage(&place, b'r');

        let found = place.run(&["verify"]).expect_code(1);
        assert!(found.stdout.contains("damaged: the retained message of state/"), "{found:?}");
        assert!(found.stdout.ends_with("problems: 1, with a loss: 1\n"), "{found:?}");

        let before = entries(&place);
        let dry = place.run(&["repair", "--dry-run"]).expect_code(1);
        assert!(dry.stdout.contains("the retained message of state/"), "{dry:?}");
        assert!(entries(&place) == before, "a dry run");

        let repaired = place.run(&["repair"]).expect_code(0);
        assert!(repaired.stdout.contains("the retained message of state/"), "{repaired:?}");
        let clean = place.run(&["verify"]).expect_code(0);
        assert!(row(&clean.stdout, "retained messages").starts_with("299 "), "{clean:?}");
        assert!(row(&clean.stdout, "quarantined records").starts_with("1 "), "{clean:?}");
        let aside = format!("{}.damaged-1", engine.name());
        assert!(place.names().contains(&aside), "{:?}", place.names());
    }
}

#[test]
fn a_message_that_is_lost_is_named_for_each_client() {
    let place = Place::filled(Engine::Fjall);
    damage(&place, b'm');

    let found = place.run(&["repair"]).expect_code(0);

    let lost = found.stdout.lines().filter(|line| line.contains("is missing"));
    assert_eq!(lost.count() as u64, SESSIONS, "{found:?}");
    assert!(found.stdout.contains("(client \"client 7\")"), "{found:?}");
    place.run(&["verify"]).expect_code(0);
}

#[test]
fn a_whole_store_needs_no_repair() {
    let place = Place::filled(Engine::Sled);

    let ran = place.run(&["repair"]).expect_code(0);

    assert_eq!(ran.stdout, "no problems\nnothing to repair\n");
    assert_eq!(place.names(), whole(Engine::Sled));
}

#[test]
fn compact_keeps_every_entry_and_leaves_nothing_beside() {
    for engine in ENGINES {
        let place = Place::filled(engine);
        damage(&place, b'r');
        let before = entries(&place);

        let ran = place.run(&["compact"]).expect_code(0);

        assert!(ran.stdout.contains(" before, ") && ran.stdout.ends_with(" now\n"), "{ran:?}");
        assert!(entries(&place) == before, "{engine:?}");
        assert_eq!(place.names(), whole(engine));
    }
}

#[test]
fn compact_gives_back_what_sled_does_not() {
    let place = Place::filled(Engine::Sled);
    let mut store = place.open().expect("opens");
    let key = |number: u64| [b"zz", &number.to_be_bytes()[..]].concat();
    for number in 0..2_000 {
        let value = vec![number as u8; 4_000];
        store.apply(vec![Operation::Put { key: key(number), value }]).expect("applied");
    }
    let keys = (0..2_000).map(|number| Operation::Delete { key: key(number) });
    store.apply(keys.collect()).expect("applied");
    let before = store.size_bytes().expect("known");
    drop(store);

    place.run(&["compact"]).expect_code(0);

    let after = place.open().expect("opens").size_bytes().expect("known");
    assert!(after < before / 2, "{before} before, {after} after");
}

#[test]
fn where_there_is_no_store_that_is_said() {
    for command in ["verify", "export", "repair", "compact"] {
        let place = Place::empty(Engine::Sled);
        let ran = place.run(&[command]).expect_code(1);
        let expected =
            format!("there is no store of the engine sled in {}", place.path().display());
        assert!(ran.stderr.contains(&expected), "{ran:?}");
        assert!(!place.engine_path().exists(), "{command} made one");
    }
}

#[test]
fn the_engine_is_the_one_that_is_there_unless_it_is_configured() {
    let place = Place::filled(Engine::Fjall);
    let run = |arguments: &[&str]| {
        let mut command = fulmar();
        command.args(["store", "verify", "--data-dir"]).arg(place.path()).args(arguments);
        command.output().expect("the binary is built").status.code()
    };

    assert_eq!(run(&[]), Some(0));
    assert_eq!(run(&["--engine", "sled"]), Some(1));
    assert_eq!(run(&["--engine", "memory"]), Some(2));
}

/// What is in a data directory where nothing is wrong.
fn whole(engine: Engine) -> Vec<String> {
    let mut names = vec!["fulmar.lock".to_owned(), engine.name().to_owned()];
    names.sort();
    names
}

/// What stands behind the name in the table.
fn row<'a>(table: &'a str, name: &str) -> &'a str {
    let mut rows = table.lines().filter_map(|line| line.trim().strip_prefix(name));
    rows.next().unwrap_or_default().trim()
}

/// Flips a bit of the last record of a kind.
fn damage(place: &Place, kind: u8) {
    let mut store = place.open().expect("opens");
    let (key, mut value) = last(&*store, kind);
    *value.last_mut().expect("not empty") ^= 1;
    store.apply(vec![Operation::Put { key, value }]).expect("applied");
}

fn last(store: &dyn Store, kind: u8) -> (Vec<u8>, Vec<u8>) {
    let mut found = None;
    store
        .scan(&[kind], b"", &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .expect("read");
    found.expect("there is one")
}

fn entries(place: &Place) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = Vec::new();
    let store = place.open().expect("opens");
    store
        .scan(b"", b"", &mut |key, value| {
            entries.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .expect("read");
    entries
}
