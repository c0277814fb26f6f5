use std::fmt::Write;

use super::bar::Bar;
use super::{Outcome, complain, say, size};
use crate::journal::{Change, SessionNumber};
use crate::store::{Content, Problem, RecordKind};

/// Counts what a store holds and prints its problems.
pub struct Tally {
    bar: Bar,
    counts: Counts,
    /// Of the session that is being told.
    client_id: Option<(SessionNumber, String)>,
    /// Problems are for standard output.
    on_stdout: bool,
    problems: u64,
    losses: u64,
}

#[derive(Default)]
struct Counts {
    sessions: u64,
    connected: u64,
    subscriptions: u64,
    inbound: u64,
    wills: u64,
    queued: u64,
    released: u64,
    shared: u64,
    retained: u64,
    records: [(u64, u64); KINDS],
}

const KINDS: usize = RecordKind::Quarantined as usize + 1;
/// Problems that are printed; of more, the number is said.
const PROBLEMS_SHOWN_MAX: u64 = 1_000;

impl Tally {
    /// Of a store that takes up so many bytes. Its problems go to standard output, or beside it
    /// where that is for something else.
    pub fn new(what: &'static str, bytes: u64, on_stdout: bool) -> Self {
        let bar = Bar::new(what, Some(bytes));
        let (counts, client_id) = Default::default();
        Self { bar, counts, client_id, on_stdout, problems: 0, losses: 0 }
    }

    pub fn note(&mut self, content: &Content) {
        match content {
            Content::Record { kind, bytes } => {
                let (records, sum) = &mut self.counts.records[*kind as usize];
                (*records, *sum) = (*records + 1, *sum + bytes);
                self.bar.advance(*bytes);
            }
            Content::Shared { .. } => self.counts.shared += 1,
            Content::Delivery(_) => self.counts.queued += 1,
            Content::Change(change) => self.note_change(change),
            Content::Quarantined(_) => {}
            Content::Problem(problem) => self.note_problem(problem),
        }
    }

    fn note_change(&mut self, change: &Change) {
        let counts = &mut self.counts;
        match change {
            Change::SessionOpened { session, client_id, .. } => {
                counts.sessions += 1;
                counts.connected += 1;
                self.client_id = Some((*session, client_id.as_str().to_owned()));
            }
            Change::SessionDetached { .. } => counts.connected -= 1,
            Change::Subscribed { .. } => counts.subscriptions += 1,
            Change::InboundTaken { .. } => counts.inbound += 1,
            Change::WillArmed { .. } => counts.wills += 1,
            Change::Queued { .. } => counts.queued += 1,
            Change::PubRecSeen { .. } => counts.released += 1,
            Change::RetainedSet { .. } => counts.retained += 1,
            _ => {}
        }
    }

    fn note_problem(&mut self, problem: &Problem) {
        self.problems += 1;
        self.losses += u64::from(problem.is_loss());
        if self.problems > PROBLEMS_SHOWN_MAX {
            return;
        }
        let whose = match &self.client_id {
            Some((session, client_id)) if problem.session() == Some(*session) => {
                format!(" (client {client_id:?})")
            }
            _ => String::new(),
        };
        self.print(&format!("problem: {problem}{whose}"));
    }

    /// Whether there were problems so far.
    pub fn outcome(&self) -> Outcome {
        if self.problems == 0 { Outcome::Clean } else { Outcome::Problems }
    }

    /// Ends the list of problems and says how many there are.
    pub fn print_problems(&self) {
        if self.problems == 0 {
            return self.print("no problems");
        }
        self.print_unseen();
        self.print(&format!("problems: {}, with a loss: {}", self.problems, self.losses));
    }

    /// Ends the list of problems.
    pub fn print_unseen(&self) {
        let unseen = self.problems.saturating_sub(PROBLEMS_SHOWN_MAX);
        if unseen > 0 {
            self.print(&format!("and {unseen} more"));
        }
    }

    /// What is there.
    pub fn table(&self, bytes: u64) -> String {
        let counts = &self.counts;
        let stored = |kind: RecordKind| counts.records[kind as usize];
        let rows = [
            ("sessions", counts.sessions, Some(stored(RecordKind::Session).1)),
            ("  without an end of their connection", counts.connected, None),
            ("subscriptions", counts.subscriptions, Some(stored(RecordKind::Subscription).1)),
            ("packet ids of QoS 2 taken", counts.inbound, None),
            ("wills", counts.wills, None),
            (
                "queued messages",
                counts.queued,
                Some(stored(RecordKind::Queue).1 + stored(RecordKind::Segment).1),
            ),
            (
                "  of which in several queues, once",
                counts.shared,
                Some(stored(RecordKind::Message).1),
            ),
            ("exchanges past PUBREC", counts.released, None),
            ("retained messages", counts.retained, Some(stored(RecordKind::Retained).1)),
            ("journal groups", stored(RecordKind::Journal).0, Some(stored(RecordKind::Journal).1)),
            (
                "quarantined records",
                stored(RecordKind::Quarantined).0,
                Some(stored(RecordKind::Quarantined).1),
            ),
        ];
        let mut table = String::new();
        for (what, count, bytes) in rows {
            let bytes = bytes.map(size).unwrap_or_default();
            let _ = writeln!(table, "{}", format!("{what:<38}{count:>12}{bytes:>14}").trim_end());
        }
        let _ = write!(table, "{:<50}{:>14}", "on disk", size(bytes));
        table
    }

    fn print(&self, line: &str) {
        if self.on_stdout { say(line) } else { complain(line) }
    }
}
