use std::collections::{BTreeMap, HashMap};

use ahash::RandomState;

use super::{AddressGroup, Offence, Subject};
use crate::types::{ClientId, Timestamp};

/// When somebody is banned, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanRules {
    /// Seconds in which offences are counted together, from the first one on.
    pub window_secs: u64,
    /// Connections of one client from one address in that time; `None` for any number.
    pub connects_max: Option<u32>,
    /// Failed logins from one address; `None` for any number.
    pub address_failures_max: Option<u32>,
    /// Failed logins with one user name; `None` for any number.
    pub user_failures_max: Option<u32>,
    /// Seconds of a first ban. Each further one is twice as long as the one before.
    pub ban_secs: u64,
    /// Seconds of the longest ban, and for which an earlier ban is remembered.
    pub ban_secs_max: u64,
    /// Subjects known at a time, banned or not.
    pub entries_max: usize,
}

/// Who is banned, and who may soon be. In memory only: a restart forgives everybody.
///
/// When there are too many subjects those that are not banned give way first, and then the bans that
/// have the least left to run.
#[derive(Debug)]
pub struct Bans {
    rules: BanRules,
    entries: HashMap<Subject, Entry, RandomState>,
    /// All entries: first those that give way first.
    order: BTreeMap<Place, Subject>,
    banned: usize,
    added: u64,
}

/// One ban.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who.
    pub subject: Subject,
    /// What for.
    pub offence: Offence,
    /// The first moment at which it may come again.
    pub until: Timestamp,
    /// The how-manieth it is of this subject.
    pub times: u32,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    offence: Offence,
    /// Since the window began.
    offences: u32,
    window_ends: Timestamp,
    times: u32,
}

/// Where an entry stands in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    is_banned: bool,
    /// The end of the ban, or when the subject is forgotten.
    until: Timestamp,
    number: u64,
}

impl BanRules {
    /// Nobody is ever banned.
    pub fn nobody() -> Self {
        Self {
            window_secs: 60,
            connects_max: None,
            address_failures_max: None,
            user_failures_max: None,
            ban_secs: 60,
            ban_secs_max: 3_600,
            entries_max: 1,
        }
    }
}

impl Bans {
    /// Nobody is banned. `hasher` is seeded so that nobody chooses names that collide.
    pub fn new(rules: BanRules, hasher: RandomState) -> Self {
        let entries = HashMap::with_hasher(hasher);
        Self { rules, entries, order: BTreeMap::new(), banned: 0, added: 0 }
    }

    /// A client connects. If that is once too often it is banned from now on.
    pub fn note_connect(
        &mut self,
        address: AddressGroup,
        client_id: &ClientId,
        now: Timestamp,
    ) -> Option<Ban> {
        let max = self.rules.connects_max?;
        let subject = Subject::client(address, client_id, self.entries.hasher());
        self.note(subject, Offence::Flapping, max, now)
    }

    /// A login from `address` has failed. If that is once too often it is banned from now on.
    pub fn note_address_failure(&mut self, address: AddressGroup, now: Timestamp) -> Option<Ban> {
        let max = self.rules.address_failures_max?;
        self.note(Subject::Address(address), Offence::FailedLogins, max, now)
    }

    /// A login with this user name has failed. If that is once too often it is banned from now on.
    pub fn note_user_failure(&mut self, user: &str, now: Timestamp) -> Option<Ban> {
        let max = self.rules.user_failures_max?;
        let subject = Subject::user(user, self.entries.hasher());
        self.note(subject, Offence::FailedLogins, max, now)
    }

    /// Whether nobody comes in from `address`.
    pub fn bans_address(&self, address: AddressGroup, now: Timestamp) -> bool {
        self.bans(|| Subject::Address(address), now)
    }

    /// Whether this client does not come in from `address`.
    pub fn bans_client(&self, address: AddressGroup, id: &ClientId, now: Timestamp) -> bool {
        let subject = || Subject::client(address, id, self.entries.hasher());
        self.rules.connects_max.is_some() && self.bans(subject, now)
    }

    /// Whether nobody comes in with this user name.
    pub fn bans_user(&self, user: &str, now: Timestamp) -> bool {
        let subject = || Subject::user(user, self.entries.hasher());
        self.rules.user_failures_max.is_some() && self.bans(subject, now)
    }

