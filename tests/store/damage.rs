//! Damaged files: what a broker does at its start, and what `repair` brings back.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use fulmar::store::Operation;

use crate::copy::copy_all;
use crate::fixture::{ENGINES, Engine, Place};
use crate::in_use::{Broker, serve};

#[test]
fn a_broker_does_not_start_on_damage_and_names_the_command_that_mends_it() {
    for engine in ENGINES {
        for damage in [cut_log, flip_log] {
            let place = Place::filled(engine);
            damage(&place);
            let names = place.names();

            let (code, log) = Broker::try_start(serve(&place)).err().expect("refused");

            assert_eq!(code, Some(1), "{log}");
            let directory = format!("{} is damaged", place.engine_path().display());
            assert!(log.contains(&directory), "{log}");
            assert!(log.contains("`fulmar store repair`"), "{log}");
            assert_eq!(place.names(), names, "it was left as it is");
        }
    }
}

#[test]
fn a_broker_that_is_told_to_starts_empty_and_keeps_what_was_there() {
    for engine in ENGINES {
        for damage in [cut_log, flip_log] {
            let place = Place::filled(engine);
            damage(&place);

            let mut command = serve(&place);
            command.env("FULMAR_STORE__ON_DAMAGE", "start_empty");
            let broker = Broker::start_as(command);

            let aside = place.file(&format!("{}.damaged-1", engine.name()));
            let line = format!("it was set aside as {}", aside.display());
            let told = broker.log.lines().find(|log| log.contains(&line));
            assert!(told.is_some_and(|told| told.contains("ERROR")), "{}", broker.log);
            drop(broker);
            assert!(aside.join(log_name(engine)).exists(), "nothing is destroyed");
            let verified = place.run(&["verify"]).expect_code(0);
            assert!(verified.stdout.contains("no problems"), "{verified:?}");
            assert!(!verified.stdout.contains("client"), "{verified:?}");
        }
    }
}

#[test]
fn whatever_file_of_sled_is_damaged_repair_leaves_a_store_that_is_whole() {
    repair_whatever_is_damaged(Engine::Sled);
}

#[test]
fn whatever_file_of_fjall_is_damaged_repair_leaves_a_store_that_is_whole() {
    repair_whatever_is_damaged(Engine::Fjall);
}

fn repair_whatever_is_damaged(engine: Engine) {
    let whole = Place::filled(engine);
    for (file, length) in files(&whole) {
        for (what, damage) in damages(length) {
            let place = copy(&whole);
            damage(&place.path().join(&file));

            let repaired = place.run(&["repair"]);
            let verified = place.run(&["verify"]);

            let what = format!("{} {what}: {repaired:?} {verified:?}", file.display());
            assert_eq!((repaired.code, verified.code), (Some(0), Some(0)), "{what}");
            let left = place.names();
            assert!(left.iter().all(|name| !name.starts_with("store.")), "{left:?}");
        }
    }
}

#[test]
fn what_only_vouches_for_the_rest_costs_nothing() {
    for engine in ENGINES {
        let place = Place::filled(engine);
        let before = state(&place);
        fs::write(place.engine_path().join("acknowledged"), b"?").expect("written");

        place.run(&["verify"]).expect_code(1);
        let dry = place.run(&["repair", "--dry-run"]).expect_code(1);
        assert!(dry.stdout.contains("acknowledged cannot be read"), "{dry:?}");
        place.run(&["verify"]).expect_code(1);
        place.run(&["repair"]).expect_code(0);

        let after = state(&place);
        assert_eq!(before, after);
    }
}

#[test]
fn a_snapshot_of_sled_that_is_damaged_costs_nothing() {
    let place = Place::filled(Engine::Sled);
    let before = state(&place);
    let snapshot = files(&place).into_iter().find(|(file, _)| {
        file.starts_with("sled/snap.") || {
            file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap."))
        }
    });
    flip(&place.path().join(snapshot.expect("one").0), 20);

    place.run(&["repair"]).expect_code(0);

    let after = state(&place);
    assert_eq!(before, after);
}

#[test]
fn a_snapshot_of_sled_that_was_being_made_is_no_damage() {
    let place = Place::filled(Engine::Sled);
    let unfinished = place.engine_path().join("snap.0000000000ffffff.generating");
    fs::write(unfinished, b"half of it").expect("written");

    drop(Broker::start(&place));

    place.run(&["verify"]).expect_code(0);
}

