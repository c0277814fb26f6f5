use std::ops::ControlFlow;

use super::tally::Tally;
use super::{Failure, Outcome, Place, say};
use crate::store::contents;

pub fn run(place: &Place) -> Result<Outcome, Failure> {
    let store = place.open()?;
    let bytes = store.size_bytes()?;
    let mut tally = Tally::new("reading", bytes, true);
    contents(&*store, &mut |content| {
        tally.note(&content);
        ControlFlow::Continue(())
    })?;
    say(&tally.table(bytes));
    tally.print_problems();
    Ok(if tally.problems() == 0 { Outcome::Clean } else { Outcome::Problems })
}
