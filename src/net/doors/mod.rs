//! What keeps clients out that want too much, around the rules of [`crate::guard`]: the counts and
//! tables that all listeners share, each listener's own, and what holds a client that is in.

mod counters;
mod door;
mod member;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use ahash::RandomState;
use parking_lot::Mutex;

pub use door::{Admission, Door, DoorLimits};
pub use member::{Member, Reading};

use super::{Clock, Entropy, Mistakes, Seats};
use crate::auth::PeerInfo;
use crate::auth::rules::Network;
use crate::guard::{
    AddressGroup, AddressLimits, Addresses, Ban, BanRules, Bans, GuardReport, HighWater, Load,
    Overload, OverloadMarks, Pace, PaceLimits, Paces, Refusal, Users,
};
use crate::types::ClientId;
use counters::Counters;

/// What all listeners share of what keeps clients out.
///
/// Its locks are taken when somebody connects or leaves, never for a message, and each for a few
/// look-ups; none is held together with another one, but for the pace of who leaves.
pub struct Doorkeeper {
    clock: Clock,
    /// One for each open socket.
    pub connections: Seats,
    /// One for each socket whose CONNECT has not been accepted.
    unauthenticated: Seats,
    addresses: Option<Arc<Mutex<Addresses>>>,
    bans: Mutex<Bans>,
    /// How many are, so that nobody takes the lock while none is.
    banned: AtomicUsize,
    /// Only where the clients of a user are counted.
    users: Option<Mutex<Users>>,
    user_pace: PaceLimits,
    /// Only of those whom a rate holds.
    paces: Mutex<Paces<Arc<Mutex<Pace>>>>,
    exempt: Vec<Network>,
    retry_after_secs: u32,
    overload: Mutex<Overload>,
    /// [`Load`] as it was last found.
    load: AtomicU8,
    memory: Option<Mutex<HighWater>>,
    is_memory_short: AtomicBool,
    counters: Counters,
    memory_bytes_max: u64,
    /// What the log says of those who are kept out.
    pub log: Mistakes,
    entropy: Entropy,
}

/// The numbers of a [`Doorkeeper`].
#[derive(Debug, Clone)]
pub struct DoorkeeperSettings {
    /// Sockets open at a time.
    pub connections_max: usize,
    /// Those of them whose CONNECT has not been accepted.
    pub unauthenticated_max: usize,
    /// For each address, on all listeners together that have no limits of their own for addresses.
    pub address: AddressLimits,
    /// Clients connected with one user name.
    pub user_connections_max: Option<u32>,
    /// For all clients of a user name together.
    pub user_pace: PaceLimits,
    /// Whoever comes from there is held to no limit for one address, and never banned for what
    /// comes from an address.
    pub exempt: Vec<Network>,
    /// Who is banned when.
    pub bans: BanRules,
    /// How late is too late.
    pub overload: OverloadMarks,
    /// From how many bytes of memory on nothing new is begun; 0 for none.
    pub memory_bytes_max: u64,
    /// Seconds after which those are told to come again who come while there is too much to do.
    pub retry_after_secs: u32,
    /// Log lines a second about those who are kept out.
    pub refusals_logged_per_second: u32,
}

impl DoorkeeperSettings {
    /// Everybody comes in and nobody is banned: for servers whose clients are known.
    pub fn unlimited() -> Self {
        Self {
            connections_max: usize::MAX,
            unauthenticated_max: usize::MAX,
            address: AddressLimits::default(),
            user_connections_max: None,
            user_pace: PaceLimits::default(),
            exempt: Vec::new(),
            bans: BanRules::nobody(),
            overload: OverloadMarks::default(),
            memory_bytes_max: 0,
            retry_after_secs: 10,
            refusals_logged_per_second: 10,
        }
    }
}

/// Somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnedAway {
    /// Why.
    pub refusal: Refusal,
    /// The seconds after which it may try again, where that would help.
    pub retry_after_secs: Option<u32>,
}

