use crate::common::splitmix;

/// All the chance of a run: the same seed gives the same run.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(splitmix(&mut state))
    }

    /// A number from `range`, which is not empty.
    pub fn range(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + splitmix(&mut self.0) % (range.end - range.start)
    }

    /// A place in something with `len` places.
    pub fn index(&mut self, len: usize) -> usize {
        self.range(0..len as u64) as usize
    }

    /// True `in_thousand` times of a thousand.
    pub fn chance(&mut self, in_thousand: u64) -> bool {
        self.range(0..1000) < in_thousand
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }
}
