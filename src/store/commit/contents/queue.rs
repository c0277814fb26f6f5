use std::collections::{BTreeMap, HashMap};

use super::super::blob::Blob;
use super::super::keys;
use super::super::piece::Piece;
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

/// Tells a session's queue in its order: its segments, and what later steps made of them.
pub fn read(
    reading: &mut Reading<'_>,
    session: SessionNumber,
    mut steps: BTreeMap<u64, Step>,
    bodies: &mut Bodies,
) -> Result<(), Stop> {
    let prefix = keys::numbered(keys::BACKLOG, session.0);
    reading.each(&prefix, &mut |reading, blob| {
        reading.tell_record(keys::BACKLOG, &blob)?;
        let Some(piece) = reading.open(&blob, open_piece)? else { return Ok(()) };
        let Piece { changes, bodies: places } = piece;
        let mut segment = BTreeMap::new();
        for change in changes {
            match change {
                Change::Queued { number, .. } => segment.insert(number, Step::Queued(change)),
                Change::PubRecSeen { number, .. } => segment.insert(number, Step::Released),
                _ => None,
            };
        }
        // What was queued before this segment and is in no other.
        let Some(last) = segment.keys().next_back().copied() else { return Ok(()) };
        let later = steps.split_off(&last.saturating_add(1));
        let mut shared = places;
        for (number, step) in std::mem::replace(&mut steps, later) {
            shared.remove(&number);
            segment.insert(number, step);
        }
        for (number, step) in segment {
            let body = shared.get(&number).copied();
            tell(reading, session, number, step, body, bodies)?;
        }
        Ok(())
    })?;
    for (number, step) in steps {
        tell(reading, session, number, step, None, bodies)?;
    }
    Ok(())
}

fn tell(
    reading: &mut Reading<'_>,
    session: SessionNumber,
    number: u64,
    step: Step,
    body: Option<u64>,
    bodies: &mut Bodies,
) -> Result<(), Stop> {
    let content = match (step, body) {
        (Step::Settled, _) => return Ok(()),
        (Step::Released, _) => Content::Change(Change::PubRecSeen { session, number }),
        (Step::Queued(change), None) => Content::Change(change),
        (Step::Queued(_), Some(body)) if !bodies.has(reading.store, body)? => {
            Content::Problem(Problem::MessageMissing { session, number, body })
        }
        (Step::Queued(change), Some(body)) => match change {
            Change::Queued { qos, retain, subscription_ids, .. } => {
                Content::Delivery(Delivery { session, number, body, qos, retain, subscription_ids })
            }
            other => Content::Change(other),
        },
    };
    reading.tell(content)
}
