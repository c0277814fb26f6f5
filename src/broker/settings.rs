use crate::retained::RetainedLimits;
use crate::session::{QueueLimits, Window};
use crate::subscriptions::ShareStrategy;
use crate::types::QoS;

/// The numbers that the broker decides by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Sessions, connected or not. One more is refused.
    pub sessions_max: usize,
    /// Subscriptions of one session. One more gets 0x97 in its SUBACK.
    pub subscriptions_max: usize,
    /// What may wait for one client.
    pub queue: QueueLimits,
    /// What of a queue on disk is held in memory for a client that is connected.
    pub window: Window,
    /// Whether messages of QoS 0 wait for a client that is not connected.
    pub queue_qos0_offline: bool,
    /// Unfinished deliveries of QoS 1 and 2 to one client, however many more it would take.
    pub in_flight_max: u16,
    /// Queue numbers that a connection reserves beyond what may be in flight, so that it has more
    /// before those are used up.
    pub reserved_ahead: u64,
    /// Unfinished QoS 1 and 2 messages from one client; MQTT 5 clients are told.
    pub receive_maximum: u16,
    /// The most that a subscription is granted.
    pub maximum_qos: QoS,
    /// Seconds. An MQTT 5 client that asks for more is told to keep to it; 65,535 for no limit.
    pub keep_alive_max_secs: u16,
    /// Seconds a session may outlive its connection; `u32::MAX` for ever.
    pub session_expiry_max_secs: u32,
    /// Who of a shared subscription gets the next message.
    pub share_strategy: ShareStrategy,
    /// Retained messages, all topics together.
    pub retained: RetainedLimits,
    /// Topics whose receivers are remembered.
    pub cached_topics_max: usize,
    /// Whether there are rules about topics, or may be. Where not, only clients that bring topics in their
    /// credentials are kept account of.
    pub access_rules: bool,
    /// Decisions about topics that are remembered for each session.
    pub access_decisions_max: usize,
    /// Answers that wait for one client before its requests are left unread.
    pub replies_max: usize,
    /// Deliveries and timers that one call handles before it returns, requests left or not.
    pub work_max: usize,
    /// Seconds between two publications of `$SYS`; 0 for none.
    pub sys_interval_secs: u32,
    /// Whether a store waits for the journal's batches.
    pub journal: bool,
}

impl Settings {
    /// Queue numbers that a connection reserves at a time: after a crash so many may be passed over.
    pub fn reserve(&self) -> u64 {
        self.reserved_ahead + 2 * u64::from(self.in_flight_max)
    }
}