    /// Every ban that lasts, first those that end first.
    pub fn list(&self, now: Timestamp) -> impl Iterator<Item = Ban> + '_ {
        let banned = self.order.range(Place::first_banned()..);
        banned.filter(move |(place, _)| place.until > now).map(|(place, subject)| {
            let Entry { offence, times, .. } = self.entries[subject];
            Ban { subject: subject.clone(), offence, until: place.until, times }
        })
    }

    /// Ends the ban of the subject that is shown as `subject`, and forgets what it did. Whether there
    /// was one.
    pub fn lift(&mut self, subject: &str, now: Timestamp) -> bool {
        let found = self.list(now).map(|ban| ban.subject).find(|it| it.to_string() == subject);
        let found = found.inspect(|subject| self.remove(subject));
        found.is_some()
    }

    /// Ends all bans; returns how many.
    pub fn lift_all(&mut self, now: Timestamp) -> usize {
        let subjects: Vec<Subject> = self.list(now).map(|ban| ban.subject).collect();
        subjects.iter().for_each(|subject| self.remove(subject));
        subjects.len()
    }

    /// Ends the bans whose time is over and forgets old offences. Returns how many are banned.
    pub fn advance(&mut self, now: Timestamp) -> usize {
        while let Some((place, subject)) = self.order.range(Place::first_banned()..).next() {
            if place.until > now {
                break;
            }
            let (subject, until) =
                (subject.clone(), place.until.plus_secs(self.rules.ban_secs_max));
            self.move_to(&subject, false, until);
        }
        while let Some((place, subject)) = self.order.first_key_value() {
            if place.is_banned || place.until > now {
                break;
            }
            let subject = subject.clone();
            self.remove(&subject);
        }
        self.banned
    }

    /// How many are banned, those whose time is over since [`Self::advance`] among them.
    pub fn banned(&self) -> usize {
        self.banned
    }

    /// How many subjects are known, banned or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn bans(&self, subject: impl FnOnce() -> Subject, now: Timestamp) -> bool {
        // Most of the time nobody is, and then nothing is to be looked up.
        self.banned > 0
            && self
                .entries
                .get(&subject())
                .is_some_and(|it| it.place.is_banned && it.place.until > now)
    }

    fn note(
        &mut self,
        subject: Subject,
        offence: Offence,
        max: u32,
        now: Timestamp,
    ) -> Option<Ban> {
        self.advance(now);
        let window_ends = now.plus_secs(self.rules.window_secs);
        let Some(entry) = self.entries.get_mut(&subject) else {
            return self.add(subject, offence, max, window_ends, now);
        };
        if entry.place.is_banned {
            // What was under way when it was banned does not make it worse.
            return None;
        }
        if now >= entry.window_ends {
            (entry.offences, entry.window_ends) = (0, window_ends);
        }
        entry.offences = entry.offences.saturating_add(1);
        let (offences, until) = (entry.offences, entry.place.until.max(entry.window_ends));
        match offences > max {
            true => Some(self.ban(&subject, now)),
            false => {
                self.move_to(&subject, false, until);
                None
            }
        }
    }

    fn add(
        &mut self,
        subject: Subject,
        offence: Offence,
        max: u32,
        window_ends: Timestamp,
        now: Timestamp,
    ) -> Option<Ban> {
        self.make_room();
        let place = self.place(false, window_ends);
        let entry = Entry { place, offence, offences: 1, window_ends, times: 0 };
        self.order.insert(place, subject.clone());
        self.entries.insert(subject.clone(), entry);
        (max == 0).then(|| self.ban(&subject, now))
    }

    fn ban(&mut self, subject: &Subject, now: Timestamp) -> Ban {
        let entry = self.entries.get_mut(subject).expect("just noted");
        let doubled = self.rules.ban_secs.saturating_mul(1 << entry.times.min(62));
        entry.times = entry.times.saturating_add(1);
        entry.offences = 0;
        let (offence, times) = (entry.offence, entry.times);
        let until = now.plus_secs(doubled.min(self.rules.ban_secs_max));
        self.move_to(subject, true, until);
        Ban { subject: subject.clone(), offence, until, times }
    }

    fn make_room(&mut self) {
        while self.entries.len() >= self.rules.entries_max {
            let Some((_, subject)) = self.order.first_key_value() else { return };
            let subject = subject.clone();
            self.remove(&subject);
        }
    }

    fn move_to(&mut self, subject: &Subject, is_banned: bool, until: Timestamp) {
        let place = self.place(is_banned, until);
        let entry = self.entries.get_mut(subject).expect("what is in the order is known");
        let before = std::mem::replace(&mut entry.place, place);
        let subject = self.order.remove(&before).expect("what is known is in the order");
        self.order.insert(place, subject);
        self.banned = self.banned + usize::from(is_banned) - usize::from(before.is_banned);
    }

    fn remove(&mut self, subject: &Subject) {
        if let Some(Entry { place, .. }) = self.entries.remove(subject) {
            self.order.remove(&place);
            self.banned -= usize::from(place.is_banned);
        }
    }

    fn place(&mut self, is_banned: bool, until: Timestamp) -> Place {
        self.added += 1;
        Place { is_banned, until, number: self.added }
    }
}

impl Place {
    fn first_banned() -> Self {
        Self { is_banned: true, until: Timestamp(0), number: 0 }
    }
}

#[cfg(test)]
#[path = "tests/bans.rs"]
mod tests;
