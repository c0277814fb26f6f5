use std::collections::{BTreeMap, VecDeque};

use fulmar::journal::{Backlog, Image, Load, Unfinished};
use fulmar::store::{Committer, Event, Packed, Recovered, Store, StoreError, recover};
use fulmar::types::Lsn;

use crate::common::Shell;
use crate::disk::{Crash, Disk, Moment};
use crate::plan::StorePlan;
use crate::rng::Rng;

/// Everything below the broker as it is in production, on a simulated disk, and one call at a time:
/// what the store's thread does next, and when the broker hears of it, follows from the seed.
pub struct Stack {
    rng: Rng,
    plan: StorePlan,
    disk: Disk,
    committer: Committer,
    doing: Doing,
    /// The group that is being written.
    group: Option<Packed>,
    /// What the broker hears before the store does anything else.
    untold: VecDeque<Event>,
    /// Records that nobody wrote.
    litter: u64,
    /// Where processes died.
    pub deaths: Deaths,
}

/// How often a process died where.
pub type Deaths = BTreeMap<(Doing, Moment), u64>;

/// What a store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doing {
    Nothing,
    Committing,
    Folding,
    Loading,
    Syncing,
    Recovering,
}

/// The process died in the call.
#[derive(Debug)]
pub struct Died;

/// What a process finds.
pub struct Found {
    pub crash: Crash,
    pub image: Image,
    pub last: Lsn,
    /// The last batch that is there and that the broker had not been told of; [`Lsn::NONE`] if all
    /// such are lost.
    pub kept: Lsn,
}

/// Messages of a page in the comparison of a store with the model.
const PAGE_MESSAGES: usize = 3;
/// No session ever has this number.
const NO_SESSION: [u8; 8] = [0x7F; 8];

impl Stack {
    pub fn new(mut rng: Rng, plan: StorePlan) -> Self {
        let disk = Disk::new(plan.syncs_itself);
        let committer = open(&disk, &plan).expect("an empty disk");
        disk.let_live(draw_life(&mut rng));
        let (group, untold, deaths) = Default::default();
        let (doing, litter) = (Doing::Nothing, 0);
        Self { rng, plan, disk, committer, doing, group, untold, litter, deaths }
    }

    /// How many calls the store makes until the clients get their turn.
    pub fn draw_calls(&mut self) -> u64 {
        if self.rng.chance(self.plan.diligence) {
            self.rng.range(1..self.plan.calls_max + 1)
        } else {
            0
        }
    }

    /// What the broker hears next.
    pub fn tell(&mut self) -> Option<Event> {
        let mut event = self.untold.pop_front()?;
        if let Event::Stored(stored) = &mut event {
            // The server tells of many sessions in several holds of the broker's lock.
            let first = 1 + self.rng.index(stored.len().max(1));
            let later = stored.split_off(first.min(stored.len()));
            if !later.is_empty() {
                self.untold.push_front(Event::Stored(later));
            }
        }
        Some(event)
    }

    /// The store does one thing, if there is anything to do. It must have been told.
    pub fn work(&mut self, shell: &mut Shell) -> Result<Doing, Died> {
        assert!(self.untold.is_empty(), "the thread waits until the broker has heard");
        self.disk.set_room(!self.rng.chance(self.plan.refusals));
        self.doing = self.choose(shell);
        match self.doing {
            Doing::Committing => self.commit(shell)?,
            Doing::Loading => self.load(shell)?,
            Doing::Folding => self.fold()?,
            Doing::Syncing => {
                let synced = self.committer.sync();
                self.survive(synced)?;
            }
            Doing::Nothing | Doing::Recovering => {}
        }
        Ok(std::mem::replace(&mut self.doing, Doing::Nothing))
    }

    fn choose(&mut self, shell: &Shell) -> Doing {
        // A group that the disk has refused is tried again before anything else is written.
        let stalled = self.group.is_some();
        let folds = self.committer.wants_to_fold() || self.rng.chance(self.plan.spare_folds);
        let syncs = !self.plan.syncs_itself && self.rng.chance(200);
        let all = [
            (Doing::Committing, stalled || !shell.waiting.is_empty()),
            (Doing::Loading, !shell.pages.asked.is_empty()),
            (Doing::Folding, !stalled && folds),
            (Doing::Syncing, !stalled && syncs),
        ];
        let possible: Vec<Doing> =
            all.into_iter().filter(|(_, possible)| *possible).map(|(doing, _)| doing).collect();
        if possible.is_empty() { Doing::Nothing } else { self.rng.pick(&possible) }
    }

    /// Makes a group of the oldest batches durable.
    fn commit(&mut self, shell: &Shell) -> Result<(), Died> {
        let waiting = shell.waiting.len();
        let packed = self.group.take().unwrap_or_else(|| {
            let count = if self.rng.chance(400) { waiting } else { 1 + self.rng.index(waiting) };
            Packed::new(shell.waiting.iter().take(count).cloned().collect())
        });
        let (last, written) = (packed.last(), self.committer.commit(&packed));
        self.group = Some(packed);
        if self.survive(written)?.is_some() {
            self.group = None;
            self.untold.push_back(Event::Durable(last));
        }
        Ok(())
    }

    /// Answers who has waited longest.
    fn load(&mut self, shell: &mut Shell) -> Result<(), Died> {
        let asked = shell.pages.asked.pop_front().expect("the caller has looked");
        let loaded = self.committer.load(&asked);
        if let Some(loaded) = self.survive(loaded)? {
            assert_eq!((loaded.quarantined, loaded.lost), (0, 0), "in answer to {asked:?}");
            self.untold.push_back(Event::Loaded(loaded.page));
        }
        Ok(())
    }

