use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use super::line::Line;
use super::message::MessageText;
use super::tally::Tally;
use super::{Failure, Outcome, Place};
use crate::journal::Change;
use crate::store::{Content, contents};

/// Bytes that are written at a time.
const BUFFER_BYTES: usize = 1024 * 1024;

pub fn run(place: &Place, file: Option<&Path>) -> Result<Outcome, Failure> {
    let store = place.open()?;
    let mut tally = Tally::new("exporting", store.size_bytes()?, false);
    let named = |error| Failure::File { path: file.unwrap_or(Path::new("-")).into(), error };
    let mut export = Export::new(output(file).map_err(named)?);
    let mut written = export.line(&Line::header());
    if written.is_ok() {
        contents(&*store, &mut |content| {
            tally.note(&content);
            written = export.take(&content);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    written.and_then(|()| export.finish()).map_err(named)?;
    let outcome = tally.outcome();
    if outcome == Outcome::Problems {
        tally.print_problems();
    }
    Ok(outcome)
}

fn output(file: Option<&Path>) -> io::Result<Box<dyn Write>> {
    Ok(match file {
        Some(path) => Box::new(File::create(path)?),
        None => Box::new(io::stdout()),
    })
}

/// Turns contents into lines.
struct Export<W: Write> {
    out: BufWriter<W>,
    lines: u64,
    client_id: String,
    /// The session of which the next change may say when it lost its connection.
    opened: Option<(String, u32)>,
}

impl<W: Write> Export<W> {
    fn new(out: W) -> Self {
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Self { out, lines: 0, client_id: String::new(), opened: None }
    }

    fn take(&mut self, content: &Content) -> io::Result<()> {
        match content {
            Content::Shared { body, message } => {
                self.line(&Line::Message { id: *body, message: MessageText::from(message) })
            }
            Content::Delivery(delivery) => {
                self.open(None)?;
                self.line(&Line::of_delivery(delivery, &self.client_id))
            }
            Content::Change(change) => self.take_change(change),
            Content::Record { .. } | Content::Quarantined(_) | Content::Problem(_) => Ok(()),
        }
    }

    fn take_change(&mut self, change: &Change) -> io::Result<()> {
        match change {
            Change::SessionOpened { client_id, expiry_secs, .. } => {
                self.open(None)?;
                client_id.as_str().clone_into(&mut self.client_id);
                self.opened = Some((self.client_id.clone(), *expiry_secs));
                Ok(())
            }
            Change::SessionDetached { at, .. } => self.open(Some(at.0)),
            change => {
                self.open(None)?;
                match Line::of(change, &self.client_id) {
                    Some(line) => self.line(&line),
                    None => Ok(()),
                }
            }
        }
    }

    /// Writes the line of a session that was opened.
    fn open(&mut self, detached_at_ms: Option<u64>) -> io::Result<()> {
        match self.opened.take() {
            Some((client_id, expiry_secs)) => {
                self.line(&Line::Session { client_id, expiry_secs, detached_at_ms })
            }
            None => Ok(()),
        }
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.lines += 1;
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.open(None)?;
        let lines = self.lines;
        self.line(&Line::End { lines })?;
        self.out.flush()
    }
}
