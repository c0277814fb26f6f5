use super::QoS;

/// A subscription identifier, 1 to 268,435,455.
pub type SubscriptionId = std::num::NonZeroU32;

/// What a client asked for with one topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscriptionOptions {
    /// The most that deliveries may have.
    pub qos: QoS,
    /// The client's own messages are not sent back to it (`[MQTT-3.8.3-3]`).
    pub no_local: bool,
    /// Messages keep the RETAIN flag they were published with (`[MQTT-3.3.1-12]`).
    pub retain_as_published: bool,
    /// What becomes of retained messages when the subscription is made.
    pub retain_handling: RetainHandling,
    /// Sent back with each message that this subscription matches (`[MQTT-3.3.4-3]`).
    pub id: Option<SubscriptionId>,
}

/// Whether retained messages are sent when a subscription is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum RetainHandling {
    /// Always (`[MQTT-3.3.1-9]`).
    #[default]
    Send = 0,
    /// Only if the subscription did not exist before (`[MQTT-3.3.1-10]`).
    SendIfNew = 1,
    /// Never (`[MQTT-3.3.1-11]`).
    DoNotSend = 2,
}

impl RetainHandling {
    /// The handling with this number; `None` for 3 and above (section 3.8.3.1).
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Send),
            1 => Some(Self::SendIfNew),
            2 => Some(Self::DoNotSend),
            _ => None,
        }
    }
}

/// The identifiers of all the subscriptions that one delivery stems from. Nearly always none or one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SubscriptionIds {
    /// No matching subscription carries one.
    #[default]
    None,
    /// Exactly one does.
    One(SubscriptionId),
    /// Several do, in ascending order. Boxed twice to keep a queued delivery small.
    #[allow(clippy::box_collection)]
    Many(Box<Vec<SubscriptionId>>),
}

impl SubscriptionIds {
    /// Adds `id`, keeping ascending order, each once.
    pub fn insert(&mut self, id: Option<SubscriptionId>) {
        let Some(id) = id else { return };
        match self {
            Self::None => *self = Self::One(id),
            Self::One(only) if *only == id => {}
            Self::One(only) => {
                let mut both = vec![*only, id];
                both.sort_unstable();
                *self = Self::Many(Box::new(both));
            }
            Self::Many(ids) => {
                if let Err(at) = ids.binary_search(&id) {
                    ids.insert(at, id);
                }
            }
        }
    }

    /// The identifiers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = SubscriptionId> + '_ {
        let slice = match self {
            Self::None => &[],
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids.as_slice(),
        };
        slice.iter().copied()
    }
}