    fn fold(&mut self) -> Result<(), Died> {
        let Self { committer, rng, plan, .. } = self;
        let folded = committer.fold(&mut || rng.chance(plan.lateness));
        let Some(step) = self.survive(folded)? else { return Ok(()) };
        assert_eq!(step.quarantined, 0, "nothing that is folded is damaged");
        self.untold.extend(step.stored.map(Event::Stored));
        Ok(())
    }

    /// What a call came to; nothing if the disk had no room for it.
    fn survive<T>(&self, result: Result<T, StoreError>) -> Result<Option<T>, Died> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Full { .. }) => Ok(None),
            Err(error) => {
                assert!(self.disk.died().is_some(), "the disk does what it is asked: {error}");
                Err(Died)
            }
        }
    }

    /// Does something of what waits, without dying. False if nothing does.
    pub fn finish(&mut self, shell: &mut Shell) -> bool {
        let result = match (self.group.is_some() || !shell.waiting.is_empty(), &shell.pages.asked) {
            (true, _) => self.commit(shell),
            (false, asked) if asked.is_empty() => return false,
            _ => self.load(shell),
        };
        result.expect("the process is spared");
        true
    }

    /// Whether for now nobody dies, and there is room.
    pub fn spare(&self, spared: bool) {
        self.disk.spare(spared);
    }

    /// The process dies, unless it has already, and others after it until one has recovered.
    pub fn restart(&mut self) -> Found {
        let done = self.untold.drain(..).find_map(|event| match event {
            Event::Durable(lsn) => Some(lsn),
            _ => None,
        });
        let mut loses_power = false;
        let recovered = loop {
            let moment = self.disk.died().unwrap_or(Moment::BetweenCalls);
            *self.deaths.entry((self.doing, moment)).or_default() += 1;
            let power_cut = self.plan.syncs_itself && self.rng.chance(500);
            loses_power |= power_cut;
            self.disk.crash(if power_cut { Crash::PowerCut } else { Crash::Kill });
            self.drop_litter();
            self.disk.set_room(true);
            self.disk.let_live(draw_life(&mut self.rng));
            self.doing = Doing::Recovering;
            let recovered = self.recover();
            if let Some(recovered) = self.survive(recovered).ok().flatten() {
                break recovered;
            }
        };
        self.doing = Doing::Nothing;
        let Recovered { image, last, .. } = recovered;
        let writing = self.group.take().map(|packed| packed.last());
        let kept = done.or(writing.filter(|group| *group <= last)).unwrap_or(Lsn::NONE);
        let crash = if loses_power { Crash::PowerCut } else { Crash::Kill };
        Found { crash, image, last, kept }
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let recovered = recover(&mut self.disk, &mut |_| {})?;
        assert!(recovered.quarantined <= self.litter && recovered.lost == 0, "{recovered:?}");
        self.committer = open(&self.disk, &self.plan)?;
        self.litter = 0;
        Ok(recovered)
    }

    /// Records that mean nothing: recovery sets them aside, in writes of its own.
    fn drop_litter(&mut self) {
        if !self.rng.chance(self.plan.litter) {
            return;
        }
        let kinds: &[u8] = b"surj";
        let kind = kinds[self.rng.index(kinds.len())];
        let mut key = [&[kind], &NO_SESSION[..]].concat();
        key.extend_from_slice(&self.rng.range(0..1 << 40).to_be_bytes());
        // As the number of a chunk does.
        key.extend_from_slice(&[0, 0]);
        self.disk.litter(key, vec![kind; 9]);
        self.litter += 1;
    }

    /// What a restart says, with all messages of backlogs in the queues.
    pub fn whole(&mut self, mut image: Image) -> Image {
        for (&session, image) in &mut image.sessions {
            let Backlog { mut from, to, settled, .. } = std::mem::take(&mut image.backlog);
            while from < to {
                let messages_max = PAGE_MESSAGES;
                let asked = Load { session, from, to, messages_max, bytes_max: 1_000 };
                let loaded = self.committer.load(&asked).expect("reads");
                assert_eq!((loaded.quarantined, loaded.lost), (0, 0), "in answer to {asked:?}");
                assert!(loaded.page.next > from, "in answer to {asked:?}");
                from = loaded.page.next;
                for (number, message) in loaded.page.messages {
                    if !settled.contains(&number) {
                        let twice = image.queue.insert(number, Unfinished::Message(message));
                        assert_eq!(twice, None, "number {number} is in the journal, too");
                    }
                }
            }
        }
        image
    }

    /// When nobody waits for anything: folds all, and nothing but what lasts is left.
    pub fn check_tidy(&mut self) {
        while self.committer.wants_to_fold() || self.committer.journal_bytes() > 0 {
            self.committer.fold(&mut || false).expect("the process is spared");
        }
        for kind in [b'j', b's', b'b', b'm', b'n', b'x'] {
            let mut left = Vec::new();
            let mut visit = |key: &[u8], _: &[u8]| {
                left.push(key.escape_ascii().to_string());
                std::ops::ControlFlow::Continue(())
            };
            self.disk.scan(&[kind], b"", &mut visit).expect("memory");
            assert!(left.is_empty(), "of use to nobody: {left:?}");
        }
    }
}

fn open(disk: &Disk, plan: &StorePlan) -> Result<Committer, StoreError> {
    Committer::open(Box::new(disk.clone()), plan.settings)
}

/// Moments until the disk kills the process, if it does.
fn draw_life(rng: &mut Rng) -> Option<u64> {
    let most = rng.pick(&[None, Some(4), Some(30), Some(200)]);
    most.map(|most| rng.range(0..most))
}
