use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::super::blob::Blob;
use super::super::fold::parts_of;
use super::super::keys;
use super::super::piece::Piece;
use super::super::segment::{Left, Segment};
use super::overlay::Step;
use super::{Content, Delivery, Problem, Reading, Stop, open_body, open_piece};
use crate::journal::{Change, SessionNumber};
use crate::store::Store;

/// Remembers which shared messages a store has.
#[derive(Default)]
pub struct Bodies {
    known: HashMap<u64, bool>,
}

/// Answers that are remembered: queues that share messages share those that are near each other.
const KNOWN_MAX: usize = 65_536;

impl Bodies {
    /// Whether the message is there and whole.
    fn has(&mut self, store: &dyn Store, body: u64) -> Result<bool, Stop> {
        if let Some(known) = self.known.get(&body) {
            return Ok(*known);
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let has = open_body(&Blob::read(store, &keys::body(body))?).is_ok();
        self.known.insert(body, has);
        Ok(has)
    }
}

/// What is true of a queue number.
enum Now {
    /// As a segment says.
    Stored(Left),
    /// As a later step says.
    Later(Step),
}

/// Tells a session's queue in its order: its segments, and what later steps made of them.
pub fn read(
    reading: &mut Reading<'_>,
    session: SessionNumber,
    mut steps: BTreeMap<u64, Step>,
    bodies: &mut Bodies,
) -> Result<(), Stop> {
    let mut queue = Queue { session, bodies };
    let mut segments = BTreeSet::new();
    let prefix = keys::numbered(keys::SEGMENT, session.0);
    reading.each(&prefix, &mut |reading, blob| {
        reading.tell_record(keys::SEGMENT, &blob)?;
        segments.extend(keys::second_number(&blob.key));
        let Some(segment) = reading.open(&blob, Segment::open)? else {
            return tell_parts(reading, session, &blob);
        };
        let mut now: BTreeMap<u64, Now> = BTreeMap::new();
        now.extend(segment.unfinished().map(|(number, left)| (number, Now::Stored(left))));
        let Some(last) = now.keys().next_back().copied() else { return Ok(()) };
        // Whatever was queued before its last number and is in no segment.
        let later = steps.split_off(&last.saturating_add(1));
        let earlier = std::mem::replace(&mut steps, later);
        now.extend(earlier.into_iter().map(|(number, step)| (number, Now::Later(step))));
        queue.tell_segment(reading, &segment, now)
    })?;
    for (number, step) in steps {
        queue.tell(reading, number, Now::Later(step), &mut Part::default())?;
    }
    find_stray_parts(reading, session, &segments)
}

/// Parts of segments that are not there.
fn find_stray_parts(
    reading: &mut Reading<'_>,
    session: SessionNumber,
    segments: &BTreeSet<u64>,
) -> Result<(), Stop> {
    let prefix = keys::numbered(keys::PART, session.0);
    let mut from = prefix.clone();
    loop {
        let mut found = None;
        Blob::scan(reading.store, &prefix, &from, &mut |blob| {
            found = Some(blob);
            ControlFlow::Break(())
        })?;
        let Some(blob) = found else { return Ok(()) };
        let index = keys::second_number(&blob.key).map(keys::segment_of);
        let next = match index.filter(|index| segments.contains(index)) {
            Some(index) => (index + 1).checked_mul(keys::SEGMENT_NUMBERS),
            None => {
                reading.tell_record(keys::PART, &blob)?;
                reading.tell(Content::Problem(Problem::stray(&blob)))?;
                keys::second_number(&blob.key).unwrap_or(u64::MAX).checked_add(1)
            }
        };
        match next {
            Some(next) => from = keys::part(session, next),
            None => return Ok(()),
        }
    }
}

/// Of a segment that is damaged, nobody knows what is unfinished of its parts.
fn tell_parts(
    reading: &mut Reading<'_>,
    session: SessionNumber,
    segment: &Blob,
) -> Result<(), Stop> {
    let Some(index) = keys::second_number(&segment.key) else { return Ok(()) };
    for part in parts_of(reading.store, session, index)? {
        reading.tell_record(keys::PART, &part)?;
        reading.tell(Content::Problem(Problem::stray(&part)))?;
    }
    Ok(())
}

struct Queue<'a> {
    session: SessionNumber,
    bodies: &'a mut Bodies,
}

/// The messages of a part, by queue number.
#[derive(Default)]
struct Part {
    queued: BTreeMap<u64, Change>,
}

impl Queue<'_> {
    /// Part by part, so that no more than one of them is in memory.
    fn tell_segment(
        &mut self,
        reading: &mut Reading<'_>,
        segment: &Segment,
        mut now: BTreeMap<u64, Now>,
    ) -> Result<(), Stop> {
        let mut part = Part::default();
        for numbers in segment.parts(0..u64::MAX).collect::<Vec<_>>() {
            part = self.read_part(reading, numbers.start)?;
            let later = now.split_off(&numbers.end);
            for (number, left) in std::mem::replace(&mut now, later) {
                self.tell(reading, number, left, &mut part)?;
            }
        }
        for (number, left) in now {
            self.tell(reading, number, left, &mut part)?;
        }
        Ok(())
    }

    fn read_part(&self, reading: &mut Reading<'_>, first: u64) -> Result<Part, Stop> {
        let blob = Blob::read(reading.store, &keys::part(self.session, first))?;
        let mut part = Part::default();
        if blob.chunks.is_empty() {
            return Ok(part);
        }
        reading.tell_record(keys::PART, &blob)?;
        let Piece { changes, .. } = reading.open(&blob, open_piece)?.unwrap_or_default();
        for change in changes {
            if let Change::Queued { number, .. } = &change {
                part.queued.insert(*number, change);
            }
        }
        Ok(part)
    }

    fn tell(
        &mut self,
        reading: &mut Reading<'_>,
        number: u64,
        now: Now,
        part: &mut Part,
    ) -> Result<(), Stop> {
        let session = self.session;
        let content = match now {
            Now::Later(Step::Settled) => return Ok(()),
            Now::Later(Step::Released) | Now::Stored(Left::Released) => {
                Content::Change(Change::PubRecSeen { session, number })
            }
            Now::Later(Step::Queued(change)) => Content::Change(change),
            Now::Stored(Left::Message { body, .. }) => match (part.queued.remove(&number), body) {
                (Some(change), None) => Content::Change(change),
                (Some(change), Some(body)) if self.bodies.has(reading.store, body)? => {
                    delivery(change, body)
                }
                _ => Content::Problem(Problem::MessageMissing { session, number, body }),
            },
        };
        reading.tell(content)
    }
}

fn delivery(change: Change, body: u64) -> Content {
    match change {
        Change::Queued { session, number, qos, retain, subscription_ids, .. } => {
            Content::Delivery(Delivery { session, number, body, qos, retain, subscription_ids })
        }
        other => Content::Change(other),
    }
}
