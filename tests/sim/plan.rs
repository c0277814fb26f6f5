use fulmar::broker::Settings;
use fulmar::session::{QueueRule, Window};
use fulmar::store::CommitSettings;
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
    /// The server keeps its state on a disk.
    pub store: Option<StorePlan>,
}

/// How the server's store and its disk behave.
#[derive(Clone, Copy)]
pub struct StorePlan {
    pub settings: CommitSettings,
    /// Each write is synced, and a crash may be a power cut.
    pub syncs_itself: bool,
    /// How often in a thousand steps the store does something,
    pub diligence: u64,
    /// and in how many calls at most.
    pub calls_max: u64,
    /// Of a thousand looks at the clock those at which a step of folding has taken long enough.
    pub lateness: u64,
    /// Of a thousand calls those that fold although the journal is short.
    pub spare_folds: u64,
    /// Of a thousand calls those that find no room on the disk.
    pub refusals: u64,
    /// Of a thousand crashes those that leave a record which nobody wrote.
    pub litter: u64,
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
    /// It comes by a listener that acknowledges messages at once.
    pub hasty: bool,
}

impl Plan {
    /// Crashes, the paging of queues and the store have a chance of their own each, so that a seed
    /// without any is the run that it ever was.
    pub fn draw(rng: &mut Rng, crashing: &mut Rng, paging: &mut Rng, storing: &mut Rng) -> Self {
        let listed = Self::draw_listed(rng, crashing, paging);
        if storing.chance(500) {
            return listed;
        }
        Self {
            crashes: storing.pick(&[0, 3, 10, 60]),
            delayed_commits: true,
            loads_wait: true,
            store: Some(StorePlan::draw(storing)),
            ..listed
        }
    }

    /// Some clients come by another listener. They have a chance of their own, too.
    pub fn draw_hasty(&mut self, hasty: &mut Rng) {
        let share = hasty.pick(&[0, 0, 300, 1_000]);
        self.clients.iter_mut().for_each(|client| client.hasty = hasty.chance(share));
    }

    /// With a list of batches in place of a store.
    fn draw_listed(rng: &mut Rng, crashing: &mut Rng, paging: &mut Rng) -> Self {
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
            store: None,
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

impl StorePlan {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            settings: CommitSettings {
                journal_bytes_max: rng.pick(&[0, 500, 5_000, 100_000]),
                round_bytes_max: rng.pick(&[0, 500, 5_000, 100_000]),
                fold_step_bytes: rng.pick(&[1, 300, 5_000, 1 << 19]),
                ..CommitSettings::default()
            },
            syncs_itself: rng.chance(800),
            diligence: rng.pick(&[100, 400, 900]),
            calls_max: rng.pick(&[1, 3, 10, 40]),
            lateness: rng.pick(&[0, 0, 100, 700]),
            spare_folds: rng.pick(&[0, 30, 300]),
            refusals: rng.pick(&[0, 0, 0, 100]),
            litter: rng.pick(&[0, 0, 300]),
        }
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
            hasty: false,
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
            hasty: false,
        }
    }
}
