use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::reuse::Reuse;
use crate::store::{Ballast, Store, free_bytes};

/// The room that the file system of a store has left, and what is done about too little of it.
///
/// ```text
///    free
///     |   there is room again, and ballast is laid where that leaves as much
///   9/8 of free_bytes_min
///     |   as it was
///   free_bytes_min
///     |   full: the broker takes on nothing new, what is under way is committed in this reserve
///   1/2 of free_bytes_min
///     |   stalled: ballast is given up, and when that is used up nothing is committed
/// ```
pub struct Room {
    /// Asks the file system how many bytes are free.
    free: Option<Free>,
    free_bytes_min: u64,
    ballast_bytes: u64,
    ballast: Ballast,
    /// The file system would not have it though there was room: not asked again.
    ballast_refused: bool,
    low: bool,
    stalled: bool,
    reuse: Reuse,
    /// By the clock, when the walk for that goes on.
    reuse_due_micros: u64,
}

type Free = Box<dyn Fn() -> io::Result<u64> + Send>;

/// How much room a store keeps, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSettings {
    /// The data directory: its file system is watched, and ballast lies in it.
    pub directory: PathBuf,
    /// Bytes free below which the disk counts as full; 0 for never.
    pub free_bytes_min: u64,
    /// Bytes of a file that is given up when nothing else is left; 0 for none.
    pub ballast_bytes: u64,
}

/// How often the file system is asked while nothing is committed.
const INTERVAL: Duration = Duration::from_secs(1);
/// Between two steps of a walk through the store.
const STEP_INTERVAL: Duration = Duration::from_millis(50);

impl RoomSettings {
    /// What an engine has to leave free: half of the reserve is for what is under way.
    pub fn kept_bytes(&self) -> u64 {
        self.free_bytes_min / 2
    }

    /// To be called before an engine is opened, which not every engine survives on a full disk:
    /// gives up the ballast if there is too little room.
    pub fn make_way(&self) {
        let needed = self.kept_bytes().max(self.ballast_bytes);
        if free_bytes(&self.directory).is_ok_and(|free| free < needed) {
            give_up(&Ballast::of(&self.directory));
        }
    }
}

impl Room {
    /// For a store that is on no file system.
    pub fn unbounded() -> Self {
        let nowhere = PathBuf::new();
        let settings = RoomSettings { directory: nowhere, free_bytes_min: 0, ballast_bytes: 0 };
        Self { free: None, ..Self::watched_by(settings, Box::new(|| Ok(u64::MAX))) }
    }

    pub fn watched(settings: RoomSettings) -> Self {
        let directory = settings.directory.clone();
        Self::watched_by(settings, Box::new(move || free_bytes(&directory)))
    }

    fn watched_by(settings: RoomSettings, free: Free) -> Self {
        Self {
            free: Some(free),
            free_bytes_min: settings.free_bytes_min,
            ballast_bytes: settings.ballast_bytes,
            ballast: Ballast::of(&settings.directory),
            ballast_refused: false,
            low: false,
            stalled: false,
            reuse: Reuse::default(),
            reuse_due_micros: 0,
        }
    }

    /// When to look again, if nothing is committed before.
    pub fn interval(&self) -> Option<Duration> {
        self.free.as_ref().map(|_| if self.low { STEP_INTERVAL } else { INTERVAL })
    }

    /// Looks how much is left, and lays ballast when there is room for it. A file system that does
    /// not say changes nothing. Returns the bytes that are free.
    pub fn look(&mut self, store: &dyn Store, now_micros: u64) -> Option<u64> {
        let free = self.free.as_ref()?;
        let bytes = free().ok()?;
        if self.low && store.keeps_freed_room() && now_micros >= self.reuse_due_micros {
            self.reuse_due_micros = now_micros + STEP_INTERVAL.as_micros() as u64;
            // A store that cannot be read says so to those who need what is in it.
            let _ = self.reuse.step(store, bytes);
        }
        if bytes >= self.enough() {
            self.reuse = Reuse::default();
        }
        let usable = bytes.saturating_add(self.reuse.bytes(bytes));
        self.low = usable < self.free_bytes_min || self.low && usable < self.enough();
        if self.ballast_bytes > 0 && !self.stalled && bytes >= self.enough_for_ballast() {
            self.lay();
        }
        Some(bytes)
    }

