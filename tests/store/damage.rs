//! Damaged files: the start of a broker, and what `repair` brings back.

use crate::fixture::{ENGINES, Place};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn experiment() {
    for engine in ENGINES {
        let whole = Place::filled(engine);
        for (file, length) in files(&whole) {
            if !(file.ends_with("db")
                || file.ends_with("current")
                || file.ends_with("0")
                || file.ends_with("0.jnl"))
            {
                continue;
            }
            for part in 0..8 {
                let at = length * (2 * part + 1) / 16;
                let place = copy(&whole);
                let path = place.path().join(&file);
                let mut bytes = fs::read(&path).unwrap();
                if bytes.is_empty() {
                    continue;
                }
                bytes[at as usize] ^= 0x55;
                fs::write(&path, bytes).unwrap();
                let t = std::time::Instant::now();
                let ran = place.run(&["repair"]);
                let t = t.elapsed().as_millis();
                if ran.code == Some(0) {
                    place.run(&["verify"]).expect_code(0);
                }
                let what = format!(
                    "{t}ms {} {}",
                    ran.stdout.replace("\n", " | ").replace("  ", ""),
                    ran.stderr
                );
                println!(
                    "{engine:?} {} at {at}/{length}: {:?} {}",
                    file.display(),
                    ran.code,
                    what.chars().take(900).collect::<String>()
                );
            }
        }
    }
}

pub fn files(place: &Place) -> Vec<(PathBuf, u64)> {
    let root = place.path();
    let mut files = Vec::new();
    let mut directories = vec![place.engine_path()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("listed") {
            let entry = entry.expect("listed");
            let metadata = entry.metadata().expect("there");
            if metadata.is_dir() {
                directories.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(root).expect("below").to_path_buf();
                files.push((path, metadata.len().min(3_000_000)));
            }
        }
    }
    files.sort();
    files
}

fn copy(place: &Place) -> Place {
    let copy = Place::empty(place.engine);
    copy_all(place.path(), copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("made");
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
