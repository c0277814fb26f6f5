/// Which numbers of a stream have come, one row for each receiver and stream: exact for the last
/// `capacity` numbers below the highest.
///
/// No publisher has more messages than that undelivered, so a number further back has come before.
pub struct Seen {
    words: Vec<u64>,
    words_per_row: usize,
    next: Vec<u64>,
}

/// What a number is to those that came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Higher than all of them.
    Fresh,
    /// Not among them, and a higher one is.
    Late,
    /// Among them.
    Duplicate,
}

impl Seen {
    /// `rows` rows that remember the last `capacity` numbers, rounded up to a power of two.
    pub fn new(rows: usize, capacity: usize) -> Self {
        let words_per_row = capacity.next_power_of_two().div_ceil(64);
        Self { words: vec![0; rows * words_per_row], words_per_row, next: vec![0; rows] }
    }

    /// Bytes that [`Self::new`] would take.
    pub fn bytes(rows: usize, capacity: usize) -> usize {
        rows.saturating_mul(8 + capacity.next_power_of_two().div_ceil(64) * 8)
    }

    /// Notes `number` in `row`.
    pub fn note(&mut self, row: usize, number: u64) -> Arrival {
        let next = self.next[row];
        if number >= next {
            self.forget_between(row, next, number);
            self.next[row] = number + 1;
            self.set(row, number);
            return Arrival::Fresh;
        }
        let remembered = self.words_per_row as u64 * 64;
        if next - number > remembered || self.is_set(row, number) {
            return Arrival::Duplicate;
        }
        self.set(row, number);
        Arrival::Late
    }

    /// The bits of skipped numbers still say what came a round ago.
    fn forget_between(&mut self, row: usize, from: u64, to: u64) {
        let remembered = self.words_per_row as u64 * 64;
        for number in from.max(to.saturating_sub(remembered))..to {
            let (word, bit) = self.place(row, number);
            self.words[word] &= !bit;
        }
    }

    fn set(&mut self, row: usize, number: u64) {
        let (word, bit) = self.place(row, number);
        self.words[word] |= bit;
    }

    fn is_set(&self, row: usize, number: u64) -> bool {
        let (word, bit) = self.place(row, number);
        self.words[word] & bit != 0
    }

    fn place(&self, row: usize, number: u64) -> (usize, u64) {
        let within = (number / 64) as usize & (self.words_per_row - 1);
        (row * self.words_per_row + within, 1 << (number % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::Arrival::{Duplicate, Fresh, Late};
    use super::*;

    #[test]
    fn order_loss_and_duplicates_are_told_apart() {
        let mut seen = Seen::new(2, 64);
        for (number, expected) in [
            (0, Fresh),
            (1, Fresh),
            (1, Duplicate),
            (5, Fresh),
            (3, Late),
            (3, Duplicate),
            (4, Late),
        ] {
            assert_eq!(seen.note(1, number), expected, "{number}");
        }
        assert_eq!(seen.note(0, 3), Fresh, "rows are apart");
    }

    #[test]
    fn the_last_numbers_are_remembered_and_one_more_is_a_duplicate() {
        let mut seen = Seen::new(1, 64);
        seen.note(0, 100);
        assert_eq!(seen.note(0, 37), Late);
        assert_eq!(seen.note(0, 36), Duplicate, "64 below the next: passed by long ago");
    }

    #[test]
    fn a_gap_forgets_what_came_a_round_ago() {
        let mut seen = Seen::new(1, 64);
        (0..64).for_each(|number| assert_eq!(seen.note(0, number), Fresh));
        assert_eq!(seen.note(0, 70), Fresh);
        assert_eq!(seen.note(0, 66), Late);
        assert_eq!(seen.note(0, 10_000), Fresh);
        assert_eq!(seen.note(0, 9_999), Late);
    }
}
