use std::fmt;
use std::sync::Arc;

use super::topic;

const SHARE_PREFIX: &str = "$share/";

/// A valid topic filter, with the share name in front when the subscription is shared.
///
/// Cheap to clone; ordered and compared by its full text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter {
    text: Arc<str>,
    /// Where the topic filter begins in `text`: behind `$share/name/`, or at 0.
    start: u32,
}

/// Why a text is no topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// `[MQTT-4.7.3-1]`
    #[error("topic filter is empty")]
    Empty,
    /// `[MQTT-4.7.3-3]`
    #[error("topic filter is longer than 65,535 bytes")]
    TooLong,
    /// `[MQTT-4.7.3-2]`
    #[error("topic filter contains NUL")]
    Nul,
    /// `[MQTT-4.7.1-1]`, `[MQTT-4.7.1-2]`
    #[error("wildcard does not fill its level, or # is not the last level")]
    Wildcard,
    /// `[MQTT-4.8.2-1]`, `[MQTT-4.8.2-2]`
    #[error("shared subscription without a valid share name and topic filter")]
    Share,
}

impl Filter {
    /// Checks `text` against section 4.7 and, where `shared` says that the version has shared
    /// subscriptions, section 4.8.2. Without them `$share/…` is an ordinary filter.
    pub fn parse(text: &str, shared: bool) -> Result<Self, FilterError> {
        if text.is_empty() {
            return Err(FilterError::Empty);
        }
        if text.len() > usize::from(u16::MAX) {
            return Err(FilterError::TooLong);
        }
        if text.contains('\0') {
            return Err(FilterError::Nul);
        }
        let start = match text.strip_prefix(SHARE_PREFIX) {
            Some(rest) if shared => SHARE_PREFIX.len() + share_name_len(rest)? + 1,
            _ => 0,
        };
        check_wildcards(&text[start..])?;
        Ok(Self { text: text.into(), start: start as u32 })
    }

    /// The whole text as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The topic filter alone, without `$share/name/`.
    pub fn topic_filter(&self) -> &str {
        &self.text[self.start as usize..]
    }

    /// The share name, if this is a shared subscription.
    pub fn share_name(&self) -> Option<&str> {
        let end = (self.start as usize).checked_sub(1)?;
        Some(&self.text[SHARE_PREFIX.len()..end])
    }

    /// Whether the topic filter has a `+` or a `#`.
    pub fn has_wildcard(&self) -> bool {
        self.topic_filter().bytes().any(|byte| matches!(byte, b'+' | b'#'))
    }

    /// Whether a message to `name` is one for this filter: the plain definition of section 4.7.
    pub fn matches(&self, name: &str) -> bool {
        let filter = self.topic_filter();
        if topic::is_reserved(name) && filter.starts_with(['+', '#']) {
            return false;
        }
        let mut names = topic::levels(name);
        for level in topic::levels(filter) {
            match (level, names.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(found)) if wanted == found => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }
}

/// The length of the share name at the start of `rest`: at least one character, without wildcards,
/// followed by a slash and a topic filter.
fn share_name_len(rest: &str) -> Result<usize, FilterError> {
    let (name, filter) = rest.split_once('/').ok_or(FilterError::Share)?;
    if name.is_empty() || name.contains(['+', '#']) || filter.is_empty() {
        return Err(FilterError::Share);
    }
    Ok(name.len())
}

fn check_wildcards(filter: &str) -> Result<(), FilterError> {
    let mut levels = topic::levels(filter).peekable();
    while let Some(level) = levels.next() {
        let alone = level.len() == 1;
        let wrong_plus = level.contains('+') && !alone;
        let wrong_hash = level.contains('#') && (!alone || levels.peek().is_some());
        if wrong_plus || wrong_hash {
            return Err(FilterError::Wildcard);
        }
    }
    Ok(())
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, name: &str) -> bool {
        Filter::parse(filter, true).expect("valid filter").matches(name)
    }

    #[test]
    fn wildcards_match_as_section_4_7_has_it() {
        assert!(matches("sport/tennis/player1/#", "sport/tennis/player1"));
        assert!(matches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
        assert!(matches("sport/+", "sport/"));
        assert!(!matches("sport/+", "sport"));
        assert!(matches("+/+", "/finance"));
        assert!(matches("/+", "/finance"));
        assert!(!matches("+", "/finance"));
        assert!(matches("#", "a/b"));
        assert!(!matches("a/b", "a/b/c"));
    }

    #[test]
    fn leading_wildcards_pass_reserved_topics_by() {
        assert!(!matches("#", "$SYS/broker"));
        assert!(!matches("+/broker", "$SYS/broker"));
        assert!(matches("$SYS/#", "$SYS/broker"));
        assert!(matches("$share/g/$SYS/#", "$SYS/broker"));
        assert!(!matches("$share/g/#", "$SYS/broker"));
    }

    #[test]
    fn malformed_filters_are_named() {
        let error = |text| Filter::parse(text, true).expect_err("invalid filter");
        assert_eq!(error(""), FilterError::Empty);
        assert_eq!(error("a/#/b"), FilterError::Wildcard);
        assert_eq!(error("a#"), FilterError::Wildcard);
        assert_eq!(error("a+/b"), FilterError::Wildcard);
        assert_eq!(error("a\0"), FilterError::Nul);
        assert_eq!(error("$share/g"), FilterError::Share);
        assert_eq!(error("$share/g/"), FilterError::Share);
        assert_eq!(error("$share//a"), FilterError::Share);
        assert_eq!(error("$share/+/a"), FilterError::Share);
        assert_eq!(error(&"a".repeat(65_536)), FilterError::TooLong);
    }

    #[test]
    fn a_shared_filter_knows_its_parts() {
        let filter = Filter::parse("$share/group/a/+", true).expect("valid");
        assert_eq!(filter.share_name(), Some("group"));
        assert_eq!(filter.topic_filter(), "a/+");
        assert_eq!(Filter::parse("$share/group/a", false).expect("valid").share_name(), None);
        assert_eq!(Filter::parse("$shared/a", true).expect("valid").share_name(), None);
    }
}
