//! Damaged files: what was acknowledged is there, or an error says that it is not. Never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use fulmar::store::{EngineOptions, StoreError};

use crate::copy::copy_all;
use crate::engine::{Engine, Entries, Home, Random, bytes, delete, entries, put, stories};

stories!(Sled as sled, Fjall as fjall: {
    a_flipped_byte_is_harmless_or_an_error
    a_truncated_file_is_harmless_or_an_error
    a_missing_file_is_harmless_or_an_error
    damage_at_the_end_of_the_log_is_found
});

fn a_flipped_byte_is_harmless_or_an_error(engine: Engine) {
    let store = Written::new(engine);
    let mut random = Random::new(1);
    for (file, length) in store.files() {
        for _ in 0..if length > 100_000 { 12 } else { 3 } {
            let at = random.below(length.max(1)) as usize;
            let what = format!("{} with byte {at} of {length} flipped", file.display());
            store.check(&what, |copy| {
                let mut content = fs::read(copy.join(&file)).expect("read");
                if let Some(byte) = content.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
                fs::write(copy.join(&file), content).expect("written");
            });
        }
    }
}

fn a_truncated_file_is_harmless_or_an_error(engine: Engine) {
    let store = Written::new(engine);
    for (file, length) in store.files() {
        for kept in [0, 1, length / 3, length / 2, length.saturating_sub(1)] {
            store.check(&format!("{} cut to {kept} of {length}", file.display()), |copy| {
                let opened =
                    fs::File::options().write(true).open(copy.join(&file)).expect("opened");
                opened.set_len(kept).expect("cut");
            });
        }
    }
}

fn a_missing_file_is_harmless_or_an_error(engine: Engine) {
    let store = Written::new(engine);
    for (file, _) in store.files() {
        store.check(&format!("{} removed", file.display()), |copy| {
            fs::remove_file(copy.join(&file)).expect("removed");
        });
    }
}

/// An engine takes this for what a crash cut off, and only the count of batches tells.
fn damage_at_the_end_of_the_log_is_found(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    for number in 0..20_u64 {
        store.apply(vec![put(number.to_be_bytes(), bytes(number, 1_000))]).expect("applied");
    }
    drop(store);
    let directory = home.directory.path().join(engine.name());
    let log = directory.join(if engine == Engine::Fjall { "0.jnl" } else { "db" });
    let content = fs::read(&log).expect("read");
    let end = content.iter().rposition(|byte| *byte != 0).expect("not empty");
    fs::write(&log, &content[..end * 3 / 4]).expect("cut");

    let error = home.try_open().err().expect("found");

    let StoreError::Damaged { directory: damaged, what } = &error else { panic!("{error}") };
    assert_eq!(*damaged, directory);
    assert!(what.contains("of 20 acknowledged batches are missing"), "{what}");
}

/// A store that was written and closed, to be damaged in copies.
struct Written {
    home: Home,
    expected: Entries,
}

impl Written {
    fn new(engine: Engine) -> Self {
        let home = Home::new(engine);
        for part in 0..2_u64 {
            let mut store = home.open();
            for number in part * 40..(part + 1) * 40 {
                let value = bytes(number, [20, 900, 6_000, 30_000][number as usize % 4]);
                let key = number.to_be_bytes();
                let old = delete(number.saturating_sub(60).to_be_bytes());
                store.apply(vec![put(key, value), old]).expect("applied");
            }
        }
        let expected = entries(&*home.open()).expect("read");
        Self { home, expected }
    }

    /// The engine's files, from the data directory, and their lengths.
    fn files(&self) -> Vec<(PathBuf, u64)> {
        let root = self.home.directory.path();
        let mut files = Vec::new();
        let mut directories = vec![root.join(self.home.engine.name())];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("listed") {
                let entry = entry.expect("listed");
                let metadata = entry.metadata().expect("there");
                if metadata.is_dir() {
                    directories.push(entry.path());
                } else {
                    let path = entry.path().strip_prefix(root).expect("below").to_path_buf();
                    // fjall makes its journal longer than what it has written.
                    files.push((path, metadata.len().min(1_500_000)));
                }
            }
        }
        files.sort();
        assert!(files.len() > 2, "{files:?}");
        files
    }

    fn copy(&self) -> Home {
        let copy = Home::new(self.home.engine);
        copy_all(self.home.directory.path(), copy.directory.path());
        copy
    }

    fn check(&self, what: &str, damage: impl FnOnce(&Path)) {
        let copy = self.copy();
        damage(copy.directory.path());
        let opened = copy.engine.open(copy.directory.path(), &EngineOptions::default());
        match opened.and_then(|store| entries(&*store)) {
            Ok(found) => assert!(found == self.expected, "{what}: something else, and no error"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
