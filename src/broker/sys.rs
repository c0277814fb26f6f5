use std::collections::VecDeque;

use super::{Actions, Broker, LockReport, Stats, guard_sys, lock_sys, store_sys};
use crate::guard::GuardReport;
use crate::journal::StoreReport;
use crate::types::{Lsn, Message, MessageHead, QoS, Timestamp};

const MINUTES: [u32; 3] = [1, 5, 15];

/// When `$SYS` is published next, and the load averages that it has.
#[derive(Debug)]
pub(super) struct Sys {
    /// What is known of the store.
    pub store: Option<StoreReport>,
    /// What is known of the limits.
    pub guard: Option<GuardReport>,
    /// What is known of the lock around the broker. What is recent in it has not been published yet.
    pub lock: Option<LockReport>,
    /// When certificates end.
    pub certificates: Values,
    started: Timestamp,
    interval_secs: u32,
    next: Option<Timestamp>,
    /// What of this time has not been published yet, by topic.
    pending: VecDeque<(String, String)>,
    /// What was counted when it was published last.
    last: Stats,
    loads: [Load; LOADS.len()],
}

/// Events per minute, averaged over the last 1, 5 and 15 minutes with exponential decay.
#[derive(Debug, Clone, Copy, Default)]
struct Load([f64; 3]);

/// Values with their topics below `$SYS/broker/`.
pub(super) type Values = Vec<(String, String)>;

type Counter = fn(&Stats) -> u64;

/// The counters that have a load average, by the name of its topic.
const LOADS: [(&str, Counter); 8] = [
    ("messages/received", |stats| stats.packets_received),
    ("messages/sent", |stats| stats.packets_sent),
    ("publish/received", |stats| stats.publishes_received),
    ("publish/sent", |stats| stats.publishes_sent),
    ("publish/dropped", |stats| stats.dropped.total()),
    ("bytes/received", |stats| stats.bytes_received),
    ("bytes/sent", |stats| stats.bytes_sent),
    ("connections", |stats| stats.connections),
];

impl Sys {
    /// Due at once; never with an interval of 0.
    pub fn new(now: Timestamp, interval_secs: u32) -> Self {
        Self {
            store: None,
            guard: None,
            lock: None,
            certificates: Values::new(),
            started: now,
            interval_secs,
            next: (interval_secs > 0).then_some(now),
            pending: VecDeque::new(),
            last: Stats::default(),
            loads: Default::default(),
        }
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Something changed that nobody should have to wait for.
    pub fn hurry(&mut self, now: Timestamp) {
        self.next = self.next.map(|next| next.min(now));
    }

    fn sample(&mut self, stats: &Stats) {
        for ((_, counter), load) in LOADS.iter().zip(&mut self.loads) {
            load.add(counter(stats) - counter(&self.last), self.interval_secs);
        }
        self.last = *stats;
    }
}

impl Load {
    fn add(&mut self, events: u64, interval_secs: u32) {
        let interval = f64::from(interval_secs);
        let per_minute = events as f64 * 60.0 / interval;
        for (average, minutes) in self.0.iter_mut().zip(MINUTES) {
            let decay = (-interval / (60.0 * f64::from(minutes))).exp();
            *average = per_minute + decay * (*average - per_minute);
        }
    }
}

impl Broker {
    /// Publishes what has changed under `$SYS/broker`, retained, if it is time to; what is more work
    /// than one call may be is left due.
    pub(super) fn publish_sys(&mut self, now: Timestamp, actions: &mut Actions) {
        if self.sys.next.is_none_or(|next| next > now) {
            return;
        }
        if self.sys.pending.is_empty() {
            self.spare.shrink();
            self.sys.sample(&self.stats);
            self.sys.pending = self.sys_values(now).into();
            self.sys.lock.iter_mut().for_each(LockReport::forget_recent);
        }
        let mut work = 0;
        while work < self.settings.work_max {
            let Some((name, value)) = self.sys.pending.pop_front() else { break };
            work += 1 + self.publish_sys_value(&name, &value, actions);
        }
        if self.sys.pending.is_empty() {
            self.sys.next = Some(now.plus_secs(u64::from(self.sys.interval_secs)));
        }
    }

    /// Returns how much work it was.
    fn publish_sys_value(&mut self, name: &str, value: &str, actions: &mut Actions) -> usize {
        let topic = format!("$SYS/broker/{name}");
        let known = self.retained.get(&topic);
        if known.is_some_and(|message| message.payload() == value.as_bytes()) {
            return 0;
        }
        // A full disk keeps nothing of it: whoever is there reads it, and nobody else has to.
        let qos = if self.fullness.is_full() { QoS::AtMostOnce } else { QoS::ExactlyOnce };
        let head = MessageHead { qos, retain: true, expires_at: None };
        let message = Message::new(head, &topic, &[], value.as_bytes());
        // Not journalled: after a restart it is told anew.
        if self.retained.set(message.clone()).is_err() {
            self.stats.dropped.retained_full += 1;
        }
        self.route(&message, None, Lsn::NONE, actions)
    }

    /// Every value, in Mosquitto's names where it has one.
    fn sys_values(&self, now: Timestamp) -> Values {
        let stats = &self.stats;
        let connected = self.conns.len();
        let counts = [
            ("clients/total", self.sessions.len() as u64),
            ("clients/connected", connected as u64),
            ("clients/active", connected as u64),
            ("clients/disconnected", self.sessions.len().saturating_sub(connected) as u64),
            ("clients/inactive", self.sessions.len().saturating_sub(connected) as u64),
            ("clients/maximum", stats.clients_maximum),
            ("clients/expired", stats.sessions_expired),
            ("messages/received", stats.packets_received),
            ("messages/sent", stats.packets_sent),
            ("messages/stored", self.retained.len() as u64),
            ("store/messages/count", self.retained.len() as u64),
            ("store/messages/bytes", self.retained.bytes() as u64),
            ("retained messages/count", self.retained.len() as u64),
            ("subscriptions/count", self.subscriptions.len() as u64),
            ("shared_subscriptions/count", self.subscriptions.shared_len() as u64),
            ("publish/messages/received", stats.publishes_received),
            ("publish/messages/sent", stats.publishes_sent),
            ("publish/messages/dropped", stats.dropped.total()),
            ("publish/bytes/received", stats.publish_bytes_received),
            ("publish/bytes/sent", stats.publish_bytes_sent),
            ("requests/denied", stats.denied),
            ("bytes/received", stats.bytes_received),
            ("bytes/sent", stats.bytes_sent),
        ];
        let uptime = now.since(self.sys.started).as_secs();
        let mut values = vec![
            (
                "version".to_owned(),
                concat!("fulmar version ", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
            ("uptime".to_owned(), format!("{uptime} seconds")),
        ];
        values.extend(counts.map(|(name, count)| (name.to_owned(), count.to_string())));
        let dropped = |(cause, count): (&str, u64)| {
            (format!("publish/messages/dropped/{cause}"), count.to_string())
        };
        values.extend(stats.dropped.by_cause().map(dropped));
        values.extend(self.sys.store.iter().flat_map(|report| store_sys::values(report, stats)));
        values.extend(self.sys.guard.iter().flat_map(|report| guard_sys::values(report, stats)));
        values.extend(self.sys.lock.iter().flat_map(lock_sys::values));
        values.extend_from_slice(&self.sys.certificates);
        for ((name, _), Load(averages)) in LOADS.iter().zip(&self.sys.loads) {
            for (average, minutes) in averages.iter().zip(MINUTES) {
                values.push((format!("load/{name}/{minutes}min"), format!("{average:.2}")));
            }
        }
        values
    }
}
