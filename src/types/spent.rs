use std::sync::Arc;

/// Memory of messages that nobody has any more, by its length, for those to come. Most of what it takes to
/// allocate a message and to free it is spared where they come and go in bursts.
#[derive(Debug, Default)]
pub(super) struct Spent {
    by_len: Vec<Vec<Arc<[u8]>>>,
    bytes: usize,
}

/// The longest that are kept: with long ones copying takes most of the time.
const LEN_MAX: usize = 1024;
/// Bytes that are kept, with what each of them takes besides.
const BYTES_MAX: usize = 256 * 1024;
/// Two counters, the pointer to them and the allocator's part.
const BESIDES: usize = 48;

impl Spent {
    /// Memory of that length with whatever was in it, that nobody else has.
    #[inline]
    pub fn take(&mut self, len: usize) -> Option<Arc<[u8]>> {
        let shared = self.by_len.get_mut(len)?.pop()?;
        self.bytes -= len + BESIDES;
        Some(shared)
    }

    /// Keeps what nobody else has. Where there would be too much of it, all that was there goes: lengths
    /// that nobody asks for any more would be in the way for ever.
    #[inline]
    pub fn keep(&mut self, shared: Arc<[u8]>) {
        let len = shared.len();
        if Arc::strong_count(&shared) > 1 || len > LEN_MAX {
            return;
        }
        if self.bytes + len + BESIDES > BYTES_MAX {
            *self = Self::default();
        }
        if len >= self.by_len.len() {
            self.by_len.resize_with(len + 1, Vec::new);
        }
        self.bytes += len + BESIDES;
        self.by_len[len].push(shared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_by_its_length_once() {
        let mut spent = Spent::default();
        let pointers = [3, LEN_MAX, 3].map(|len| keep(&mut spent, len));

        assert_eq!(spent.take(4), None);
        assert_eq!(spent.take(LEN_MAX).map(|kept| kept.as_ptr()), Some(pointers[1]));
        let both = [spent.take(3), spent.take(3)].map(|kept| kept.expect("kept").as_ptr());
        assert_eq!(both, [pointers[2], pointers[0]]);
        assert_eq!((spent.take(3), spent.take(LEN_MAX), spent.bytes), (None, None, 0));
    }

    #[test]
    fn what_somebody_has_and_what_is_too_long_is_not_kept() {
        let mut spent = Spent::default();
        let shared: Arc<[u8]> = [0; 3].into();

        spent.keep(Arc::clone(&shared));
        keep(&mut spent, LEN_MAX + 1);

        assert_eq!((spent.take(3), spent.take(LEN_MAX + 1), spent.bytes), (None, None, 0));
    }

    #[test]
    fn where_there_would_be_too_much_all_before_it_goes() {
        let mut spent = Spent::default();
        let most = BYTES_MAX / (LEN_MAX + BESIDES);
        for _ in 0..most {
            keep(&mut spent, LEN_MAX);
        }
        assert_eq!(spent.bytes, most * (LEN_MAX + BESIDES));

        keep(&mut spent, LEN_MAX);

        assert_eq!(spent.bytes, LEN_MAX + BESIDES);
        assert!(spent.take(LEN_MAX).is_some());
        assert_eq!(spent.take(LEN_MAX), None);
    }

    fn keep(spent: &mut Spent, len: usize) -> *const u8 {
        let shared: Arc<[u8]> = vec![0; len].into();
        let pointer = shared.as_ptr();
        spent.keep(shared);
        pointer
    }
}
