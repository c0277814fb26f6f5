use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

use crate::auth::password::keyed_hash;
use crate::types::Timestamp;

/// What was found out lately, under a key that says nothing to anybody else: a hash, keyed by chance,
/// of everything that the finding depends on. What changes is not found any more.
pub struct Cache<T> {
    key: [u8; 32],
    entries_max: usize,
    time_to_live: Duration,
    /// Locked for one look or one insertion, by tasks that begin or end a question.
    kept: Mutex<Kept<T>>,
}

/// What stands for a question and all that its answer depends on.
pub type Digest = [u8; 32];

struct Kept<T> {
    found: HashMap<Digest, (Timestamp, T)>,
    /// In the order of their insertion, which is that of their end.
    order: VecDeque<(Timestamp, Digest)>,
}

impl<T: Clone> Cache<T> {
    /// A cache for at most `entries_max` findings, each for `time_to_live`.
    pub fn new(key: [u8; 32], entries_max: usize, time_to_live: Duration) -> Self {
        let kept = Kept { found: HashMap::new(), order: VecDeque::new() };
        Self { key, entries_max, time_to_live, kept: Mutex::new(kept) }
    }

    /// The digest of `parts`, in which no two lists of parts look alike.
    pub fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut whole = Vec::new();
        for part in parts {
            whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
            whole.extend_from_slice(part);
        }
        keyed_hash(&self.key, &whole)
    }

    /// What was found, and when, unless that is too long ago.
    pub fn find(&self, digest: &Digest, now: Timestamp) -> Option<(Timestamp, T)> {
        let kept = self.kept.lock();
        let (at, found) = kept.found.get(digest)?;
        (now.since(*at) < self.time_to_live).then(|| (*at, found.clone()))
    }

    /// Keeps what was found. The oldest makes room.
    pub fn keep(&self, digest: Digest, found: T, now: Timestamp) {
        if self.entries_max == 0 || self.time_to_live.is_zero() {
            return;
        }
        let mut kept = self.kept.lock();
        kept.found.insert(digest, (now, found));
        kept.order.push_back((now, digest));
        while let Some((at, oldest)) = kept.order.front().copied() {
            if kept.order.len() <= self.entries_max && now.since(at) < self.time_to_live {
                break;
            }
            kept.order.pop_front();
            // The same may have been found again since.
            if kept.found.get(&oldest).is_some_and(|(found_at, _)| *found_at == at) {
                kept.found.remove(&oldest);
            }
        }
    }

    /// How many findings are kept.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.kept.lock().found.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME_TO_LIVE: Duration = Duration::from_secs(10);

    #[test]
    fn a_finding_is_kept_for_its_time() {
        let cache = cache(8);
        let digest = cache.digest(&[b"ann", b"secret"]);
        cache.keep(digest, 1, Timestamp(0));

        assert_eq!(cache.find(&digest, Timestamp(9_999)), Some((Timestamp(0), 1)));
        assert_eq!(cache.find(&digest, Timestamp(10_000)), None);
    }

    #[test]
    fn nothing_else_is_found_in_its_place() {
        let cache = cache(8);
        cache.keep(cache.digest(&[b"ann", b"secret"]), 1, Timestamp(0));

        for other in [&[&b"annsecret"[..], b""], &[b"ann", b"Secret"], &[b"anns", b"ecret"]] {
            assert_eq!(cache.find(&cache.digest(other), Timestamp(0)), None);
        }
        let other = Cache::<u8>::new([8; 32], 8, TIME_TO_LIVE);
        assert_ne!(other.digest(&[b"ann"]), cache.digest(&[b"ann"]), "each process has its key");
    }

    #[test]
    fn the_oldest_makes_room_and_what_was_found_again_is_not_old() {
        let cache = cache(3);
        let digests: Vec<Digest> = (0..4_u8).map(|it| cache.digest(&[&[it]])).collect();
        for (at, digest) in digests[..3].iter().enumerate() {
            cache.keep(*digest, 0, Timestamp(at as u64));
        }
        assert_eq!(cache.len(), 3);

        cache.keep(digests[0], 0, Timestamp(5));
        cache.keep(digests[3], 0, Timestamp(6));

        assert!(cache.find(&digests[0], Timestamp(6)).is_some());
        assert!(cache.find(&digests[1], Timestamp(6)).is_none());
        assert!(cache.len() <= 3);
    }

    #[test]
    fn what_is_too_old_is_let_go_of() {
        let cache = cache(8);
        for at in 0..5 {
            cache.keep(cache.digest(&[&[at]]), 0, Timestamp(u64::from(at)));
        }
        cache.keep(cache.digest(&[b"last"]), 0, Timestamp(1_000_000));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_cache_without_room_or_time_keeps_nothing() {
        for (entries, time) in [(0, TIME_TO_LIVE), (8, Duration::ZERO)] {
            let cache = Cache::<u8>::new([7; 32], entries, time);
            cache.keep(cache.digest(&[b"a"]), 1, Timestamp(0));
            assert_eq!(cache.len(), 0);
        }
    }

    fn cache(entries_max: usize) -> Cache<u8> {
        Cache::new([7; 32], entries_max, TIME_TO_LIVE)
    }
}
