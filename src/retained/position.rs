//! Where a topic stands among all others.
//!
//! A position is the topic's bytes with NUL, which no topic contains, in place of each slash. As
//! NUL sorts before everything else, plain byte order is then the order of a walk through the tree
//! of levels: a topic, all that is below it, and only then its next sibling.

/// Between the levels of a position.
pub(super) const SEPARATOR: u8 = 0;
/// Sorts right behind everything below the position that it is appended to.
const BEHIND_ALL_BELOW: u8 = SEPARATOR + 1;

/// The position of a topic, or of the levels of a topic filter.
pub(super) fn of(topic: &str) -> Vec<u8> {
    topic.bytes().map(|byte| if byte == b'/' { SEPARATOR } else { byte }).collect()
}

/// The first position after `position`.
pub(super) fn after(position: &[u8]) -> Vec<u8> {
    [position, &[SEPARATOR]].concat()
}

/// The first position after `position` and all that is below it.
pub(super) fn behind(position: &[u8]) -> Vec<u8> {
    [position, &[BEHIND_ALL_BELOW]].concat()
}

/// The position of `level` below `parent`; `None` for the first level.
pub(super) fn below(parent: Option<&[u8]>, level: &[u8]) -> Vec<u8> {
    match parent {
        Some(parent) => [parent, &[SEPARATOR], level].concat(),
        None => level.to_vec(),
    }
}

/// Behind all topics whose first character is `$`.
pub(super) fn behind_reserved() -> Vec<u8> {
    vec![b'$' + 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_a_walk_through_the_levels() {
        let walked =
            ["", "/", "/a", "a", "a/", "a//", "a/\u{1}", "a/b", "a/b/c", "a\u{1}", "a!", "b"];
        let positions: Vec<_> = walked.iter().map(|topic| of(topic)).collect();
        assert!(positions.is_sorted());
    }

    #[test]
    fn behind_a_topic_is_its_first_possible_sibling() {
        assert!(of("a/\u{10ffff}/z") < behind(&of("a")));
        assert!(behind(&of("a")) <= of("a\u{1}"));
        assert!(after(&of("a")) > of("a") && after(&of("a")) <= of("a/"));
    }
}
