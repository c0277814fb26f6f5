use std::fmt;

use crate::types::{ClientId, Filter, FilterError, topic};

/// A topic filter of a rule, in which `%u` stands for the user name and `%c` for the client
/// identifier, anywhere in a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    named: bool,
}

/// What `%u` and `%c` stand for.
///
/// A name that is empty or contains `+`, `#` or `/` stands for nothing: nobody gets another one's
/// topics by the choice of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Names<'a> {
    user: Option<&'a str>,
    client: Option<&'a str>,
}

/// Why a text is no [`Pattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Section 4.7.
    #[error("{0}")]
    Filter(#[from] FilterError),
    /// A rule is about topics, however they are subscribed to.
    #[error("a rule names the topic filter of a shared subscription without $share and its name")]
    Shared,
}

const SHARED: &str = "$share/";

impl Pattern {
    /// Checks `text` against section 4.7.
    ///
    /// # Errors
    ///
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.starts_with(SHARED) {
            return Err(PatternError::Shared);
        }
        Filter::parse(text, false)?;
        Ok(Self { text: text.into(), named: text.contains("%u") || text.contains("%c") })
    }

    /// The same, where `%u` and `%c` stand for themselves.
    ///
    /// # Errors
    ///
    /// [`PatternError`].
    pub fn literal(text: &str) -> Result<Self, PatternError> {
        Ok(Self { named: false, ..Self::parse(text)? })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether every topic that `topic` means is one of this pattern's: a topic name means itself, a
    /// topic filter all that it matches. Like a filter, a pattern passes reserved topics by unless it
    /// begins with `$` itself (`[MQTT-4.7.2-1]`); a name never makes it do so.
    pub fn covers(&self, topic: &str, names: &Names<'_>) -> bool {
        fits(&self.text, topic, |wanted, found| match self.named {
            true => names.is_level(wanted, found),
            false => wanted == found,
        })
    }
}

/// Whether the topic filter `filter`, taken as it is, covers `topic` as [`Pattern::covers`] has it.
pub fn covers(filter: &str, topic: &str) -> bool {
    fits(filter, topic, |wanted, found| wanted == found)
}

fn fits(pattern: &str, topic: &str, is_level: impl Fn(&str, &str) -> bool) -> bool {
    if topic::is_reserved(topic) && !pattern.starts_with('$') {
        return false;
    }
    // No topic is empty: the filters that are written in two ways.
    let pattern = if pattern == "+/#" { "#" } else { pattern };
    let topic = if topic == "/#" { "/+/#" } else { topic };
    let mut levels = topic::levels(topic);
    for wanted in topic::levels(pattern) {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(found)) if found != "#" => {}
            ("+", _) | (_, None) => return false,
            (wanted, Some(found)) if is_level(wanted, found) => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

impl<'a> Names<'a> {
    /// Those of a client.
    pub fn new(username: Option<&'a str>, client_id: &'a ClientId) -> Self {
        let usable = |name: &&str| !name.is_empty() && !name.contains(['+', '#', '/']);
        Self { user: username.filter(usable), client: Some(client_id.as_str()).filter(usable) }
    }

    /// Whether `found` is what `wanted` comes to.
    fn is_level(&self, wanted: &str, found: &str) -> bool {
        let (mut wanted, mut found) = (wanted, found);
        while let Some(at) = wanted.find('%') {
            let (before, rest) = wanted.split_at(at);
            let (name, behind) = match rest.as_bytes().get(1) {
                Some(b'u') => (self.user, &rest[2..]),
                Some(b'c') => (self.client, &rest[2..]),
                _ => (Some("%"), &rest[1..]),
            };
            let left = found.strip_prefix(before);
            let Some(left) = left.and_then(|left| left.strip_prefix(name?)) else { return false };
            (wanted, found) = (behind, left);
        }
        wanted == found
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_names_as_a_filter_matches_them() {
        for (pattern, name, expected) in [
            ("a/b", "a/b", true),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a", true),
            ("+/#", "a", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("a/b", "a/b/c", false),
        ] {
            assert_eq!(covered(pattern, name), expected, "{pattern} {name}");
            let filter = Filter::parse(pattern, false).expect("valid");
            assert_eq!(filter.matches(name), expected, "{pattern} {name}, by the definition");
        }
    }

    #[test]
    fn a_pattern_covers_a_filter_if_it_covers_all_that_the_filter_matches() {
        for (pattern, filter, expected) in [
            ("a/#", "a/+", true),
            ("a/#", "a/#", true),
            ("a/#", "#", false),
            ("a/+", "a/#", false),
            ("a/+", "a/+", true),
            ("a/b", "a/+", false),
            ("+/b", "+/b", true),
            ("+/#", "#", true),
            ("#", "+/#", true),
            ("a/+/#", "a/#", false),
            ("+/+/#", "/#", true),
            ("/+/#", "/#", true),
            ("/#", "/+/#", true),
            ("/+", "/#", false),
            ("#", "$SYS/#", false),
            ("$SYS/#", "$SYS/+", true),
        ] {
            assert_eq!(covered(pattern, filter), expected, "{pattern} {filter}");
        }
    }

    #[test]
    fn names_stand_anywhere_in_a_level() {
        for (pattern, name, expected) in [
            ("%u/x", "ann/x", true),
            ("%c/x", "pump/x", true),
            ("%u/x", "pump/x", false),
            ("d/%u-%c", "d/ann-pump", true),
            ("d/%u%c%", "d/annpump%", true),
            ("d/%x", "d/%x", true),
            ("d/%u", "d/%u", false),
            ("d/%u", "d/annie", false),
            ("d/%u/#", "d/ann", true),
            ("d/%u/#", "d/+", false),
        ] {
            let names = Names { user: Some("ann"), client: Some("pump") };
            assert_eq!(pattern_of(pattern).covers(name, &names), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn names_with_wildcards_or_slashes_and_no_names_stand_for_nothing() {
        for name in ["", "+", "#", "a+", "a/b", "/"] {
            let id = ClientId::new(name);
            assert_eq!(Names::new(Some(name), &id), Names::default(), "{name:?}");
            assert!(!pattern_of("%c/x").covers(&format!("{name}/x"), &Names::new(None, &id)));
        }
        assert!(!pattern_of("%u").covers("x", &Names::default()));
        assert!(!pattern_of("%u/x").covers("/x", &Names::default()));
    }

    #[test]
    fn a_name_makes_no_topic_reserved() {
        let id = ClientId::new("$SYS");
        let names = Names::new(Some("SYS"), &id);

        assert!(!pattern_of("%c/#").covers("$SYS/broker", &names));
        assert!(pattern_of("$%u/#").covers("$SYS/broker", &names), "it says so itself");
    }

    #[test]
    fn what_is_no_filter_is_no_pattern() {
        assert_eq!(Pattern::parse("a#"), Err(FilterError::Wildcard.into()));
        assert_eq!(Pattern::parse(""), Err(FilterError::Empty.into()));
        assert_eq!(Pattern::parse("$share/g/a"), Err(PatternError::Shared));
    }

    fn pattern_of(text: &str) -> Pattern {
        Pattern::parse(text).expect("valid")
    }

    fn covered(pattern: &str, topic: &str) -> bool {
        pattern_of(pattern).covers(topic, &Names::default())
    }
}
