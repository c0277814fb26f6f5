use std::ops::ControlFlow;

use super::position::{self, SEPARATOR};

/// Whether a walk has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// The budget is used up: call again with the same cursor.
    More,
    /// There is nothing further.
    Done,
}

/// How far a walk has come. It remembers a position and no entry, so it stays valid whatever is
/// set, cleared or expires meanwhile.
///
/// One cursor belongs to one topic filter; the default is the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor(pub(super) Stage);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Everything before this position has been visited.
    From(Vec<u8>),
    Finished,
}

impl Default for Stage {
    fn default() -> Self {
        Self::From(Vec::new())
    }
}

/// A topic filter against positions.
pub(super) struct Pattern<'a> {
    levels: Vec<&'a [u8]>,
    /// The last level is `#`, which is not among `levels`.
    below: bool,
}

/// What a position is to a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It matches.
    Match,
    /// It does not, and nothing before this position does either.
    SkipTo(Vec<u8>),
    /// Neither it nor anything behind it matches.
    End,
}

impl<'a> Pattern<'a> {
    pub(super) fn new(filter: &'a str) -> Self {
        let mut levels: Vec<_> = filter.as_bytes().split(|byte| *byte == b'/').collect();
        let below = levels.last() == Some(&b"#".as_slice());
        if below {
            levels.pop();
        }
        Self { levels, below }
    }

    /// The one topic that matches, if there is no wildcard.
    pub(super) fn is_exact(&self) -> bool {
        !self.below && !self.levels.contains(&b"+".as_slice())
    }

    /// Judges the position of a topic.
    pub(super) fn judge(&self, at: &[u8]) -> Verdict {
        // [MQTT-4.7.2-1]
        if at.first() == Some(&b'$') && self.levels.first().is_none_or(|level| *level == b"+") {
            return Verdict::SkipTo(position::behind_reserved());
        }
        match self.compare(at) {
            ControlFlow::Break(verdict) => verdict,
            ControlFlow::Continue(end) if self.below || end == at.len() => Verdict::Match,
            // Deeper than the pattern reaches.
            ControlFlow::Continue(_) => self.next_of_last_plus(at, self.levels.len()),
        }
    }

    /// Goes through the levels of the pattern: where the last of them ends in `at`, or why there
    /// is no such place.
    fn compare(&self, at: &[u8]) -> ControlFlow<Verdict, usize> {
        let mut parent = None;
        for (depth, wanted) in self.levels.iter().enumerate() {
            let start = match parent {
                None => 0,
                Some(end) if end == at.len() => {
                    let wanted = if *wanted == b"+" { b"".as_slice() } else { wanted };
                    return ControlFlow::Break(skip_below(at, parent, wanted));
                }
                Some(end) => end + 1,
            };
            let end = level_end(at, start);
            if *wanted != b"+" {
                match at[start..end].cmp(wanted) {
                    std::cmp::Ordering::Less => {
                        return ControlFlow::Break(skip_below(at, parent, wanted));
                    }
                    std::cmp::Ordering::Greater => {
                        return ControlFlow::Break(self.next_of_last_plus(at, depth));
                    }
                    std::cmp::Ordering::Equal => {}
                }
            }
            parent = Some(end);
        }
        ControlFlow::Continue(parent.unwrap_or(0))
    }

    /// Behind the level of `at` that the last `+` among the first `depth` levels stands for: no
    /// other level before these can change.
    fn next_of_last_plus(&self, at: &[u8], depth: usize) -> Verdict {
        match self.levels[..depth].iter().rposition(|level| *level == b"+") {
            Some(plus) => Verdict::SkipTo(position::behind(&at[..levels_end(at, plus + 1)])),
            None => Verdict::End,
        }
    }
}

fn skip_below(at: &[u8], parent: Option<usize>, wanted: &[u8]) -> Verdict {
    Verdict::SkipTo(position::below(parent.map(|end| &at[..end]), wanted))
}

/// Where the level that begins at `start` ends.
fn level_end(at: &[u8], start: usize) -> usize {
    let len = at[start..].iter().position(|byte| *byte == SEPARATOR);
    len.map_or(at.len(), |len| start + len)
}

/// Where the first `count` levels end, at least one.
fn levels_end(at: &[u8], count: usize) -> usize {
    (1..count).fold(level_end(at, 0), |end, _| level_end(at, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_one_as_section_4_7_has_it() {
        for (filter, topic) in
            [("#", "a/b"), ("a/#", "a"), ("a/#", "a/b/c"), ("+/+", "/a"), ("a/+", "a/"), ("a", "a")]
        {
            assert_eq!(judge(filter, topic), Verdict::Match, "{filter} {topic}");
        }
    }

    #[test]
    fn before_a_level_that_is_wanted_it_skips_there() {
        assert_eq!(judge("b/#", "a/x"), skip("b"));
        assert_eq!(judge("+/x/#", "a"), skip("a/x"));
        assert_eq!(judge("+/x/#", "a/b/c/d"), skip("a/x"));
        assert_eq!(judge("a/+/c", "a"), skip("a/"));
    }

    #[test]
    fn behind_a_level_that_is_wanted_it_skips_to_the_next_sibling_above() {
        assert_eq!(judge("+/x/#", "a/y"), skip("a\u{1}"));
        assert_eq!(judge("+/+/x/y", "a/b/x/z"), skip("a/b\u{1}"));
        assert_eq!(judge("a/x/#", "a/y"), Verdict::End);
        assert_eq!(judge("a/#", "b"), Verdict::End);
    }

    #[test]
    fn deeper_than_the_filter_it_skips_all_that_is_below() {
        assert_eq!(judge("+", "a/b/c"), skip("a\u{1}"));
        assert_eq!(judge("+/b", "a/b/c"), skip("a\u{1}"));
        assert_eq!(judge("a/+", "a/b/c"), skip("a/b\u{1}"));
    }

    #[test]
    fn leading_wildcards_skip_all_reserved_topics_at_once() {
        assert_eq!(judge("#", "$SYS/a"), skip("%"));
        assert_eq!(judge("+/a", "$SYS/a"), skip("%"));
        assert_eq!(judge("$SYS/#", "$SYS/a"), Verdict::Match);
    }

    fn judge(filter: &str, topic: &str) -> Verdict {
        Pattern::new(filter).judge(&position::of(topic))
    }

    fn skip(to: &str) -> Verdict {
        Verdict::SkipTo(position::of(to))
    }
}
