use std::time::Duration;

/// How late the broker may be. `None` is however late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OverloadMarks {
    /// Later than this, new clients are told that the server is busy.
    pub busy: Option<Duration>,
    /// Later than this, new connections are closed before anything is done for them.
    pub closed: Option<Duration>,
}

/// How much the broker has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Load {
    /// It answers in time.
    #[default]
    Normal,
    /// New clients are told to come again later.
    Busy,
    /// New connections are closed at once.
    Closed,
}

/// Finds out from how late the broker is, time after time, whether it has too much to do.
#[derive(Debug, Default)]
pub struct Overload {
    marks: OverloadMarks,
    load: Load,
    /// So many looks in a row came to something else than `load`.
    streak: u32,
}

/// One late look is a hiccup: a page fault, a neighbour. So many in a row are not.
pub const LOOKS: u32 = 3;

impl Overload {
    /// A broker that has nothing to do yet.
    pub fn new(marks: OverloadMarks) -> Self {
        Self { marks, ..Self::default() }
    }

    /// Takes note of how late the broker was at one look; returns what holds from now on. It gets
    /// worse where it was later than a mark for [`LOOKS`] times in a row, and better where it was less
    /// than half as late for as many.
    pub fn note(&mut self, late: Duration) -> Load {
        let (load, calmer) = (self.load_at(late), self.load_at(late.saturating_mul(2)));
        let next = match load > self.load {
            true => load,
            false => calmer.min(self.load),
        };
        self.streak = if next == self.load { 0 } else { self.streak + 1 };
        if self.streak >= LOOKS {
            (self.load, self.streak) = (next, 0);
        }
        self.load
    }

    fn load_at(&self, late: Duration) -> Load {
        match () {
            () if self.marks.closed.is_some_and(|mark| late > mark) => Load::Closed,
            () if self.marks.busy.is_some_and(|mark| late > mark) => Load::Busy,
            () => Load::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_at_its_mark_is_not_busy_and_past_it_for_long_enough_it_is() {
        let mut overload = overload();

        assert_eq!(looks(&mut overload, 100, 10), Load::Normal);
        assert_eq!(looks(&mut overload, 101, LOOKS - 1), Load::Normal, "a hiccup");
        assert_eq!(looks(&mut overload, 101, 1), Load::Busy);
        assert_eq!(looks(&mut overload, 1_000, 10), Load::Busy);
        assert_eq!(looks(&mut overload, 1_001, LOOKS), Load::Closed);
    }

    #[test]
    fn it_is_better_when_it_is_half_as_late_for_as_long() {
        let mut overload = overload();
        looks(&mut overload, 1_001, LOOKS);

        assert_eq!(looks(&mut overload, 501, 10), Load::Closed);
        assert_eq!(looks(&mut overload, 500, LOOKS), Load::Busy);
        assert_eq!(looks(&mut overload, 51, 10), Load::Busy);
        assert_eq!(looks(&mut overload, 0, LOOKS - 1), Load::Busy);
        assert_eq!(looks(&mut overload, 0, 1), Load::Normal);
    }

    #[test]
    fn one_look_in_time_begins_the_count_anew() {
        let mut overload = overload();

        for _ in 0..5 {
            assert_eq!(looks(&mut overload, 200, LOOKS - 1), Load::Normal);
            assert_eq!(looks(&mut overload, 0, 1), Load::Normal);
        }
    }

    #[test]
    fn without_marks_it_is_never_too_late() {
        let mut overload = Overload::new(OverloadMarks::default());

        assert_eq!(looks(&mut overload, u64::MAX, 10), Load::Normal);
    }

    fn looks(overload: &mut Overload, late_ms: u64, times: u32) -> Load {
        let late = Duration::from_millis(late_ms);
        (0..times).map(|_| overload.note(late)).last().expect("at least one")
    }

    fn overload() -> Overload {
        let (busy, closed) = (Duration::from_millis(100), Duration::from_millis(1_000));
        Overload::new(OverloadMarks { busy: Some(busy), closed: Some(closed) })
    }
}
