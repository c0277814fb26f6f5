use std::time::{Duration, Instant};

use crate::rng::Rng;

/// The packets after which a broker is killed: each carries a promise, or follows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    ConnAck,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    SubAck,
    UnsubAck,
    Publish,
}

const KINDS: [Kind; 8] = [
    Kind::ConnAck,
    Kind::PubAck,
    Kind::PubRec,
    Kind::PubRel,
    Kind::PubComp,
    Kind::SubAck,
    Kind::UnsubAck,
    Kind::Publish,
];

/// A packet that does not come is not waited for any longer.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// When a cycle ends.
#[derive(Debug, Clone)]
pub enum Kill {
    At(Instant),
    /// With the packet's `left`-th coming. `answered`: what the client owes for it still goes out.
    After {
        kind: Kind,
        left: u64,
        answered: bool,
        at_latest: Instant,
    },
}

impl Kill {
    pub fn planned(rng: &mut Rng) -> Self {
        let now = Instant::now();
        if rng.chance(400) {
            return Self::At(now + Duration::from_millis(rng.range(20..300)));
        }
        let kind = rng.pick(&KINDS);
        // There are a few of these in a cycle, and a few hundred of the others.
        let most = match kind {
            Kind::ConnAck | Kind::SubAck | Kind::UnsubAck => 4,
            _ => 80,
        };
        Self::After {
            kind,
            left: rng.range(1..most + 1),
            answered: rng.chance(500),
            at_latest: now + WAIT_MAX,
        }
    }

    pub fn is_due(&self) -> bool {
        let (Self::At(at) | Self::After { at_latest: at, .. }) = self;
        Instant::now() >= *at
    }

    /// Whether this packet was the one.
    pub fn sees(&mut self, seen: Kind) -> bool {
        let Self::After { kind, left, .. } = self else { return false };
        if *kind == seen {
            *left = left.saturating_sub(1);
        }
        *left == 0
    }

    pub fn is_answered(&self) -> bool {
        matches!(self, Self::After { answered: true, .. })
    }
}
