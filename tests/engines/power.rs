//! Power cuts: from a record of what a writer did to its files, the disk as it would be found after
//! a cut at any moment, with nothing but what was synced, or with some of the rest besides.
//!
//! Limits: the record is of one run without restarts; a page of 4 KiB is there or not, never half;
//! names come back all or none where more than what was synced survives; a disk that lies about its
//! cache is not modelled. Where strace cannot be run, these tests pass without having looked.

use std::process::Command;

use fulmar::store::EngineOptions;

use crate::crash::{BATCHES_VARIABLE, acknowledged, assert_whole, cycles, writer_arguments};
use crate::disk::{Disk, Survives};
use crate::engine::{Engine, Home, Random, stories};
use crate::trace::{Event, record};

stories!(Sled as sled, Fjall as fjall: {
    what_was_acknowledged_survives_a_power_cut
});

const BATCHES: u64 = 12;

fn what_was_acknowledged_survives_a_power_cut(engine: Engine) {
    let home = Home::new(engine);
    let Some(events) = events_of_a_writer(&home) else { return };
    let root = home.directory.path().to_str().expect("a path of ours");
    let mut random = Random::new(engine as u64);
    let odds = (events.len() as u64 / cycles()).max(1);
    let mut disk = Disk::default();
    let mut last = 0;
    for (number, event) in events.iter().enumerate() {
        disk.handle(event, root);
        let said = said(event);
        last = said.unwrap_or(last);
        // At each acknowledgement, and now and then in between.
        if said.is_some() {
            check(engine, &disk, &Survives::Synced, last, number);
        } else if random.below(odds) == 0 {
            check(engine, &disk, &Survives::Synced, last, number);
            check(engine, &disk, &Survives::Some(random.next()), last, number);
        }
    }
    assert_eq!(last, BATCHES);
}

fn check(engine: Engine, disk: &Disk, survives: &Survives, acknowledged: u64, event: usize) {
    let left = Home::new(engine);
    disk.cut(survives, left.directory.path());
    let when = format!("cut after event {event}");
    match left.open_with(&EngineOptions::default()) {
        Ok(store) => drop(assert_whole(&*store, acknowledged, &when)),
        Err(error) => panic!("{when}, {acknowledged} acknowledged: {error}"),
    }
}

fn events_of_a_writer(home: &Home) -> Option<Vec<Event>> {
    let output = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).expect("made");
    let mut command = Command::new(std::env::current_exe().expect("its path"));
    writer_arguments(&mut command, home.engine, home.directory.path());
    record(command.env(BATCHES_VARIABLE, BATCHES.to_string()), output.path())
}

/// The batch that the writer acknowledged by this event.
fn said(event: &Event) -> Option<u64> {
    match event {
        Event::Write { file: 1, bytes, .. } => {
            str::from_utf8(bytes).ok()?.lines().find_map(acknowledged)
        }
        _ => None,
    }
}
