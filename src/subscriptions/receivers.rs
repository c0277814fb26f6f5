use std::collections::{BTreeMap, BTreeSet};

use crate::types::{GroupKey, SessionKey, SubscriptionOptions};

/// Who has subscribed to one topic filter.
///
/// Nearly every filter of a large broker has one subscriber, which stands in place.
#[derive(Default)]
pub(super) enum Receivers {
    #[default]
    None,
    One(SessionKey, SubscriptionOptions),
    Many(Box<Many>),
}

/// Ordered maps: a filter that every client subscribes to stays cheap to change.
#[derive(Default)]
pub(super) struct Many {
    direct: BTreeMap<SessionKey, SubscriptionOptions>,
    groups: BTreeSet<GroupKey>,
}

impl Receivers {
    /// Adds or replaces the subscription of `session`; the options that it had until now.
    pub(super) fn set(
        &mut self,
        session: SessionKey,
        options: SubscriptionOptions,
    ) -> Option<SubscriptionOptions> {
        match self {
            Self::None => {
                *self = Self::One(session, options);
                None
            }
            Self::One(only, had) if *only == session => Some(std::mem::replace(had, options)),
            _ => self.many().direct.insert(session, options),
        }
    }

    /// Whether there was a subscription of `session` to take away.
    pub(super) fn remove(&mut self, session: SessionKey) -> bool {
        match self {
            Self::One(only, _) if *only == session => {
                *self = Self::None;
                true
            }
            Self::Many(many) => {
                let removed = many.direct.remove(&session).is_some();
                self.shrink();
                removed
            }
            _ => false,
        }
    }

    pub(super) fn add_group(&mut self, group: GroupKey) {
        self.many().groups.insert(group);
    }

    pub(super) fn remove_group(&mut self, group: GroupKey) {
        if let Self::Many(many) = self {
            many.groups.remove(&group);
            self.shrink();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The subscriptions that are not shared, by session.
    pub(super) fn direct(&self) -> impl Iterator<Item = (SessionKey, SubscriptionOptions)> + '_ {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(session, options) => (Some((*session, *options)), None),
            Self::Many(many) => (None, Some(&many.direct)),
        };
        let many = many.into_iter().flatten().map(|(session, options)| (*session, *options));
        one.into_iter().chain(many)
    }

    /// The shared subscriptions, the oldest first.
    pub(super) fn groups(&self) -> impl Iterator<Item = GroupKey> + '_ {
        let many = match self {
            Self::Many(many) => Some(&many.groups),
            _ => None,
        };
        many.into_iter().flatten().copied()
    }

    fn many(&mut self) -> &mut Many {
        if !matches!(self, Self::Many(_)) {
            let mut many = Box::<Many>::default();
            many.direct.extend(self.direct());
            *self = Self::Many(many);
        }
        match self {
            Self::Many(many) => many,
            _ => unreachable!("made so above"),
        }
    }

    /// Goes back to the small forms where they suffice.
    fn shrink(&mut self) {
        let Self::Many(many) = self else { return };
        if !many.groups.is_empty() || many.direct.len() > 1 {
            return;
        }
        *self = match many.direct.pop_first() {
            Some((session, options)) => Self::One(session, options),
            None => Self::None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::QoS;

    const A: SessionKey = SessionKey(7);
    const B: SessionKey = SessionKey(3);

    #[test]
    fn the_form_follows_the_number_of_subscribers() {
        let mut receivers = Receivers::default();
        receivers.set(A, options(QoS::AtMostOnce));
        assert!(matches!(receivers, Receivers::One(..)));
        receivers.set(B, options(QoS::AtLeastOnce));
        assert!(matches!(receivers, Receivers::Many(_)));

        assert!(receivers.remove(A));
        assert!(matches!(receivers, Receivers::One(..)));
        assert!(!receivers.remove(A));
        assert!(receivers.remove(B));
        assert!(receivers.is_empty());
    }

    #[test]
    fn setting_again_replaces_and_tells_what_was() {
        let mut receivers = Receivers::default();
        assert_eq!(receivers.set(A, options(QoS::AtMostOnce)), None);
        assert_eq!(receivers.set(B, options(QoS::AtMostOnce)), None);
        let had = receivers.set(A, options(QoS::ExactlyOnce));

        assert_eq!(had, Some(options(QoS::AtMostOnce)));
        let now: Vec<_> =
            receivers.direct().map(|(session, options)| (session, options.qos)).collect();
        assert_eq!(now, [(B, QoS::AtMostOnce), (A, QoS::ExactlyOnce)]);
    }

    #[test]
    fn a_group_stays_when_the_last_session_goes() {
        let mut receivers = Receivers::default();
        receivers.set(A, options(QoS::AtMostOnce));
        receivers.add_group(GroupKey(1));
        receivers.remove(A);
        assert_eq!(receivers.groups().collect::<Vec<_>>(), [GroupKey(1)]);

        receivers.remove_group(GroupKey(1));
        assert!(receivers.is_empty());
    }

    fn options(qos: QoS) -> SubscriptionOptions {
        SubscriptionOptions { qos, ..SubscriptionOptions::default() }
    }
}
