use std::ops::ControlFlow;

use super::tally::Tally;
use super::{Failure, Outcome, Place, say};
use crate::store::{Durability, EngineOptions, Filling, Store, contents};

pub fn run(place: Place, dry_run: bool) -> Result<Outcome, Failure> {
    let store = place.open()?;
    let bytes = store.size_bytes()?;
    let mut tally = Tally::new("reading", bytes, true);
    contents(&*store, &mut |content| {
        tally.note(&content);
        ControlFlow::Continue(())
    })?;
    tally.print_problems();
    if tally.problems() == 0 {
        say("nothing to repair");
        return Ok(Outcome::Clean);
    }
    if dry_run {
        say("nothing was changed");
        return Ok(Outcome::Problems);
    }
    rewrite(place, store)
}

fn rewrite(place: Place, store: Box<dyn Store>) -> Result<Outcome, Failure> {
    let options = EngineOptions { durability: Durability::Os, ..place.options.clone() };
    let mut prepared = place.directory.prepare(place.engine, &options)?;
    let mut filling = Filling::new(prepared.store());
    let mut written = Ok(());
    contents(&*store, &mut |content| {
        written = filling.take(content);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    filling.finish()?;
    drop(store);
    if let Some(old) = prepared.take_place()? {
        say(&format!("what was there is kept in {}", old.set_aside()?.display()));
    }
    say("repaired");
    Ok(Outcome::Clean)
}
