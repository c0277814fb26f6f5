use crate::types::{GroupKey, QoS, SessionKey, SubscriptionIds, SubscriptionOptions};

/// Everybody who is to get the messages of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matches {
    /// Sessions with subscriptions of their own, each once, in the order of their keys.
    pub direct: Vec<Match>,
    /// Shared subscriptions, each once, in the order of their keys: one member of each gets it
    /// (section 4.8.2).
    pub groups: Vec<GroupKey>,
}

/// One session that is to get a message, once however many of its subscriptions match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Who gets it.
    pub session: SessionKey,
    /// How it gets what others published.
    pub options: Delivered,
    /// How it gets what it published itself.
    pub own: Own,
}

/// What a session's overlapping subscriptions come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// The highest of them: the most that the delivery may have (`[MQTT-3.3.4-2]`).
    pub qos: QoS,
    /// Whether any of them keeps the RETAIN flag (`[MQTT-3.3.1-13]`).
    pub retain_as_published: bool,
    /// Those of all of them (`[MQTT-3.3.4-4]`).
    pub ids: SubscriptionIds,
}

/// What a session gets of a message that it published itself: No Local, `[MQTT-3.8.3-3]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// The same as of any other: no matching subscription has No Local.
    Same,
    /// Nothing: every matching subscription has No Local.
    Nothing,
    /// What those without No Local come to.
    Reduced(Box<Delivered>),
}

/// One subscription that matches.
pub(super) type Hit = (SessionKey, SubscriptionOptions);

impl Matches {
    /// Nobody gets it.
    pub fn is_empty(&self) -> bool {
        self.direct.is_empty() && self.groups.is_empty()
    }

    /// Whether messages that are delivered to one of them after the other reach every session in their
    /// order (`[MQTT-4.6.0-6]`): none may stand here twice.
    pub fn keep_order(&self) -> bool {
        self.groups.is_empty() || self.direct.is_empty() && self.groups.len() == 1
    }

    /// Merges the hits of each session into one match.
    pub(super) fn merge(hits: &mut [Hit], mut groups: Vec<GroupKey>) -> Self {
        // Ascending identifiers make every insert into a set of them an append.
        hits.sort_by_key(|(session, options)| (*session, options.id));
        groups.sort_unstable();
        let sessions = hits.chunk_by(|(a, _), (b, _)| a == b);
        let mut direct = Vec::with_capacity(hits.len());
        direct.extend(sessions.map(Match::merge));
        direct.shrink_to_fit();
        Self { direct, groups }
    }

    /// Bytes of memory that this holds.
    pub(super) fn bytes(&self) -> usize {
        let direct: usize = self.direct.iter().map(Match::bytes).sum();
        size_of::<Self>() + direct + self.groups.len() * size_of::<GroupKey>()
    }
}

impl Match {
    /// `hits` are those of one session, at least one.
    fn merge(hits: &[Hit]) -> Self {
        let own = match hits.iter().filter(|(_, options)| options.no_local).count() {
            0 => Own::Same,
            n if n == hits.len() => Own::Nothing,
            _ => Own::Reduced(Box::new(Delivered::merge(
                hits.iter().filter(|(_, options)| !options.no_local),
            ))),
        };
        Self { session: hits[0].0, options: Delivered::merge(hits.iter()), own }
    }

    fn bytes(&self) -> usize {
        let reduced = match &self.own {
            Own::Reduced(delivered) => size_of::<Delivered>() + delivered.heap_bytes(),
            Own::Same | Own::Nothing => 0,
        };
        size_of::<Self>() + self.options.heap_bytes() + reduced
    }
}

impl Delivered {
    fn merge<'a>(hits: impl Iterator<Item = &'a Hit>) -> Self {
        let mut merged = Self::default();
        for (_, options) in hits {
            merged.qos = merged.qos.max(options.qos);
            merged.retain_as_published |= options.retain_as_published;
            merged.ids.insert(options.id);
        }
        merged
    }

    fn heap_bytes(&self) -> usize {
        match &self.ids {
            SubscriptionIds::Many(ids) => size_of_val(ids) + size_of_val(ids.as_slice()),
            SubscriptionIds::None | SubscriptionIds::One(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SubscriptionId;

    const A: SessionKey = SessionKey(1);
    const B: SessionKey = SessionKey(2);

    #[test]
    fn overlapping_subscriptions_come_to_one_match() {
        let kept = SubscriptionOptions { retain_as_published: true, ..options(1, 9) };
        let matches =
            merge([(B, options(0, 1)), (A, kept), (A, options(2, 4)), (A, options(0, 9))]);

        assert_eq!(matches.direct.len(), 2);
        let match_of_a = &matches.direct[0];
        assert_eq!(match_of_a.session, A);
        assert_eq!(match_of_a.options.qos, QoS::ExactlyOnce);
        assert!(match_of_a.options.retain_as_published);
        assert_eq!(ids(&match_of_a.options), [4, 9]);
        assert_eq!(ids(&matches.direct[1].options), [1]);
    }

    #[test]
    fn no_local_everywhere_gives_nothing_of_its_own() {
        let matches = merge([(A, no_local(1, 1)), (A, no_local(2, 2))]);
        assert_eq!(matches.direct[0].own, Own::Nothing);
        assert_eq!(matches.direct[0].options.qos, QoS::ExactlyOnce);
    }

    #[test]
    fn no_local_nowhere_gives_the_same() {
        assert_eq!(merge([(A, options(1, 1))]).direct[0].own, Own::Same);
    }

    #[test]
    fn no_local_in_some_gives_what_the_others_come_to() {
        let matches = merge([(A, no_local(2, 1)), (A, options(1, 2)), (A, options(0, 3))]);
        let Own::Reduced(own) = &matches.direct[0].own else { panic!("reduced") };
        assert_eq!(own.qos, QoS::AtLeastOnce);
        assert_eq!(ids(own), [2, 3]);
        assert_eq!(ids(&matches.direct[0].options), [1, 2, 3]);
    }

    #[test]
    fn groups_are_in_the_order_of_their_keys() {
        let matches = Matches::merge(&mut [], vec![GroupKey(5), GroupKey(2)]);
        assert_eq!(matches.groups, [GroupKey(2), GroupKey(5)]);
    }

    fn merge<const N: usize>(mut hits: [Hit; N]) -> Matches {
        Matches::merge(&mut hits, Vec::new())
    }

    fn options(qos: u8, id: u32) -> SubscriptionOptions {
        SubscriptionOptions {
            qos: QoS::from_bits(qos).expect("0 to 2"),
            id: SubscriptionId::new(id),
            ..SubscriptionOptions::default()
        }
    }

    fn no_local(qos: u8, id: u32) -> SubscriptionOptions {
        SubscriptionOptions { no_local: true, ..options(qos, id) }
    }

    fn ids(delivered: &Delivered) -> Vec<u32> {
        delivered.ids.iter().map(SubscriptionId::get).collect()
    }
}
