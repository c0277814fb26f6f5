use std::borrow::Cow;

/// Gathers the properties that a server passes on unaltered (`[MQTT-3.3.2-17]` and its like): as
/// one slice of the packet while they stand side by side, copied only where others come between.
pub(super) struct PassedOn<'a> {
    section: &'a [u8],
    start: usize,
    end: usize,
    copied: Vec<u8>,
}

impl<'a> PassedOn<'a> {
    /// Of `section`, all the properties of a packet, none as yet.
    pub fn new(section: &'a [u8]) -> Self {
        Self { section, start: 0, end: 0, copied: Vec::new() }
    }

    /// Adds the property at `start..end`, behind all that were added before.
    pub fn add(&mut self, start: usize, end: usize) {
        if start != self.end {
            self.copied.extend_from_slice(&self.section[self.start..self.end]);
            self.start = start;
        }
        self.end = end;
    }

    pub fn finish(mut self) -> Cow<'a, [u8]> {
        let last = &self.section[self.start..self.end];
        if self.copied.is_empty() {
            return Cow::Borrowed(last);
        }
        self.copied.extend_from_slice(last);
        Cow::Owned(self.copied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_borrowed_and_strangers_copied() {
        let section = b"0123456789";

        let mut side_by_side = PassedOn::new(section);
        side_by_side.add(2, 4);
        side_by_side.add(4, 7);
        assert!(matches!(side_by_side.finish(), Cow::Borrowed(b"23456")));

        let mut apart = PassedOn::new(section);
        apart.add(0, 2);
        apart.add(3, 5);
        apart.add(9, 10);
        assert!(matches!(apart.finish(), Cow::Owned(bytes) if bytes == b"01349"));

        assert!(matches!(PassedOn::new(section).finish(), Cow::Borrowed(b"")));
    }
}
