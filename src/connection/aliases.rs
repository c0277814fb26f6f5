//! Topic aliases: section 3.3.2.3.4. Each direction has its own, and they end with the connection.

/// The aliases that a client has set for its own PUBLISH packets.
#[derive(Debug, Default)]
pub(super) struct InboundAliases {
    /// The topic of alias `n` is at `n - 1`.
    topics: Vec<Option<Box<str>>>,
}

impl InboundAliases {
    /// Remembers `topic` under `alias`, which is not 0, in place of what it stood for before.
    pub fn set(&mut self, alias: u16, topic: &str) {
        let at = usize::from(alias) - 1;
        if self.topics.len() <= at {
            self.topics.resize(at + 1, None);
        }
        self.topics[at] = Some(topic.into());
    }

    /// What `alias` stands for.
    pub fn topic(&self, alias: u16) -> Option<&str> {
        self.topics.get(usize::from(alias).checked_sub(1)?)?.as_deref()
    }
}

/// The aliases that the server has set for the PUBLISH packets to one client.
#[derive(Debug)]
pub(super) struct OutboundAliases {
    /// At most `max`, the last used first, each with the bytes of its topic.
    entries: Vec<(u16, Box<[u8]>)>,
    max: u16,
}

/// How the topic of a PUBLISH can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alias {
    /// The client knows it: the topic can be left out.
    Known(u16),
    /// This alias is free for it, or stands for the topic that was used least recently.
    Settable(u16),
}

impl OutboundAliases {
    /// Room for at most `max` aliases, at least one.
    pub fn new(max: u16) -> Self {
        Self { entries: Vec::new(), max: max.max(1) }
    }

    /// The alias for `topic`. A known one counts as used.
    pub fn find(&mut self, topic: &[u8]) -> Alias {
        let Some(at) = self.entries.iter().position(|(_, known)| **known == *topic) else {
            return Alias::Settable(self.next());
        };
        self.entries[..=at].rotate_right(1);
        Alias::Known(self.entries[0].0)
    }

    /// Remembers that [`Alias::Settable`] was sent with `topic`.
    pub fn set(&mut self, alias: u16, topic: &[u8]) {
        if self.entries.last().is_some_and(|(oldest, _)| *oldest == alias) {
            self.entries.pop();
        }
        self.entries.insert(0, (alias, topic.into()));
    }

    fn next(&self) -> u16 {
        let used = self.entries.len() as u16;
        match self.entries.last() {
            Some((oldest, _)) if used == self.max => *oldest,
            _ => used + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbound_alias_stands_for_what_it_was_last_set_to() {
        let mut aliases = InboundAliases::default();
        assert_eq!(aliases.topic(3), None);

        aliases.set(3, "a");
        aliases.set(3, "b");

        assert_eq!(aliases.topic(3), Some("b"));
        assert_eq!((aliases.topic(0), aliases.topic(2), aliases.topic(4)), (None, None, None));
    }

    #[test]
    fn outbound_aliases_go_to_the_first_topics_and_then_replace_the_least_recently_used() {
        let mut aliases = OutboundAliases::new(2);
        for (topic, alias) in [(b"a", 1), (b"b", 2)] {
            assert_eq!(aliases.find(topic), Alias::Settable(alias));
            aliases.set(alias, topic);
        }
        assert_eq!(aliases.find(b"a"), Alias::Known(1));

        assert_eq!(aliases.find(b"c"), Alias::Settable(2));
        aliases.set(2, b"c");

        assert_eq!(aliases.find(b"a"), Alias::Known(1));
        assert_eq!(aliases.find(b"c"), Alias::Known(2));
        assert_eq!(aliases.find(b"b"), Alias::Settable(1));
        assert_eq!(aliases.entries.len(), 2);
    }
}
