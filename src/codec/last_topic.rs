use super::DecodeError;
use super::reader::topic_name;

/// The last topic name that was found valid. Messages come in bursts, and those of a burst often have
/// the same topic.
#[derive(Debug, Clone, Default)]
pub struct LastTopic(String);

impl LastTopic {
    /// The topic name in `bytes`, or nothing.
    #[inline]
    pub(super) fn check(&mut self, bytes: &[u8]) -> Result<&str, DecodeError> {
        if bytes.is_empty() {
            return Ok("");
        }
        if self.0.as_bytes() != bytes {
            let name = topic_name(bytes)?;
            self.0.clear();
            self.0.push_str(name);
        }
        Ok(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_again_is_valid_and_every_other_is_looked_at() {
        let mut last = LastTopic::default();
        for _ in 0..2 {
            assert_eq!(last.check(b"a/b"), Ok("a/b"));
        }
        for wrong in [&b"a/+"[..], b"a/#", b"a\0b", b"a/\xff"] {
            assert!(last.check(wrong).is_err());
            assert_eq!(last.check(b"a/b"), Ok("a/b"));
        }
        assert_eq!(last.check(b""), Ok(""));
        assert_eq!(last.check(b"a"), Ok("a"));
    }
}
