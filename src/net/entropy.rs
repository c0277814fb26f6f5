use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that no peer can foresee: a counter under a keyed hash whose key the operating system
/// chose. Good for client identifiers and hash seeds, not for secrets.
#[derive(Debug, Default)]
pub struct Entropy {
    key: RandomState,
    counter: AtomicU64,
}

impl Entropy {
    /// The next number.
    pub fn draw(&self) -> u64 {
        self.key.hash_one(self.counter.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_within_a_source_and_between_two() {
        let (one, other) = (Entropy::default(), Entropy::default());

        let mut drawn: Vec<u64> = (0..1000).flat_map(|_| [one.draw(), other.draw()]).collect();
        drawn.sort_unstable();
        drawn.dedup();

        assert_eq!(drawn.len(), 2000);
    }
}
