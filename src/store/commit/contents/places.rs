use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::super::blob::Blob;
use super::super::bodies::open_count;
use super::super::keys;
use super::super::segment::Segment;
use super::{Content, Problem, Reading, Stop};

/// Messages whose places are counted at a time: the queues are read once for each so many.
const COUNTED_MAX: usize = 1_000_000;

/// What is known of one shared message.
#[derive(Default)]
struct Places {
    written: Option<u64>,
    found: u64,
}

/// Holds the places that are counted for each shared message against the queues. While a round is under
/// way those are counted that it is going to make.
pub fn check(reading: &mut Reading<'_>, has_round: bool) -> Result<(), Stop> {
    reading.each(&[keys::BODY_COUNT], &mut |reading, blob| {
        reading.tell_record(keys::BODY_COUNT, &blob)?;
        reading.open(&blob, open_count).map(drop)
    })?;
    let mut from = 0;
    loop {
        let mut window = window(reading, from)?;
        let Some((last, _)) = window.last_key_value() else { return Ok(()) };
        let last = *last;
        count(reading, &mut window)?;
        for (body, places) in window {
            compare(reading, body, &places, has_round)?;
        }
        match last.checked_add(1) {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

/// The next messages, and what is counted for them.
fn window(reading: &mut Reading<'_>, from: u64) -> Result<BTreeMap<u64, Places>, Stop> {
    let mut window: BTreeMap<u64, Places> = BTreeMap::new();
    let visit = &mut |key: &[u8], _: &[u8]| {
        if let Some(body) = keys::number(key) {
            window.entry(body).or_default();
        }
        if window.len() < COUNTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    reading.store.scan(&[keys::BODY], &keys::body(from), visit)?;
    let end = (window.len() >= COUNTED_MAX).then(|| *window.last_key_value().expect("full").0);
    Blob::scan(reading.store, &[keys::BODY_COUNT], &keys::body_count(from), &mut |blob| {
        let body = keys::number(&blob.key);
        if body > end.or(body) {
            return ControlFlow::Break(());
        }
        if let (Some(body), Ok(count)) = (body, open_count(&blob)) {
            window.entry(body).or_default().written = Some(count);
        }
        ControlFlow::Continue(())
    })?;
    Ok(window)
}

fn count(reading: &mut Reading<'_>, window: &mut BTreeMap<u64, Places>) -> Result<(), Stop> {
    reading.each(&[keys::SEGMENT], &mut |_, blob| {
        // A segment that is damaged has been told of.
        let Ok(segment) = Segment::open(&blob) else { return Ok(()) };
        for body in segment.bodies() {
            if let Some(places) = window.get_mut(&body) {
                places.found += 1;
            }
        }
        Ok(())
    })
}

/// A message that is missing is told where a queue refers to it.
fn compare(
    reading: &mut Reading<'_>,
    body: u64,
    places: &Places,
    has_round: bool,
) -> Result<(), Stop> {
    let Places { written, found } = *places;
    if written == Some(found) && found > 0 || has_round && written > Some(found) {
        return Ok(());
    }
    reading.tell(Content::Problem(Problem::Miscounted { body, written, places: found }))
}
