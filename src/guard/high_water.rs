/// Whether so much memory is in use that nothing new is to be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighWater {
    /// In bytes.
    mark: u64,
    is_reached: bool,
}

impl HighWater {
    /// Nothing new is begun from `mark` bytes on.
    pub fn new(mark: u64) -> Self {
        Self { mark, is_reached: false }
    }

    /// Takes note of what is in use; returns whether that is too much. It stays so until an eighth of
    /// the mark is free again: work that was just refused must not come back at once.
    pub fn note(&mut self, bytes: u64) -> bool {
        let mark = if self.is_reached { self.mark - self.mark / 8 } else { self.mark };
        self.is_reached = bytes >= mark;
        self.is_reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_too_much_and_one_byte_less_is_not() {
        let mut water = HighWater::new(800);

        assert!(!water.note(799));
        assert!(water.note(800));
    }

    #[test]
    fn it_is_over_when_an_eighth_is_free() {
        let mut water = HighWater::new(800);
        water.note(801);

        assert!(water.note(799));
        assert!(water.note(700));
        assert!(!water.note(699));
        assert!(!water.note(799));
    }
}
