use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::bar::Bar;
use super::line::Line;
use super::{Failure, Outcome, Place, complain, say};
use crate::store::{Filling, Store};
use reading::Reading;

mod reading;

/// Bytes of one line: the longest payload, each byte of which JSON may write in six.
const LINE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Mistakes that are listed; with the last of them reading ends.
const MISTAKES_MAX: usize = 100;

pub fn run(place: &Place, file: Option<&Path>) -> Result<Outcome, Failure> {
    refuse_what_is_there(place)?;
    let named = |error| Failure::File { path: file.unwrap_or(Path::new("-")).into(), error };
    let (input, total) = input(file).map_err(named)?;
    let mut prepared = place.prepare()?;
    let mut lines = Lines { input, number: 0, bar: Bar::new("importing", total), named: &named };
    let (mistakes, sessions) = fill(prepared.store(), &mut lines)?;
    if !mistakes.is_empty() {
        mistakes.iter().for_each(|mistake| complain(mistake));
        if mistakes.len() >= MISTAKES_MAX {
            complain("further mistakes are not looked for");
        }
        complain("nothing was imported");
        return Ok(Outcome::Problems);
    }
    if let Some(old) = prepared.take_place()? {
        old.remove()?;
    }
    say(&format!("{} lines read, {sessions} sessions imported", lines.number));
    Ok(Outcome::Clean)
}

/// Only an empty store may be filled.
fn refuse_what_is_there(place: &Place) -> Result<(), Failure> {
    if !place.directory.has(place.engine) {
        return Ok(());
    }
    let mut is_empty = true;
    place.open()?.scan(b"", b"", &mut |_, _| {
        is_empty = false;
        std::ops::ControlFlow::Break(())
    })?;
    let path = place.directory.engine_path(place.engine);
    match is_empty {
        true => Ok(()),
        false => Err(Failure::Refused(format!(
            "{} is not empty: an import does not mix with what is there",
            path.display()
        ))),
    }
}

fn input(file: Option<&Path>) -> io::Result<(Box<dyn BufRead>, Option<u64>)> {
    Ok(match file {
        Some(path) => {
            let file = File::open(path)?;
            let bytes = file.metadata().ok().map(|metadata| metadata.len());
            (Box::new(BufReader::with_capacity(1024 * 1024, file)), bytes.filter(|it| *it > 0))
        }
        None => (Box::new(BufReader::with_capacity(1024 * 1024, io::stdin())), None),
    })
}

/// The lines of an export, numbered from 1.
struct Lines<'a> {
    input: Box<dyn BufRead>,
    number: u64,
    bar: Bar,
    named: &'a dyn Fn(io::Error) -> Failure,
}

impl Lines<'_> {
    /// The next line; an error where it is not one. `None` at the end.
    fn next(&mut self) -> Result<Option<Result<Line, String>>, Failure> {
        let mut bytes = Vec::new();
        let limit = LINE_BYTES_MAX + 1;
        (&mut self.input).take(limit).read_until(b'\n', &mut bytes).map_err(self.named)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        self.bar.advance(bytes.len() as u64);
        if bytes.len() as u64 >= limit {
            return Err(Failure::Refused(format!("line {} is too long", self.number)));
        }
        let line = serde_json::from_slice(&bytes);
        Ok(Some(line.map_err(|error| reading::explain(&error))))
    }
}

/// Reads all lines into a store; returns the mistakes and the number of sessions.
fn fill(store: &mut dyn Store, lines: &mut Lines<'_>) -> Result<(Vec<String>, u64), Failure> {
    let mut mistakes: Vec<String> = Vec::new();
    let mut reading = Reading::new(Filling::new(store));
    while let Some(line) = lines.next()? {
        let mistake = match line {
            Ok(line) => reading.take(&line, lines.number - 1)?,
            Err(mistake) => {
                reading.lose_track();
                Some(mistake)
            }
        };
        mistakes.extend(mistake.map(|text| format!("line {}: {text}", lines.number)));
        if mistakes.len() >= MISTAKES_MAX || reading.is_hopeless() {
            return Ok((mistakes, 0));
        }
    }
    mistakes.extend(reading.missing().map(|text| format!("line {}: {text}", lines.number + 1)));
    let sessions = reading.sessions();
    if mistakes.is_empty() {
        reading.finish()?;
    }
    Ok((mistakes, sessions))
}