    /// Whether nothing new is to be taken on.
    pub fn is_full(&self) -> bool {
        self.low || self.stalled
    }

    /// There was no room for a commit. Returns whether some was made.
    pub fn stall(&mut self) -> bool {
        self.stalled = true;
        self.give_up_ballast()
    }

    /// The commit went through after all.
    pub fn resume(&mut self) {
        self.stalled = false;
    }

    /// Returns whether there was any.
    pub fn give_up_ballast(&self) -> bool {
        self.free.is_some() && give_up(&self.ballast)
    }

    fn enough(&self) -> u64 {
        self.free_bytes_min.saturating_add(self.free_bytes_min / 8)
    }

    fn enough_for_ballast(&self) -> u64 {
        self.enough().max(self.ballast_bytes).saturating_add(self.ballast_bytes)
    }

    fn lay(&mut self) {
        let is_there = self.ballast.bytes().is_ok_and(|bytes| bytes == self.ballast_bytes);
        if is_there || self.ballast_refused {
            return;
        }
        if let Err(error) = self.ballast.lay(self.ballast_bytes) {
            tracing::warn!(%error, "no ballast can be laid beside the store");
            self.ballast_refused = true;
        }
    }
}

fn give_up(ballast: &Ballast) -> bool {
    match ballast.release() {
        Ok(0) => false,
        Ok(bytes) => {
            tracing::warn!(bytes, "the disk is full: the store's ballast is given up");
            true
        }
        Err(error) => {
            tracing::error!(%error, "the store's ballast cannot be given up");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tempfile::TempDir;

    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn the_disk_is_full_one_byte_below_the_watermark_and_not_full_again_an_eighth_above_it() {
        let home = home();
        let (mut room, disk) = room(&home, 800, 0);
        let mut full_at = |free| {
            disk.store(free, Ordering::SeqCst);
            assert_eq!(look(&mut room), Some(free));
            room.is_full()
        };

        assert!(!full_at(800));
        assert!(full_at(799));
        assert!(full_at(899));
        assert!(!full_at(900));
        assert!(!full_at(800));
    }

    #[test]
    fn a_watermark_of_0_is_never_reached() {
        let home = home();
        let (mut room, disk) = room(&home, 0, 0);
        disk.store(0, Ordering::SeqCst);
        look(&mut room);
        assert!(!room.is_full());
    }

    #[test]
    fn ballast_is_laid_where_enough_remains_and_given_up_when_commits_stall() {
        let home = home();
        let (mut room, disk) = room(&home, 800, 100);
        disk.store(999, Ordering::SeqCst);
        look(&mut room);
        assert!(!room.stall(), "nothing was laid");
        room.resume();

        disk.store(1000, Ordering::SeqCst);
        look(&mut room);
        assert_eq!(room.ballast.bytes().expect("known"), 100);
        assert!(room.stall());
        assert!(room.is_full() && !room.stall());

        look(&mut room);
        assert_eq!(room.ballast.bytes().expect("known"), 0, "not while commits are stalled");
        room.resume();
        look(&mut room);
        assert_eq!(room.ballast.bytes().expect("known"), 100);
    }

    #[test]
    fn an_engine_is_opened_on_a_full_disk_without_ballast() {
        let directory = home();
        let settings = |free_bytes_min| RoomSettings {
            directory: directory.path().into(),
            free_bytes_min,
            ballast_bytes: 100,
        };
        let ballast = Ballast::of(directory.path());
        ballast.lay(100).expect("room");

        settings(1).make_way();
        assert_eq!(ballast.bytes().expect("known"), 100);
        settings(u64::MAX).make_way();
        assert_eq!(ballast.bytes().expect("known"), 0);
    }

    fn look(room: &mut Room) -> Option<u64> {
        room.look(&MemoryStore::default(), 0)
    }

    /// On a disk of our own making, with so much free.
    fn room(home: &TempDir, free_bytes_min: u64, ballast_bytes: u64) -> (Room, Arc<AtomicU64>) {
        let disk = Arc::new(AtomicU64::new(u64::MAX));
        let told = Arc::clone(&disk);
        let directory = home.path().into();
        let settings = RoomSettings { directory, free_bytes_min, ballast_bytes };
        let room = Room::watched_by(settings, Box::new(move || Ok(told.load(Ordering::SeqCst))));
        (room, disk)
    }

    fn home() -> TempDir {
        TempDir::new().expect("temporary directory")
    }
}
