use std::ops::ControlFlow;

use super::tally::Tally;
use super::{Failure, Place};
use crate::store::{Store, contents};

/// A store that was read from one end to the other. Its problems go to standard output.
pub struct Survey {
    pub store: Box<dyn Store>,
    /// What it took up before.
    pub bytes: u64,
    pub tally: Tally,
}

impl Survey {
    pub fn of(place: &Place) -> Result<Self, Failure> {
        let store = place.open()?;
        let bytes = store.size_bytes()?;
        let mut tally = Tally::new("reading", bytes, true);
        contents(&*store, &mut |content| {
            tally.note(&content);
            ControlFlow::Continue(())
        })?;
        Ok(Self { store, bytes, tally })
    }
}
