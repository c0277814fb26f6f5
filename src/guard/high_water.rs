/// Whether so much memory is in use that nothing new is to be begun.
///
/// What the kernel sees is what it kills for, so that decides when it is too much. It does not decide
/// when it is over: an allocator keeps most of what it was given back and hands it out again. As long
/// as the process is no larger than it was when that was too much, there is room as soon as the broker
/// itself holds less than it did then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighWater {
    /// In bytes.
    mark: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The mark has not been reached, or is far away again.
    Low,
    /// It has been.
    High {
        /// The largest that the process was.
        peak: u64,
        /// What the broker held then.
        level: u64,
        is_short: bool,
    },
}

impl HighWater {
    /// Nothing new is begun from `mark` bytes on.
    pub fn new(mark: u64) -> Self {
        Self { mark, state: State::Low }
    }

    /// Whether [`Self::note`] needs to know what the broker holds while the process has so many bytes.
    pub fn is_near(&self, process_bytes: u64) -> bool {
        process_bytes >= self.mark - self.mark / 8
    }

    /// Takes note of how large the process is and how much of that the broker knows that it holds,
    /// which need not be exact; returns whether it is too much.
    pub fn note(&mut self, process_bytes: u64, held_bytes: u64) -> bool {
        let too_much = State::High { peak: process_bytes, level: held_bytes, is_short: true };
        self.state = match self.state {
            _ if !self.is_near(process_bytes) => State::Low,
            State::Low if process_bytes < self.mark => State::Low,
            State::Low => too_much,
            // The step spares small growth, which is what allocators do, a new level each time.
            State::High { peak, .. } if process_bytes > peak + self.mark / 32 => too_much,
            State::High { peak, level, is_short } => {
                // Work that was just refused must not come back at once.
                let least = if is_short { level - level / 4 } else { level };
                State::High { peak, level, is_short: held_bytes >= least }
            }
        };
        matches!(self.state, State::High { is_short: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_too_much_and_one_byte_less_is_not() {
        let mut water = HighWater::new(800);

        assert!(!water.note(799, 400));
        assert!(water.note(800, 400));
    }

    #[test]
    fn it_is_over_when_an_eighth_is_free() {
        let mut water = HighWater::new(800);
        water.note(801, 400);

        assert!(water.note(799, 400));
        assert!(water.note(700, 400));
        assert!(!water.note(699, 400));
        assert!(!water.note(799, 400));
    }

    #[test]
    fn it_is_over_when_a_quarter_of_what_was_held_is_gone_though_the_process_stays_large() {
        let mut water = HighWater::new(800);
        water.note(801, 400);

        assert!(water.note(801, 300));
        assert!(!water.note(801, 299));
        assert!(!water.note(801, 399), "what was freed is used again");
        assert!(water.note(801, 400), "all of it");
    }

    #[test]
    fn a_process_that_grows_all_the_same_has_too_much_whatever_is_held() {
        let mut water = HighWater::new(800);
        water.note(800, 400);
        assert!(!water.note(825, 100));

        assert!(water.note(826, 100));
        assert!(water.note(826, 75));
        assert!(!water.note(826, 74));
    }

    #[test]
    fn what_is_held_matters_near_the_mark_only() {
        let water = HighWater::new(800);

        assert!(!water.is_near(699));
        assert!(water.is_near(700));
    }
}
