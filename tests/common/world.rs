use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::time::Duration;

use fulmar::broker::{Settings, Stats};
use fulmar::connection::Limits;
use fulmar::retained::RetainedLimits;
use fulmar::session::{QueueLimits, QueueRule, Window};
use fulmar::subscriptions::ShareStrategy;
use fulmar::types::{Lsn, Protocol, QoS, Timestamp};

use super::client::Client;
use super::connect::Connecting;
use super::shell::{Authenticator, Commits, Shell};

/// One broker with everything around it. Nothing happens between two calls: when one returns,
/// every consequence has been worked out and lies with the clients, ready to be read.
#[derive(Clone)]
pub struct World {
    shell: Rc<RefCell<Shell>>,
}

impl World {
    /// With the settings and limits of a broker that nobody has configured.
    pub fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// With other settings, other limits.
    pub fn with(change: impl FnOnce(&mut Settings, &mut Limits)) -> Self {
        let mut settings = settings();
        let mut limits = Limits::default();
        change(&mut settings, &mut limits);
        Self { shell: Rc::new(RefCell::new(Shell::new(settings, limits, 1))) }
    }

    /// With somebody who decides about credentials.
    pub fn authenticated_by(self, authenticator: impl Authenticator + 'static) -> Self {
        self.shell.borrow_mut().set_authenticator(authenticator);
        self
    }

    /// With a disk that is done only when [`Self::commit`] says so.
    pub fn with_delayed_commits(self) -> Self {
        self.shell.borrow_mut().commits = Commits::Delayed;
        self
    }

    /// Clients that connect from here on come by a listener with other limits.
    pub fn change_limits(&self, change: impl FnOnce(&mut Limits)) {
        self.shell.borrow_mut().change_limits(change);
    }

    /// A client about to send CONNECT.
    pub fn connect(&self, protocol: Protocol, id: &str) -> Connecting {
        Connecting::new(self.connect_raw().speaking(protocol), protocol, id)
    }

    /// A link on which nothing has been sent, not even CONNECT. It speaks 5.0 unless told otherwise.
    pub fn connect_raw(&self) -> Client {
        let link = self.shell.borrow_mut().accept(usize::MAX);
        Client::new(self.shell.clone(), link)
    }

    /// Moves time. What falls due on the way happens at its moment.
    pub fn advance(&self, duration: Duration) {
        let until = self.now() + duration;
        self.shell.borrow_mut().advance_to(until);
    }

    /// Moves time by seconds.
    pub fn advance_secs(&self, secs: u64) {
        self.advance(Duration::from_secs(secs));
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.shell.borrow().now
    }

    /// Everything that the broker has decided up to now becomes durable.
    pub fn commit(&self) {
        let last = self.shell.borrow().waiting.back().map_or(Lsn::NONE, |batch| batch.lsn);
        self.shell.borrow_mut().commit(last);
    }

    /// The oldest batch that is not durable becomes so. False if there is none.
    pub fn commit_one(&self) -> bool {
        let oldest = self.shell.borrow().waiting.front().map(|batch| batch.lsn);
        if let Some(lsn) = oldest {
            self.shell.borrow_mut().commit(lsn);
        }
        oldest.is_some()
    }

    /// The process dies and another one goes on from what is durable. Every link is lost.
    pub fn crash(&self) {
        self.shell.borrow_mut().crash(Lsn::NONE);
    }

    /// The broker is told to stop.
    pub fn shut_down(&self) {
        self.shell.borrow_mut().shut_down();
    }

    /// The disk fills up, or has room again.
    pub fn set_disk_full(&self, full: bool) {
        self.shell.borrow_mut().set_disk_full(full);
    }

    /// Too much memory is in use, or there is enough again.
    pub fn set_memory_short(&self, short: bool) {
        self.shell.borrow_mut().set_memory_short(short);
    }

    /// What the broker has counted.
    pub fn stats(&self) -> Ref<'_, Stats> {
        Ref::map(self.shell.borrow(), |shell| shell.broker.stats())
    }

    /// What the broker decides by.
    pub fn settings(&self) -> Ref<'_, Settings> {
        Ref::map(self.shell.borrow(), Shell::settings)
    }

    /// Direct access to broker, journal and clock.
    pub fn shell(&self) -> &RefCell<Shell> {
        &self.shell
    }
}

/// What a broker decides by that nobody has configured.
pub fn settings() -> Settings {
    Settings {
        sessions_max: 100_000,
        subscriptions_max: 10_000,
        queue: QueueLimits {
            messages_max: 100_000,
            bytes_max: 100 << 20,
            rule: QueueRule::RefuseNew,
        },
        window: Window { messages_max: 256, bytes_max: 65_536 },
        queue_qos0_offline: false,
        in_flight_max: 1_000,
        reserved_ahead: 1_024,
        receive_maximum: Limits::default().receive_maximum,
        maximum_qos: QoS::ExactlyOnce,
        keep_alive_max_secs: u16::MAX,
        session_expiry_max_secs: u32::MAX,
        share_strategy: ShareStrategy::RoundRobin,
        retained: RetainedLimits { messages_max: 100_000, bytes_max: 100 << 20 },
        cached_topics_max: 8_192,
        access_rules: true,
        access_decisions_max: 4,
        replies_max: 1_000,
        work_max: 4_000,
        sys_interval_secs: 0,
        journal: true,
    }
}