impl Doorkeeper {
    /// Nobody is there yet.
    pub fn new(settings: DoorkeeperSettings, clock: Clock) -> Arc<Self> {
        let entropy = Entropy::default();
        let hasher = || hasher(&entropy);
        let users = settings.user_connections_max.map(|max| Users::new(max, hasher()));
        let water = Some(settings.memory_bytes_max).filter(|max| *max > 0).map(HighWater::new);
        Arc::new(Self {
            clock,
            connections: Seats::of(settings.connections_max),
            unauthenticated: Seats::of(settings.unauthenticated_max),
            addresses: addresses(settings.address, hasher()),
            bans: Mutex::new(Bans::new(settings.bans, hasher())),
            banned: AtomicUsize::new(0),
            users: users.map(Mutex::new),
            user_pace: settings.user_pace,
            paces: Mutex::new(Paces::new(hasher())),
            exempt: settings.exempt,
            retry_after_secs: settings.retry_after_secs,
            overload: Mutex::new(Overload::new(settings.overload)),
            load: AtomicU8::new(Load::Normal as u8),
            memory: water.map(Mutex::new),
            is_memory_short: AtomicBool::new(false),
            counters: Counters::default(),
            memory_bytes_max: settings.memory_bytes_max,
            log: Mistakes::new(settings.refusals_logged_per_second),
            entropy,
        })
    }

    /// A listener's part, with what that listener allows.
    pub fn door(self: &Arc<Self>, limits: DoorLimits) -> Arc<Door> {
        Arc::new(Door {
            keeper: Arc::clone(self),
            connections: limits.connections_max.map(Seats::of),
            unauthenticated: limits.unauthenticated_max.map(Seats::of),
            addresses: match limits.address {
                Some(own) => addresses(own, hasher(&self.entropy)),
                None => self.addresses.clone(),
            },
            pace: limits.pace,
            connection: limits.connection,
        })
    }

    /// Whether a client that has just sent its CONNECT is looked at any further, before anybody is
    /// asked about its credentials.
    ///
    /// # Errors
    ///
    /// Why it is not; that is counted.
    pub fn admit_client(
        &self,
        peer: &PeerInfo,
        client_id: &ClientId,
        user: Option<&str>,
    ) -> Result<(), TurnedAway> {
        if self.load() > Load::Normal {
            return Err(self.turn_away(Refusal::Overload, true));
        }
        if self.is_memory_short() {
            return Err(self.turn_away(Refusal::Memory, true));
        }
        if self.is_banned(peer, client_id, user) {
            return Err(self.turn_away(Refusal::Banned, false));
        }
        Ok(())
    }

    /// A client is who it says and asks to be connected. Returns what it is held to from now on, if it
    /// is to anything.
    ///
    /// # Errors
    ///
    /// Why it is not let in after all; that is counted.
    pub fn handle_client(
        self: &Arc<Self>,
        peer: &PeerInfo,
        client_id: &ClientId,
        user: Option<&str>,
        pace: PaceLimits,
    ) -> Result<Option<Box<Member>>, TurnedAway> {
        if let Some(group) = self.group(peer.address) {
            let ban = self.with_bans(|bans| bans.note_connect(group, client_id, self.clock.now()));
            if self.tell(ban) {
                return Err(self.turn_away(Refusal::Banned, false));
            }
        }
        if let (Some(users), Some(user)) = (&self.users, user)
            && !users.lock().enter(user, client_id)
        {
            return Err(self.turn_away(Refusal::UserConnections, false));
        }
        Ok(Member::new(self, client_id, user, pace))
    }

    /// A login has failed.
    pub fn handle_failed_login(&self, peer: &PeerInfo, user: Option<&str>) {
        Counters::add(&self.counters.failed_logins);
        let now = self.clock.now();
        let group = self.group(peer.address);
        let (address, user) = self.with_bans(|bans| {
            let address = group.and_then(|group| bans.note_address_failure(group, now));
            (address, user.and_then(|user| bans.note_user_failure(user, now)))
        });
        self.tell(address);
        self.tell(user);
    }

    /// Takes note of how late the broker was, for all that come from now on.
    pub fn note_late(&self, late: Duration) {
        self.counters.note_late(late);
        let load = self.overload.lock().note(late);
        let before = self.load.swap(load as u8, Ordering::Relaxed);
        if before != load as u8 {
            let late_ms = late.as_millis() as u64;
            match load {
                Load::Normal => tracing::info!(late_ms, "overload is over: new clients come in"),
                Load::Busy => {
                    tracing::warn!(late_ms, "overload: new clients are told to come later")
                }
                Load::Closed => tracing::error!(late_ms, "overload: new connections are closed"),
            }
        }
    }

    /// Whether it matters how much the broker holds while the process has so many bytes.
    pub fn is_near_high_water(&self, bytes: u64) -> bool {
        self.memory.as_ref().is_some_and(|water| water.lock().is_near(bytes))
    }

