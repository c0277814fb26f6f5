use std::ops::ControlFlow;

use super::survey::Survey;
use super::tally::Tally;
use super::{Failure, Outcome, Place, say};
use crate::store::{
    Content, EngineOptions, Filling, Prepared, Store, StoreError, contents, describe,
};

pub fn run(place: &Place, dry_run: bool) -> Result<Outcome, Failure> {
    match Survey::of(place) {
        Ok(survey) => mend(place, survey, dry_run),
        Err(Failure::Store(StoreError::Damaged { directory, what })) => {
            say(&format!("problem: {} is damaged: {what}", directory.display()));
            salvage(place, dry_run)
        }
        Err(failure) => Err(failure),
    }
}

/// Brings the contents of an engine that can be opened and read into a new one, if they need it.
fn mend(place: &Place, survey: Survey, dry_run: bool) -> Result<Outcome, Failure> {
    let Survey { store, tally, .. } = survey;
    tally.print_problems();
    let outcome = tally.outcome();
    // The bar of reading is over.
    drop(tally);
    match outcome {
        Outcome::Clean => {
            say("nothing to repair");
            Ok(Outcome::Clean)
        }
        Outcome::Problems if dry_run => nothing_changed(),
        Outcome::Problems => {
            let mut prepared = place.prepare()?;
            rewrite(&*store, &mut prepared, &mut |_| {})?;
            drop(store);
            replace(prepared)
        }
    }
}

/// Brings what can be read of a damaged engine into a new one.
fn salvage(place: &Place, dry_run: bool) -> Result<Outcome, Failure> {
    let mut prepared = place.prepare()?;
    match place.directory.salvage(place.engine, &prepared, &EngineOptions::default()) {
        Ok(salvage) => {
            let mut tally = Tally::new("salvaging", salvage.size_bytes()?, true);
            rewrite(&salvage, &mut prepared, &mut |content| tally.note(content))?;
            for (last, next) in salvage.gaps() {
                say(&format!("problem: {}", unreadable(&last, &next)));
            }
            tally.print_unseen();
            say("what could be read:");
            say(&tally.table(prepared.store().size_bytes()?));
        }
        Err(StoreError::Damaged { what, .. }) => {
            say(&format!("nothing of it can be read: {what}"));
            say("everything that was kept is lost");
        }
        Err(error) => return Err(error.into()),
    }
    if dry_run { nothing_changed() } else { replace(prepared) }
}

fn unreadable(last: &[u8], next: &[u8]) -> String {
    match next {
        [] => format!("nothing can be read behind {}", describe(last)),
        next if last == next => format!("cannot be read: {}", describe(last)),
        next => {
            format!("cannot be read: what is between {} and {}", describe(last), describe(next))
        }
    }
}

/// Writes the contents of a store into a new one, what is damaged into its quarantine.
fn rewrite(
    store: &dyn Store,
    prepared: &mut Prepared,
    note: &mut dyn FnMut(&Content),
) -> Result<(), Failure> {
    let mut filling = Filling::new(prepared.store());
    let mut written = Ok(());
    contents(store, &mut |content| {
        note(&content);
        written = filling.take(content);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    Ok(filling.finish()?)
}

fn replace(prepared: Prepared) -> Result<Outcome, Failure> {
    if let Some(old) = prepared.take_place()? {
        say(&format!("what was there is kept in {}", old.set_aside()?.display()));
    }
    say("repaired");
    Ok(Outcome::Clean)
}

fn nothing_changed() -> Result<Outcome, Failure> {
    say("nothing was changed");
    Ok(Outcome::Problems)
}
