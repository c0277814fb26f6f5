//! kill -9 while batches are written: what was acknowledged is there, and nothing is there by half.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use fulmar::store::{EngineOptions, Operation, Store};

use crate::engine::{Engine, Entries, Home, Random, bytes, delete, entries, put, stories};

stories!(Sled as sled, Fjall as fjall: {
    what_was_acknowledged_survives_kill_9
});

/// More with this variable.
const CYCLES: u64 = 20;
const CYCLES_VARIABLE: &str = "FULMAR_CRASH_CYCLES";
/// Tells the writer its engine, and where.
pub const ENGINE_VARIABLE: &str = "FULMAR_ENGINES_WRITER";
pub const DIRECTORY_VARIABLE: &str = "FULMAR_ENGINES_DIRECTORY";
/// Ends the writer by itself after that many batches.
pub const BATCHES_VARIABLE: &str = "FULMAR_ENGINES_BATCHES";
/// How many batches live on until they are deleted.
const KEPT_BATCHES: u64 = 4;

fn what_was_acknowledged_survives_kill_9(engine: Engine) {
    let home = Home::new(engine);
    let cycles = cycles();
    let mut random = Random::new(engine as u64);
    let mut last = 0;
    for cycle in 0..cycles {
        let acknowledged = killed_writer(engine, home.directory.path(), &mut random).max(last);
        last = assert_whole(&*home.open(), acknowledged, &format!("cycle {cycle}"));
    }
    assert!(last >= cycles, "only {last} batches in {cycles} cycles");
}

/// How often to kill or cut.
pub fn cycles() -> u64 {
    std::env::var(CYCLES_VARIABLE).map_or(CYCLES, |text| text.parse().expect("number"))
}

/// Starts a writer, kills it at some moment and returns the last batch that it acknowledged.
fn killed_writer(engine: Engine, directory: &Path, random: &mut Random) -> u64 {
    let mut writer = Writer::start(engine, directory);
    let mut acknowledged = 0;
    for _ in 0..=random.below(30) {
        acknowledged = writer.acknowledgement().expect("the writer lives");
    }
    wait(Duration::from_micros(random.below(3_000)));
    writer.child.kill().expect("killed");
    // What it said before it died was acknowledged too.
    while let Some(number) = writer.acknowledgement() {
        acknowledged = number;
    }
    writer.child.wait().expect("waited for");
    acknowledged
}

/// The store holds what batch `n` leaves, for an `n` that is not before `acknowledged`. Returns it.
pub fn assert_whole(store: &dyn Store, acknowledged: u64, when: &str) -> u64 {
    let found = entries(store).expect("read");
    let counted = found
        .get(&b"last"[..])
        .map_or(0, |value| u64::from_be_bytes(value.as_slice().try_into().expect("eight bytes")));
    let last = counted + u64::from(rows(counted + 1).any(|(key, _)| found.contains_key(&key)));
    assert!(last >= acknowledged, "{when}: {acknowledged} was acknowledged, {last} is there");
    assert!(found == left_by(last), "{when}: batch {last} is there by half");
    last
}

/// What is there when batch `last` was the last one.
fn left_by(last: u64) -> Entries {
    let counted = last - last % 2;
    let first = (counted + 1).saturating_sub(KEPT_BATCHES).max(1);
    let mut left: Entries = (first..=last).flat_map(rows).collect();
    if counted > 0 {
        left.insert(b"last".into(), counted.to_be_bytes().into());
    }
    left
}

/// Every other one puts a single entry, as a group of commits does.
fn batch(number: u64) -> Vec<Operation> {
    let mut operations: Vec<_> = rows(number).map(|(key, value)| put(key, value)).collect();
    if number.is_multiple_of(2) {
        operations.push(put("last", number.to_be_bytes()));
        let old = number.saturating_sub(KEPT_BATCHES + 1)..=number.saturating_sub(KEPT_BATCHES);
        operations.extend(old.flat_map(rows).map(|(key, _)| delete(key)));
    }
    operations
}

/// Mostly small, some in several pieces.
fn rows(number: u64) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let mut random = Random::new(number);
    let count = if number.is_multiple_of(2) { 1 + random.below(8) } else { 1 };
    (0..count).map(move |row| {
        let length = [10, 200, 3_000, 20_000, 70_000][random.below(5) as usize];
        let key = [&b"row"[..], &number.to_be_bytes(), &row.to_be_bytes()].concat();
        (key, bytes(number * 100 + row, length))
    })
}

/// This test binary once more, running [`writer`] alone.
struct Writer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(engine: Engine, directory: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("its path"));
        let command = writer_arguments(&mut command, engine, directory);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        let output = child.stdout.take().expect("piped");
        Self { child, lines: BufReader::new(output).lines() }
    }

    /// The number of a batch, as soon as it is applied; nothing when the writer is dead.
    fn acknowledgement(&mut self) -> Option<u64> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| acknowledged(&line))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The batch whose acknowledgement a line of the writer's output is.
pub fn acknowledged(line: &str) -> Option<u64> {
    line.strip_prefix("applied ")?.trim().parse().ok()
}

pub fn writer_arguments<'a>(
    command: &'a mut Command,
    engine: Engine,
    directory: &Path,
) -> &'a mut Command {
    command
        .args(["crash::writer", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(ENGINE_VARIABLE, engine.name())
        .env(DIRECTORY_VARIABLE, directory)
}

#[test]
#[ignore = "is what gets killed: started by the tests"]
fn writer() {
    let Ok(name) = std::env::var(ENGINE_VARIABLE) else { return };
    let engine = [Engine::Sled, Engine::Fjall].into_iter().find(|engine| engine.name() == name);
    let directory = PathBuf::from(std::env::var_os(DIRECTORY_VARIABLE).expect("a directory"));
    let batches =
        std::env::var(BATCHES_VARIABLE).map_or(u64::MAX, |text| text.parse().expect("number"));
    let mut store =
        engine.expect("known").open(&directory, &EngineOptions::default()).expect("opens");
    let last = assert_whole(&*store, 0, "in the writer");
    let mut output = std::io::stdout();
    for number in (last + 1..).take(batches.try_into().unwrap_or(usize::MAX)) {
        store.apply(batch(number)).expect("applied");
        // One write to the pipe, so that an acknowledgement is there whole or not at all.
        output.write_all(format!("\napplied {number}\n").as_bytes()).expect("written");
        output.flush().expect("written");
    }
}

/// Lets time pass that no event marks.
fn wait(duration: Duration) {
    let (_sender, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(duration);
}
