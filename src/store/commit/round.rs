use super::progress::Progress;
use super::sorting::Sorting;
use super::window::{End, Window};
use super::writing::{Writing, Written};
use crate::store::{Store, StoreError};

/// Takes a window of the oldest groups into records, and touches each record once: reads the groups
/// and leaves out what cancels out, then sorts what is left by record, then writes.
///
/// All that takes many steps, and what is written is in the store before the round is over. So the
/// store says how far a round goes from its first write on, and a round that is cut off is done again
/// over the same groups.
pub enum Round {
    Reading(Box<Window>),
    Sorting(Box<Sorting>),
    Writing(Box<Writing>),
}

/// How much one step may do.
pub struct Budget<'a> {
    /// Bytes read and put, about.
    pub bytes_max: usize,
    /// Whether it has taken long enough. Asked after each record.
    pub is_late: &'a mut dyn FnMut() -> bool,
}

/// What a step came to.
pub enum Outcome {
    /// The round is so many bytes of work further, and there is nothing to apply.
    Prepared(Round, u64),
    /// This is to be applied.
    Written(Box<Writing>, Written),
}

impl Round {
    /// A round over so many bytes of groups, or again the one that was begun.
    pub fn new(progress: Progress, window_bytes: u64) -> Self {
        let end = progress.unfinished_round().map_or(End::Bytes(window_bytes), End::At);
        Self::Reading(Box::new(Window::new(progress.folded, end)))
    }

    /// Takes a step. After an error the round has to be begun anew.
    pub fn step(
        self,
        store: &dyn Store,
        progress: Progress,
        budget: &mut Budget<'_>,
    ) -> Result<Outcome, StoreError> {
        Ok(match self {
            Self::Reading(mut window) => {
                let (bytes, is_whole) = window.read(store, budget)?;
                let next = match is_whole {
                    true => Self::Sorting(Box::new(Sorting::new(*window))),
                    false => Self::Reading(window),
                };
                Outcome::Prepared(next, bytes)
            }
            Self::Sorting(mut sorting) => {
                let (cost, is_sorted) = sorting.step(budget);
                let next = match is_sorted {
                    true => Self::Writing(Box::new(Writing::new(*sorting, progress.next_body))),
                    false => Self::Sorting(sorting),
                };
                Outcome::Prepared(next, cost)
            }
            Self::Writing(mut writing) => {
                let written = writing.step(store, budget)?;
                Outcome::Written(writing, written)
            }
        })
    }
}

impl Budget<'_> {
    /// Whether a step that has cost so much should end.
    pub fn is_spent(&mut self, cost: usize) -> bool {
        cost >= self.bytes_max || (self.is_late)()
    }
}
