/// What there is to tell about the store that the journal goes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoreReport {
    /// What an acknowledgement promises: the name of the level, as in the configuration.
    pub durability: &'static str,
    /// Whether batches become durable.
    pub state: StoreState,
    /// What it does and has done; `None` where there is no store.
    pub figures: Option<StoreFigures>,
}

/// Whether batches become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreState {
    /// They do.
    Working,
    /// Only those of what is under way: the disk is full.
    Full,
    /// Not any more in this process.
    Failed,
}

/// What a store does and has done since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StoreFigures {
    /// Groups that became durable.
    pub commits: u64,
    /// Changes that came in.
    pub operations: u64,
    /// Changes that cancelled out before they were written.
    pub cancelled: u64,
    /// Bytes written for groups.
    pub bytes: u64,
    /// Bytes written for each message, folding included.
    pub bytes_per_message: f64,
    /// How long it took to make groups durable.
    pub sync_time: Durations,
    /// Steps of folding.
    pub fold_steps: u64,
    /// Bytes written by folding.
    pub fold_bytes: u64,
    /// How long steps of folding took.
    pub fold_time: Durations,
    /// Bytes of groups that are not folded yet.
    pub journal_bytes: u64,
    /// Records that were found damaged and set aside.
    pub quarantined: u64,
    /// What it takes up on disk.
    pub size_bytes: u64,
    /// What its file system has left, if that is known.
    pub free_bytes: Option<u64>,
}

/// How long something took, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durations {
    /// Half of the times not longer than this.
    pub p50: u64,
    /// 99 of 100 times not longer than this.
    pub p99: u64,
    /// Never longer than this.
    pub max: u64,
}

impl StoreState {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Full => "full",
            Self::Failed => "failed",
        }
    }
}