#[test]
fn what_is_lost_with_a_cut_log_is_counted() {
    let place = Place::filled(Engine::Fjall);
    cut_log(&place);

    let repaired = place.run(&["repair"]).expect_code(0);

    assert!(repaired.stdout.contains("acknowledged batches are missing"), "{repaired:?}");
    assert!(repaired.stdout.contains("what could be read:"), "{repaired:?}");
    assert!(repaired.stdout.contains("fjall.damaged-1"), "{repaired:?}");
    drop(Broker::start(&place));
}

#[test]
fn another_format_is_refused_whatever_is_configured() {
    for engine in ENGINES {
        let place = Place::filled(engine);
        make_later_format(&place, b'h');
        for on_damage in ["stop", "start_empty"] {
            let mut command = serve(&place);
            command.env("FULMAR_STORE__ON_DAMAGE", on_damage);
            let (code, log) = Broker::try_start(command).err().expect("refused");
            assert_eq!(code, Some(1), "{log}");
            assert!(log.contains("has format 9, this version reads"), "{log}");
        }
        for command in ["verify", "export", "repair"] {
            let ran = place.run(&[command]).expect_code(1);
            assert!(ran.stderr.contains("has format 9, this version reads"), "{ran:?}");
        }
        let aside = format!("{}.damaged-1", engine.name());
        assert!(!place.names().contains(&aside), "{:?}", place.names());
    }
}

/// A file's damage, by name.
type Damage = Box<dyn Fn(&Path)>;

fn damages(length: u64) -> Vec<(String, Damage)> {
    let at = length / 2;
    let flipped: Damage = Box::new(move |path| flip(path, at));
    let emptied: Damage = Box::new(|path| cut(path, 0));
    let mut damages = vec![("emptied".to_owned(), emptied)];
    if at < length {
        damages.push((format!("flipped at {at} of {length}"), flipped));
    }
    damages
}

/// The end of what was written last.
fn cut_log(place: &Place) {
    let path = place.engine_path().join(log_name(place.engine));
    let content = fs::read(&path).expect("read");
    let end = content.iter().rposition(|byte| *byte != 0).expect("not empty") as u64;
    // Of sled's file the end may be free.
    cut(&path, if place.engine == Engine::Sled { end / 2 } else { end * 3 / 4 });
}

/// In the middle of what was written, or of what leads to it.
fn flip_log(place: &Place) {
    match place.engine {
        Engine::Sled => {
            let path = place.engine_path();
            let snapshot = fs::read_dir(&path).expect("listed").find_map(|entry| {
                let entry = entry.expect("listed");
                entry.file_name().to_string_lossy().starts_with("snap.").then(|| entry.path())
            });
            flip(&snapshot.expect("one"), 20);
        }
        Engine::Fjall => {
            let path = place.engine_path().join(log_name(place.engine));
            let content = fs::read(&path).expect("read");
            let end = content.iter().rposition(|byte| *byte != 0).expect("not empty") as u64;
            flip(&path, end / 2);
        }
    }
}

fn log_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sled => "db",
        Engine::Fjall => "0.jnl",
    }
}

fn flip(path: &Path, at: u64) {
    let mut content = fs::read(path).expect("read");
    content[at as usize] ^= 0x55;
    fs::write(path, content).expect("written");
}

fn cut(path: &Path, kept: u64) {
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.set_len(kept).expect("cut");
}

/// Gives the first record of a kind a format that nobody knows, and the checksum that goes with it.
fn make_later_format(place: &Place, kind: u8) {
    let mut store = place.open().expect("opens");
    let mut found = None;
    store
        .scan(&[kind], b"", &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            ControlFlow::Break(())
        })
        .expect("read");
    let (key, mut value) = found.expect("there is one");
    value[4] = 9;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&key);
    hasher.update(&value[4..]);
    value[..4].copy_from_slice(&hasher.finalize().to_be_bytes());
    store.apply(vec![Operation::Put { key, value }]).expect("applied");
}

/// The lines of an export but those of messages, of which a new store leaves out the unused.
fn state(place: &Place) -> Vec<String> {
    let is_state = |line: &&str| {
        !line.starts_with("{\"type\":\"message\"") && !line.starts_with("{\"type\":\"end\"")
    };
    let export = place.run(&["export"]).expect_code(0).stdout;
    export.lines().filter(is_state).map(str::to_owned).collect()
}

/// The engine's files, from the data directory, and the bytes of each that are not zeros at its end.
fn files(place: &Place) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    let mut directories = vec![place.engine_path()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let content = fs::read(&path).expect("read");
                let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
                let path = path.strip_prefix(place.path()).expect("below").to_path_buf();
                files.push((path, end as u64));
            }
        }
    }
    files.sort();
    assert!(files.len() > 2, "{files:?}");
    files
}

fn copy(place: &Place) -> Place {
    let copy = Place::empty(place.engine);
    copy_all(place.path(), copy.path());
    copy
}
