use std::collections::btree_map;
use std::iter::Peekable;
use std::vec;

use super::blob::Blob;
use super::bodies::Bodies;
use super::fold::{Fold, Folded};
use super::keys;
use super::round::Budget;
use super::sorting::{Owned, Record, Sorting, Summary};
use crate::journal::{Change, SessionNumber};
use crate::store::{Store, StoreError};

/// Writes the changes of a round, record by record: first the messages that stand in several queues,
/// so that nothing ever refers to one that is not there.
pub struct Writing {
    bodies: Bodies,
    bodies_put: usize,
    records: btree_map::IntoIter<Record, Vec<Change>>,
    /// A segment whose changes take more than one apply.
    rest: Option<(SessionNumber, u64, Changes)>,
    /// The session at hand, and whether there is one of that number.
    session: Option<(SessionNumber, bool)>,
    pub summary: Summary,
}

/// The changes of one record.
pub type Changes = Peekable<vec::IntoIter<Change>>;

/// What one apply of a round comes to.
pub struct Written {
    pub folded: Folded,
    /// Changes in it.
    pub changes: u64,
    /// Nothing is left to be written.
    pub is_last: bool,
}

/// How it goes on after a record.
enum Next {
    InThisApply,
    InAnother,
    Nowhere,
}

impl Writing {
    /// Messages to be stored apart are numbered from `next_body`.
    pub fn new(sorting: Sorting, next_body: u64) -> Self {
        Self {
            bodies: sorting.uses.into_bodies(next_body),
            bodies_put: 0,
            records: sorting.records.into_iter(),
            rest: None,
            session: None,
            summary: sorting.summary,
        }
    }

    /// The number behind those of the messages that are stored apart.
    pub fn next_body(&self) -> u64 {
        self.bodies.end()
    }

    /// What the next apply does.
    pub fn step(
        &mut self,
        store: &dyn Store,
        budget: &mut Budget<'_>,
    ) -> Result<Written, StoreError> {
        let mut fold = Fold::new(store);
        self.summary.damaged.drain(..).for_each(|damaged| fold.set_aside(damaged));
        let mut changes = 0;
        let is_last = loop {
            match self.write(store, &mut fold, &mut changes)? {
                Next::Nowhere => break true,
                Next::InAnother => break false,
                Next::InThisApply if budget.is_spent(fold.cost()) => break false,
                Next::InThisApply => {}
            }
        };
        Ok(Written { folded: fold.finish()?, changes, is_last })
    }

    fn write(
        &mut self,
        store: &dyn Store,
        fold: &mut Fold<'_>,
        written: &mut u64,
    ) -> Result<Next, StoreError> {
        if fold.put_body(&self.bodies, self.bodies_put) {
            self.bodies_put += 1;
            return Ok(Next::InThisApply);
        }
        if let Some((session, index, changes)) = self.rest.take() {
            return self.write_segment(fold, session, index, changes, written);
        }
        let Some((record, changes)) = self.records.next() else { return Ok(Next::Nowhere) };
        let (session, owned) = match record {
            Record::Retained(key) => {
                *written += changes.len() as u64;
                fold.take_piece(&key, changes)?;
                return Ok(Next::InThisApply);
            }
            Record::Of(session, owned) => (session, owned),
        };
        if owned == Owned::Head {
            *written += changes.len() as u64;
            self.session = Some((session, fold.take_head(session, changes)?));
            return Ok(Next::InThisApply);
        }
        if !self.exists(store, session)? {
            return Ok(Next::InThisApply);
        }
        match owned {
            Owned::Segment(index) => {
                self.write_segment(fold, session, index, changes.into_iter().peekable(), written)
            }
            Owned::Subscription(key) => {
                *written += changes.len() as u64;
                fold.take_piece(&key, changes)?;
                Ok(Next::InThisApply)
            }
            Owned::Head => Ok(Next::InThisApply),
        }
    }

    fn write_segment(
        &mut self,
        fold: &mut Fold<'_>,
        session: SessionNumber,
        index: u64,
        mut changes: Changes,
        written: &mut u64,
    ) -> Result<Next, StoreError> {
        let before = changes.len();
        fold.take_segment(session, index, &self.bodies, &mut changes)?;
        *written += (before - changes.len()) as u64;
        if changes.len() == 0 {
            return Ok(Next::InThisApply);
        }
        self.rest = Some((session, index, changes));
        Ok(Next::InAnother)
    }

    /// What is said of a session that does not exist would fall to the next one of its number.
    fn exists(&mut self, store: &dyn Store, session: SessionNumber) -> Result<bool, StoreError> {
        if let Some((at_hand, exists)) = self.session
            && at_hand == session
        {
            return Ok(exists);
        }
        let exists = !Blob::read(store, &keys::head(session))?.chunks.is_empty();
        self.session = Some((session, exists));
        Ok(exists)
    }
}