    /// Takes note of how large the process is and how much of that the broker holds; returns whether
    /// that is too much.
    pub fn note_memory(&self, bytes: u64, held_bytes: u64) -> bool {
        self.counters.memory_bytes.store(bytes, Ordering::Relaxed);
        let Some(water) = &self.memory else { return false };
        let short = water.lock().note(bytes, held_bytes);
        if short != self.is_memory_short.swap(short, Ordering::Relaxed) {
            let max = self.memory_bytes_max;
            match short {
                true => {
                    tracing::error!(bytes, held_bytes, max, "memory is short: nothing new is begun")
                }
                false => tracing::info!(bytes, held_bytes, max, "there is enough memory again"),
            }
        }
        short
    }

    /// Whether new work is refused for want of memory.
    pub fn is_memory_short(&self) -> bool {
        self.is_memory_short.load(Ordering::Relaxed)
    }

    /// Everybody who is banned now, first those who are for the shortest time; at most `max`.
    pub fn list_bans(&self, max: usize) -> Vec<Ban> {
        let now = self.clock.now();
        self.bans.lock().list(now).take(max).collect()
    }

    /// Ends the ban of the subject that is shown as `subject`. Whether there was one.
    pub fn lift_ban(&self, subject: &str) -> bool {
        self.with_bans(|bans| bans.lift(subject, self.clock.now()))
    }

    /// Ends all bans; returns how many.
    pub fn lift_all_bans(&self) -> usize {
        self.with_bans(|bans| bans.lift_all(self.clock.now()))
    }

    /// How the protection is doing. Ends what is over by now.
    pub fn report(&self) -> GuardReport {
        let bans = self.with_bans(|bans| bans.advance(self.clock.now()));
        GuardReport {
            bans: bans as u64,
            unauthenticated: self.unauthenticated.taken() as u64,
            memory_bytes_max: self.memory_bytes_max,
            is_memory_short: self.is_memory_short(),
            ..self.counters.report()
        }
    }

    /// What counts as one peer, if any limit for one address holds it.
    fn group(&self, address: Option<SocketAddr>) -> Option<AddressGroup> {
        let ip = address?.ip();
        let exempt = self.exempt.iter().any(|range| range.contains(ip));
        (!exempt).then(|| ip.into())
    }

    fn is_banned(&self, peer: &PeerInfo, client_id: &ClientId, user: Option<&str>) -> bool {
        if self.banned.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let now = self.clock.now();
        let bans = self.bans.lock();
        let client =
            |group| bans.bans_address(group, now) || bans.bans_client(group, client_id, now);
        self.group(peer.address).is_some_and(client)
            || user.is_some_and(|user| bans.bans_user(user, now))
    }

    fn bans_address(&self, group: AddressGroup) -> bool {
        self.banned.load(Ordering::Relaxed) > 0
            && self.bans.lock().bans_address(group, self.clock.now())
    }

    fn with_bans<R>(&self, act: impl FnOnce(&mut Bans) -> R) -> R {
        let mut bans = self.bans.lock();
        let result = act(&mut bans);
        self.banned.store(bans.banned(), Ordering::Relaxed);
        result
    }

    /// Logs a ban, if there is one.
    fn tell(&self, ban: Option<Ban>) -> bool {
        let Some(Ban { subject, offence, until, times }) = &ban else { return false };
        Counters::add(&self.counters.bans_made);
        let now = self.clock.now();
        let secs = until.since(now).as_millis().div_ceil(1_000);
        if self.log.admit(now) {
            tracing::warn!(%subject, secs, times, why = offence.name(), "banned");
        }
        true
    }

    fn turn_away(&self, refusal: Refusal, try_again: bool) -> TurnedAway {
        self.counters.refuse(refusal);
        let secs = self.retry_after_secs;
        // All at once they would be too many again.
        let jitter = || (self.entropy.draw() % (u64::from(secs) + 1)) as u32;
        TurnedAway { refusal, retry_after_secs: try_again.then(|| secs.saturating_add(jitter())) }
    }

    fn load(&self) -> Load {
        match self.load.load(Ordering::Relaxed) {
            load if load == Load::Closed as u8 => Load::Closed,
            load if load == Load::Busy as u8 => Load::Busy,
            _ => Load::Normal,
        }
    }
}

/// The table of addresses, where anything is limited for one of them.
fn addresses(limits: AddressLimits, hasher: RandomState) -> Option<Arc<Mutex<Addresses>>> {
    (!limits.is_none()).then(|| Arc::new(Mutex::new(Addresses::new(limits, hasher))))
}

fn hasher(entropy: &Entropy) -> RandomState {
    let seeds = [(); 4].map(|()| entropy.draw());
    RandomState::with_seeds(seeds[0], seeds[1], seeds[2], seeds[3])
}
