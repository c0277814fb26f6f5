use fulmar::broker::Settings;
use fulmar::session::{QueueRule, Window};
use fulmar::types::Protocol;

use crate::common::{V5, V31, V311, settings};
use crate::rng::Rng;

/// What a run is like: drawn from its seed before it starts.
pub struct Plan {
    pub steps: u64,
    /// Besides the watcher.
    pub clients: Vec<Habits>,
    /// Durability lags behind by chance.
    pub delayed_commits: bool,
    /// Faults in a thousand steps.
    pub faults: u64,
    /// Crashes of the server in a thousand steps.
    pub crashes: u64,
    /// In a thousand steps, how often the store has sorted in a part of some queue.
    pub stores: u64,
    /// Loads are answered by chance.
    pub loads_wait: bool,
    /// Bytes that a socket holds in either direction.
    pub capacity: usize,
    pub settings: Settings,
}

/// How one client behaves.
#[derive(Clone, Copy)]
pub struct Habits {
    pub protocol: Protocol,
    /// Never lets go of its session by its own will.
    pub steady: bool,
    pub receive_maximum: u16,
    pub topic_alias_maximum: u16,
    /// 5.0 only.
    pub maximum_packet_size: Option<u32>,
    /// How often in a thousand chances it reads or acknowledges.
    pub diligence: u64,
}

impl Plan {
    /// Crashes and the paging of queues have a chance of their own each, so that a seed without any
    /// is the run that it ever was.
    pub fn draw(rng: &mut Rng, crashing: &mut Rng, paging: &mut Rng) -> Self {
        let count = rng.range(2..6);
        let crashes = crashing.pick(&[0, 0, 3, 20]);
        // A crash shows more where there is something to lose.
        let lags = crashes > 0 && crashing.chance(500);
        Self {
            steps: rng.range(100..600),
            clients: (0..count).map(|_| Habits::draw(rng)).collect(),
            delayed_commits: rng.chance(300) || lags,
            faults: rng.pick(&[0, 10, 30, 80]),
            crashes,
            stores: paging.pick(&[0, 20, 200, 700]),
            loads_wait: paging.chance(600),
            capacity: rng.pick(&[40, 300, 4_000, 100_000]),
            settings: Settings {
                window: Window {
                    messages_max: paging.pick(&[1, 2, 3, 5, 256]),
                    bytes_max: paging.pick(&[1, 100, 2_000, 65_536]),
                },
                reserved_ahead: paging.pick(&[1, 8, 1_024]),
                ..Self::draw_settings(rng)
            },
        }
    }

    /// Limits that are met, in some runs.
    fn draw_settings(rng: &mut Rng) -> Settings {
        let mut settings = settings();
        settings.work_max = rng.pick(&[1, 7, 4_000]);
        settings.replies_max = rng.pick(&[1, 3, 1_000]);
        settings.in_flight_max = rng.pick(&[1, 5, 1_000]);
        if rng.chance(200) {
            settings.queue.messages_max = rng.pick(&[1, 8]);
            settings.queue.bytes_max = rng.pick(&[4_000, 100_000]);
            settings.queue.rule = rng.pick(&[QueueRule::RefuseNew, QueueRule::DropOldest]);
        }
        if rng.chance(200) {
            settings.retained.messages_max = rng.pick(&[1, 4]);
        }
        settings
    }
}

impl Habits {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            protocol: rng.pick(&[V5, V5, V5, V311, V311, V31]),
            steady: rng.chance(600),
            receive_maximum: rng.pick(&[1, 2, 3, 10, 65_535]),
            topic_alias_maximum: rng.pick(&[0, 1, 3, 20]),
            maximum_packet_size: rng.pick(&[None, None, None, Some(250), Some(1_000)]),
            diligence: rng.pick(&[200, 600, 950]),
        }
    }

    /// Reads and acknowledges everything at once.
    pub fn watcher() -> Self {
        Self {
            protocol: V5,
            steady: true,
            receive_maximum: 65_535,
            topic_alias_maximum: 0,
            maximum_packet_size: None,
            diligence: 1000,
        }
    }
}
