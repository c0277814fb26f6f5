use std::collections::BTreeSet;

use crate::types::InboundId;

/// QoS 2 exchanges that the client started: the packet ids between its PUBLISH and its PUBREL.
///
/// At most 65,535 by the width of a packet id.
#[derive(Debug, Default)]
pub struct Inbound {
    taken: BTreeSet<InboundId>,
}

/// Whether a PUBLISH is a new message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Yes, whatever its DUP flag says (`[MQTT-4.3.3-10]`).
    New,
    /// No: its packet id has not been released since.
    Duplicate,
}

impl Inbound {
    /// Takes the packet id of a QoS 2 PUBLISH.
    pub fn take(&mut self, id: InboundId) -> Taken {
        if self.taken.insert(id) { Taken::New } else { Taken::Duplicate }
    }

    /// Whether a PUBLISH with this packet id would be a duplicate.
    pub fn is_taken(&self, id: InboundId) -> bool {
        self.taken.contains(&id)
    }

    /// PUBREL: the packet id may be used for a new message. False if it was not taken.
    pub fn release(&mut self, id: InboundId) -> bool {
        self.taken.remove(&id)
    }

    /// The packet ids that are taken, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = InboundId> + '_ {
        self.taken.iter().copied()
    }

    /// How many exchanges are unfinished.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

impl FromIterator<InboundId> for Inbound {
    fn from_iter<I: IntoIterator<Item = InboundId>>(taken: I) -> Self {
        Self { taken: taken.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PacketId;

    #[test]
    fn an_id_is_a_duplicate_until_it_is_released() {
        let id = InboundId(PacketId::new(7).expect("not zero"));
        let mut inbound = Inbound::default();

        assert_eq!(inbound.take(id), Taken::New);
        assert_eq!(inbound.take(id), Taken::Duplicate);
        assert!(inbound.release(id));
        assert!(!inbound.release(id));
        assert_eq!(inbound.take(id), Taken::New);
    }
}
